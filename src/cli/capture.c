#include "agent/capture.h"

#include "cli/verb.h"

int verb_capture(int argc, char **argv) { return capture_run(argc, argv); }
