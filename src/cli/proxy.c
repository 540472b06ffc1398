/* osm proxy get QUERY POD: the read-only part of an Envoy's admin, through the pod's own port 15000. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "cli/local.h"
#include "cli/verb.h"
#include "platform/local/doc.h"

static const char usage[] =
    "Usage: osm proxy get QUERY POD [-n NS] [--state DIR]\n\n"
    "Asks the Envoy of a pod; QUERY is a path of its admin interface: config_dump, clusters, listeners, stats, certs,\n"
    "server_info, ready.\n\n"
    "Examples:\n  osm proxy get config_dump bookstore/bookstore-v1-0\n  osm proxy get 'stats?filter=ssl' -n bookbuyer "
    "deploy/bookbuyer\n";

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

/* The agent closes after an answer in HTTP/1.0, so an answer is all that comes until then. (libcurl 7.88 cannot be
 * given a connected socket: it connects again and fails with EISCONN.) */
static bool exchange(int fd, const char *query, struct buf *out, struct err *err)
{
    struct buf ask SCOPED_BUF = {0};
    ssize_t n;
    buf_fmt(&ask, "GET /%s HTTP/1.0\r\nHost: localhost\r\n\r\n", query);
    if (write(fd, ask.p, ask.n) != (ssize_t)ask.n) return err_errno(err, errno, "the proxy hung up");
    while ((n = read(fd, buf_reserve(out, 65536), 65536)) > 0) buf_commit(out, (size_t)n);
    return n == 0 || err_errno(err, errno, "the proxy hung up");
}

static int get(const char *query, const char *state, const struct local_pod *pod)
{
    struct buf answer SCOPED_BUF = {0};
    struct err err = {0};
    int fd SCOPED_FD = connect_to_pod(state, pod, &err);
    if (fd < 0 || !exchange(fd, query, &answer, &err)) return verb_fail("%s", err.text);
    const char *body = memmem(answer.p, answer.n, "\r\n\r\n", 4);
    if (!body || answer.n < 12) return verb_fail("the proxy of %s does not answer", pod->pod);
    body += 4;
    struct str text = str_make(body, answer.n - (size_t)(body - answer.p));
    if (answer.p[9] != '2') {
        json_t *j SCOPED_JSON = json_loadb(text.p, text.n, 0, NULL);
        struct str why = j ? doc_text(j, "error") : text;
        return verb_fail("the proxy of %s answers %.3s to '%s': %.*s", pod->pod, answer.p + 9, query, STR_FMT(why));
    }
    fwrite(text.p, 1, text.n, stdout);
    return 0;
}

int verb_proxy(int argc, char **argv)
{
    struct local_pod pod = {0};
    const char *state = NULL;
    for (int c; (c = getopt_long(argc, argv, "n:h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (c == 'n')
            pod.ns = optarg;
        else if (c == 's')
            state = optarg;
        else
            return 2;
    }
    if (argc - optind != 3 || strcmp(argv[optind], "get"))
        return verb_usage("proxy", "'get QUERY POD' is what it can do");
    pod.pod = argv[optind + 2];
    return get(argv[optind + 1][0] == '/' ? argv[optind + 1] + 1 : argv[optind + 1], state, &pod);
}
