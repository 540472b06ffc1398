/* local_node.c - `osm local node`: this machine as a node of a Kubernetes API, for tests. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/local.h"
#include "cli/verb.h"

static const char help[] =
    "Usage: osm local node --kubeconfig FILE [--name NAME] [--images FILE] [--state DIR]\n\n"
    "Runs the pods that a Kubernetes API binds to node NAME (local), as osm local up runs those of a folder, and "
    "binds\n"
    "those that wait for the default scheduler. Made for tests: links and rules are made in the network namespace it "
    "is\n"
    "started in, which may not be the machine's own. It ends with Ctrl-C, and all its pods with it.\n\n"
    "Example:\n  unshare --net osm local node --kubeconfig kubeconfig\n";

enum { OPT_KUBECONFIG = 256, OPT_NAME, OPT_IMAGES, OPT_STATE };

static bool take(struct local_options *o, int c)
{
    const char **field = c == OPT_KUBECONFIG ? &o->kubeconfig
                         : c == OPT_NAME     ? &o->node
                         : c == OPT_IMAGES   ? &o->images
                         : c == OPT_STATE    ? &o->state
                                             : NULL;
    return field && (*field = optarg);
}

int local_node(int argc, char **argv)
{
    static const struct option options[] = {{"kubeconfig", required_argument, NULL, OPT_KUBECONFIG},
                                            {"name", required_argument, NULL, OPT_NAME},
                                            {"images", required_argument, NULL, OPT_IMAGES},
                                            {"state", required_argument, NULL, OPT_STATE},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct local_options o = {.node = "local"};
    struct err err = {0};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(help, stdout), 0;
        if (!take(&o, c)) return verb_usage("local node", "an option is not known");
    }
    if (!o.kubeconfig || optind < argc)
        return verb_usage("local node", "--kubeconfig FILE is needed, and nothing more");
    return local_up(&o, &err) ? 0 : verb_fail("%s", err.text);
}
