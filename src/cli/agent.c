#include "agent/agent.h"

#include "cli/verb.h"

int verb_agent(int argc, char **argv) { return agent_run(argc, argv); }
