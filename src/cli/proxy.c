/* osm proxy get QUERY POD: the read-only part of an Envoy's admin, through the pod's own port 15000. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "cli/local.h"
#include "cli/verb.h"
#include "net/http_client.h"
#include "platform/local/doc.h"

static const char usage[] =
    "Usage: osm proxy get QUERY POD [-n NS] [--state DIR]\n\n"
    "Asks the Envoy of a pod; QUERY is a path of its admin interface: config_dump, clusters, listeners, stats, certs,\n"
    "server_info, ready.\n\n"
    "Examples:\n  osm proxy get config_dump bookstore/bookstore-v1-0\n  osm proxy get 'stats?filter=ssl' -n bookbuyer deploy/bookbuyer\n";

static const struct option options[] = {{"namespace", required_argument, NULL, 'n'},
                                        {"state", required_argument, NULL, 's'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

static int connect_to_pod(const char *state, const struct local_pod *pod, struct err *err)
{
    int socket = -1, fd SCOPED_FD = local_open(state, err);
    json_t *ask SCOPED_JSON = local_request("connect", pod);
    json_object_set_new(ask, "port", json_integer(PORT_ENVOY_ADMIN));
    json_t *answer SCOPED_JSON = fd >= 0 ? local_ask(fd, ask, &socket, err) : NULL;
    return answer ? socket : -1;
}

static int get(const char *query, const char *state, const struct local_pod *pod)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct http_answer answer;
    int socket = connect_to_pod(state, pod, &err);
    if (socket < 0) return verb_fail("%s", err.text);
    struct http_call_options call = {.url = str_fmt(a, "http://127.0.0.1:%d/%s", PORT_ENVOY_ADMIN, query).p, .socket = socket};
    call.max_body = 256 << 20;
    if (!http_fetch(&call, a, &answer, &err)) return verb_fail("the proxy of %s does not answer: %s", pod->pod, err.text);
    fwrite(answer.body.p, 1, answer.body.n, stdout);
    if (answer.status < 400) return 0;
    return verb_fail("the proxy of %s answers %d to '%s'", pod->pod, answer.status, query);
}

int verb_proxy(int argc, char **argv)
{
    struct local_pod pod = {0};
    const char *state = NULL;
    for (int c; (c = getopt_long(argc, argv, "n:h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (c == 'n') pod.ns = optarg;
        else if (c == 's') state = optarg;
        else return 2;
    }
    if (argc - optind != 3 || strcmp(argv[optind], "get")) return verb_usage("proxy", "'get QUERY POD' is what it can do");
    pod.pod = argv[optind + 2];
    return get(argv[optind + 1][0] == '/' ? argv[optind + 1] + 1 : argv[optind + 1], state, &pod);
}
