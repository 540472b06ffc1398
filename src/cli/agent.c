#include "agent/agent.h"

#include <string.h>

#include "agent/set.h"
#include "agent/wait.h"
#include "cli/verb.h"

int verb_agent(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "set") == 0) return agent_set(argc - 1, argv + 1);
    if (strcmp(word, "wait") == 0) return agent_wait(argc - 1, argv + 1);
    return agent_run(argc, argv);
}
