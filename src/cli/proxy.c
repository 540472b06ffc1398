/* osm proxy get|set QUERY POD: an Envoy's admin interface. What shows state is asked through the pod's own port 15000;
 * what changes it goes by a command in the sidecar to the Unix socket that only the sidecar can open. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/names.h"
#include "cli/local.h"
#include "cli/proxy_ask.h"
#include "cli/verb.h"
#include "kube/pod.h"

static const char usage[] =
    "Usage: osm proxy get QUERY POD [-n NS] [-f FILE] [--state DIR]\n"
    "       osm proxy set QUERY POD [-n NS]\n\n"
    "Asks the Envoy of a pod (get), or changes it (set). QUERY is a path of its admin interface: config_dump, "
    "clusters,\n"
    "listeners, stats, certs, server_info, ready; to set: 'logging?level=debug', reset_counters.\n"
    "POD is NAME, NS/NAME or deploy/NAME.\n\n"
    "  -f, --file FILE   write the answer there\n\n" PLACE_USAGE
    "Examples:\n  osm proxy get config_dump bookstore/bookstore-v1-0\n  osm proxy get 'stats?filter=ssl' -n bookbuyer "
    "deploy/bookbuyer\n  osm proxy set 'logging?rbac=debug' -n bookstore deploy/bookstore\n";

static const struct option options[] = {
    {"namespace", required_argument, NULL, 'n'},
    {"file", required_argument, NULL, 'f'},
    {"state", required_argument, NULL, 's'},
    PLACE_OPTIONS,
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct asked {
    struct place place;
    const char *ns, *file, *state, *pod;
    struct str query; /* "/stats" */
};

static int get(const struct asked *q, const struct proxy_pod *pod, struct arena *a)
{
    struct err err = {0};
    struct str body;
    if (!proxy_get(pod, str_c(a, q->query), a, &body, &err)) return verb_fail("%s", err.text);
    if (!q->file) return fwrite(body.p, 1, body.n, stdout) == body.n ? 0 : 1;
    return file_write_atomic(q->file, body, 0600, &err) ? 0 : verb_fail("%s", err.text);
}

static int set_here(const struct asked *q, struct arena *a)
{
    const char *ns[] = {"-n", q->ns}, *state[] = {"--state", q->state};
    const char *words[16] = {"exec", q->pod, "-c", CONTAINER_SIDECAR};
    int n = 4;
    for (int i = 0; q->ns && i < 2; i++) words[n++] = ns[i];
    for (int i = 0; q->state && i < 2; i++) words[n++] = state[i];
    const char *command[] = {"--", "osm", "agent", "set", str_c(a, q->query)};
    for (int i = 0; i < 5; i++) words[n++] = command[i];
    optind = 0; /* another table of options */
    return local_exec(n, (char **)words);
}

static int set_there(const struct asked *q, const struct proxy_pod *pod, struct arena *a)
{
    struct err err = {0};
    struct kube_ended ended;
    struct str words[] = {S("osm"), S("agent"), S("set"), q->query};
    struct kube_command c = {.ns = pod->ns, .pod = pod->name, .container = CONTAINER_SIDECAR, .argv = {words, 4}};
    if (!kube_exec(pod->client, &c, a, &ended, &err)) return verb_fail("%s", err.text);
    fwrite(ended.out.p, 1, ended.out.n, stdout);
    fwrite(ended.errors.p, 1, ended.errors.n, stderr);
    return ended.exit;
}

static int run(const char *verb, const struct asked *q)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct proxy_pod pod = {.state = q->state};
    bool is_local = q->state || kube_place_is_local(&q->place.kube), is_set = strcmp(verb, "set") == 0;
    if (!is_local) pod.client = kube_connect(&q->place.kube, a, &err);
    int code = 1;
    if ((!is_local && !pod.client) || !proxy_pod_find(&pod, q->pod, q->ns, a, &err))
        verb_fail("%s", err.text);
    else if (is_set)
        code = is_local ? set_here(q, a) : set_there(q, &pod, a);
    else
        code = get(q, &pod, a);
    kube_client_free(pod.client);
    return code;
}

int verb_proxy(int argc, char **argv)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct asked q = {0};
    for (int c; (c = getopt_long(argc, argv, "n:f:h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (c == 'n')
            q.ns = optarg;
        else if (c == 'f')
            q.file = optarg;
        else if (c == 's')
            q.state = optarg;
        else if (!place_option(&q.place, c, optarg))
            return 2;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    if (argc - optind != 3 || (strcmp(verb, "get") != 0 && strcmp(verb, "set") != 0))
        return verb_usage("proxy", "'get QUERY POD' and 'set QUERY POD' are what it can do");
    const char *query = argv[optind + 1];
    q.query = str_fmt(a, "%s%s", *query == '/' ? "" : "/", query);
    q.pod = argv[optind + 2];
    return run(verb, &q);
}
