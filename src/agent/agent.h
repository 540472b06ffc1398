/* agent.h - the sidecar's first process. One thread, one loop. */
#pragma once

/* `osm agent`: runs until SIGTERM (drains), POST /quitquitquit, or a failure at start. Exit code as for a verb. */
int agent_run(int argc, char **argv);
