/* local.c - `osm local`: the mesh on one machine. */
#include "cli/local.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"
#include "cli/verb.h"
#include "platform/local/doc.h"

static const char help_all[] =
    "Usage: osm local VERB [ARGUMENT...]      the mesh on this machine, from a folder of Kubernetes manifests\n"
    "\n"
    "  up DIR                        run the folder's pods, with their sidecars; saving a file changes the mesh\n"
    "  down                          end it; nothing is left\n"
    "  apply -f FILE                 check FILE and copy it into the folder\n"
    "  delete -f FILE                take FILE's objects out of the folder\n"
    "  logs POD [-c CONTAINER] [-f]  what a container prints\n"
    "  exec POD [-t] -- COMMAND      run a command in a container, with -t on a terminal\n"
    "  port-forward POD [LOCAL:]PORT a port of a pod on 127.0.0.1\n"
    "\n"
    "POD is NS/POD, -n NS POD, or deploy/NAME. Each verb answers -h. Everything else is the ordinary verb: osm "
    "status.\n"
    "This isolates networks, it does not contain programs: run only manifests that you trust.\n"
    "\n"
    "Example:\n"
    "  osm local up demo/bookstore --images demo/images.yaml -d && osm wait && osm status\n";

static const char help_up[] =
    "Usage: osm local up DIR [-d] [--for DURATION] [--images FILE] [--no-mesh NS]... [--outward] [--state DIR]\n"
    "\n"
    "  -d, --detach      return when the mesh is up; osm local down ends it\n"
    "  --for DURATION    end by itself, for example after 90s or 1h\n"
    "  --images FILE     the image table: which directory stands for which image\n"
    "  --outward         pods reach this machine's networks by TCP, and names outside the cluster resolve\n"
    "  --no-mesh NS      a namespace that no manifest declares, and that is not to be in the mesh; may be repeated\n"
    "  --state DIR       keep everything there (default /run/osm/local and /var/lib/osm/local, or OSM_STATE)\n"
    "\n"
    "Examples:\n"
    "  osm local up hello\n"
    "  osm local up demo/bookstore --images demo/images.yaml -d\n";

static const char help_down[] =
    "Usage: osm local down [--state DIR]\n\nEnds the mesh of this machine; nothing running is fine.\n\n"
    "Example:\n  osm local down\n";

int local_open(const char *state, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct state s = state_paths(a, state);
    return control_open(s.control, err);
}

json_t *local_request(const char *op, const struct local_pod *p)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "op", op, "pod", p->pod, "namespace", p->ns ? p->ns : "", "container",
                     p->container ? p->container : "");
}

json_t *local_ask(int fd, const json_t *request, int *got, struct err *err)
{
    return control_send(fd, request, NULL, 0, err) ? control_receive(fd, got, err) : NULL;
}

enum { OPT_FOR = 256, OPT_IMAGES, OPT_NO_MESH, OPT_STATE, OPT_VALIDITY, OPT_OUTWARD };

static bool up_option(struct local_options *o, struct arena *a, int c)
{
    switch (c) {
    case 'd':
        o->detach = true;
        return true;
    case OPT_IMAGES:
        o->images = optarg;
        return true;
    case OPT_STATE:
        o->state = optarg;
        return true;
    case OPT_VALIDITY:
        o->min_validity = optarg;
        return true; /* not in the help: for tests */
    case OPT_OUTWARD:
        o->outward = true;
        return true;
    case OPT_NO_MESH:
        list_push(a, &o->no_mesh, str_of(optarg));
        return true;
    case OPT_FOR:
        return duration_parse(str_of(optarg), &o->duration_ns);
    default:
        return false;
    }
}

static int local_up_verb(int argc, char **argv)
{
    static const struct option options[] = {{"detach", no_argument, NULL, 'd'},
                                            {"for", required_argument, NULL, OPT_FOR},
                                            {"images", required_argument, NULL, OPT_IMAGES},
                                            {"outward", no_argument, NULL, OPT_OUTWARD},
                                            {"no-mesh", required_argument, NULL, OPT_NO_MESH},
                                            {"state", required_argument, NULL, OPT_STATE},
                                            {"help", no_argument, NULL, 'h'},
                                            {"min-validity", required_argument, NULL, OPT_VALIDITY},
                                            {0}};
    struct arena *a SCOPED_ARENA = arena_new();
    struct local_options o = {0};
    struct err err = {0};
    for (int c; (c = getopt_long(argc, argv, "dh", options, NULL)) != -1;) {
        if (c == 'h') return fputs(help_up, stdout), 0;
        if (!up_option(&o, a, c))
            return verb_usage("local up", "%s",
                              c == OPT_FOR ? "--for takes a duration such as 90s" : "an option is not known");
    }
    if (argc - optind != 1) return verb_usage("local up", "one folder is needed");
    o.dir = argv[optind];
    return local_up(&o, &err) ? 0 : verb_fail("%s", err.text);
}

static int local_down_verb(int argc, char **argv)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, OPT_STATE}, {"help", no_argument, NULL, 'h'}, {0}};
    struct arena *a SCOPED_ARENA = arena_new();
    const char *dir = NULL;
    bool was_running;
    struct err err = {0};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(help_down, stdout), 0;
        if (c != OPT_STATE) return verb_usage("local down", "an option is not known");
        dir = optarg;
    }
    struct state s = state_paths(a, dir);
    if (!local_down(&s, &was_running, &err)) return verb_fail("%s", err.text);
    puts(was_running ? "the mesh has ended" : "no local mesh is running");
    return 0;
}

int verb_local(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs_of_local[] = {{"up", local_up_verb},
                          {"down", local_down_verb},
                          {"apply", local_apply},
                          {"delete", local_delete},
                          {"logs", local_logs},
                          {"exec", local_exec},
                          {"port-forward", local_port_forward},
                          {"node", local_node}};
    if (argc < 2) return fputs(help_all, stderr), 2;
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
        return fputs(help_all, stdout), 0;
    for (size_t i = 0; i < sizeof verbs_of_local / sizeof *verbs_of_local; i++)
        if (!strcmp(argv[1], verbs_of_local[i].name)) return verbs_of_local[i].run(argc - 1, argv + 1);
    return verb_usage("local", "there is no verb '%s'", argv[1]);
}
