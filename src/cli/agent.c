#include <string.h>

#include "agent/agent.h"
#include "agent/set.h"
#include "cli/verb.h"

int verb_agent(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "set") == 0 ? agent_set(argc - 1, argv + 1) : agent_run(argc, argv);
}
