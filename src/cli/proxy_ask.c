#include "cli/proxy_ask.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "cli/api.h"
#include "cli/local.h"
#include "kube/pod.h"
#include "kube/request.h"

/* ---- which pod ---- */

static const struct owner {
    const char *word, *plural;
} owners[] = {
    {"deploy", "deployments"},       {"deployment", "deployments"}, {"sts", "statefulsets"},
    {"statefulset", "statefulsets"}, {"ds", "daemonsets"},          {"daemonset", "daemonsets"},
};

static const struct owner *owner_of(struct str word)
{
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (str_is(word, owners[i].word)) return &owners[i];
    return NULL;
}

static struct str selector_of(const json_t *o, struct arena *a)
{
    struct buf b SCOPED_BUF = {0};
    const char *key;
    json_t *v;
    json_t *labels = json_object_get(json_object_get(json_object_get(o, "spec"), "selector"), "matchLabels");
    json_object_foreach(labels, key, v) if (json_is_string(v))
        buf_fmt(&b, "%s%s=%s", b.n ? "," : "", key, json_string_value(v));
    return kube_escape(a, buf_view(&b));
}

static bool first_pod(struct proxy_pod *p, const struct owner *owner, struct arena *a, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.group = "apps", .version = "v1", .plural = owner->plural, .ns = p->ns, .name = p->name};
    struct kube_request r = kube_get(a, ref);
    if (!kube_fetch(p->client, &r, a, &x, err)) return false;
    struct str selector = selector_of(x.json, a);
    ref = (struct kube_ref){.version = "v1", .plural = "pods", .ns = p->ns};
    r = kube_list(a, ref, str_fmt(a, "labelSelector=%.*s", STR_FMT(selector)).p, 1, STR_NULL);
    if (!kube_fetch(p->client, &r, a, &x, err)) return false;
    const json_t *pod = json_array_get(json_object_get(x.json, "items"), 0);
    struct str name = json_text(json_object_get(pod, "metadata"), "name");
    if (!name.n) return err_set(err, "%s %.*s/%.*s has no pod", owner->word, STR_FMT(p->ns), STR_FMT(p->name));
    p->name = name;
    return true;
}

bool proxy_pod_find(struct proxy_pod *p, const char *word, const char *ns, struct arena *a, struct err *err)
{
    struct str rest = str_of(word), parts[3] = {0};
    size_t n = 0;
    p->ns = ns ? str_of(ns) : STR_NULL;
    p->name = rest;
    if (!p->client) return true; /* the supervisor understands these words itself */
    while (rest.p && n < 3) parts[n++] = str_cut(&rest, '/');
    const struct owner *owner = n > 1 ? owner_of(parts[n - 2]) : NULL;
    if (rest.p || (n == 3 && !owner))
        return err_set(err, "'%s' is no pod: NAME, NAMESPACE/NAME, deploy/NAME or NAMESPACE/deploy/NAME is", word);
    if (n == (owner ? 3u : 2u)) p->ns = parts[0];
    p->name = parts[n - 1];
    if (!p->ns.n) p->ns = kube_client_config(p->client)->ns;
    if (!p->ns.n) p->ns = S("default");
    return !owner || first_pod(p, owner, a, err);
}

/* ---- on this machine ---- */

static int connect_to_pod(const struct proxy_pod *p, struct arena *a, struct err *err)
{
    struct local_pod pod = {.ns = p->ns.n ? str_c(a, p->ns) : NULL, .pod = str_c(a, p->name)};
    int socket = -1, fd SCOPED_FD = local_open(p->state, err);
    json_t *ask SCOPED_JSON = local_request("connect", &pod);
    json_object_set_new(ask, "port", json_integer(PORT_ENVOY_ADMIN));
    json_t *answer SCOPED_JSON = fd >= 0 ? local_ask(fd, ask, &socket, err) : NULL;
    return answer ? socket : -1;
}

/* (libcurl 7.88 cannot be given a connected socket: it connects again and fails with EISCONN.) */
static bool exchange(int fd, const char *query, struct buf *out, struct err *err)
{
    struct buf ask SCOPED_BUF = {0};
    ssize_t n;
    buf_fmt(&ask, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", query);
    if (write(fd, ask.p, ask.n) != (ssize_t)ask.n) return err_errno(err, errno, "the proxy hung up");
    while ((n = read(fd, buf_reserve(out, 65536), 65536)) > 0) buf_commit(out, (size_t)n);
    return n == 0 || err_errno(err, errno, "the proxy hung up");
}

static bool get_here(const struct proxy_pod *p, const char *query, struct arena *a, struct http_text *out,
                     struct err *err)
{
    struct buf bytes SCOPED_BUF = {0};
    int fd SCOPED_FD = connect_to_pod(p, a, err);
    if (fd < 0 || !exchange(fd, query, &bytes, err)) return false;
    return http_text_read(str_dup(a, buf_view(&bytes)), true, a, out, err) == HTTP_TEXT_WHOLE;
}

/* ---- both ---- */

bool proxy_get(const struct proxy_pod *p, const char *query, struct arena *a, struct str *body, struct err *err)
{
    struct kube_port_request r = {
        .ns = p->ns, .pod = p->name, .port = PORT_ENVOY_ADMIN, .path = query, .max_answer = 256 << 20};
    struct http_text answer;
    bool ok = p->client ? kube_port_get(p->client, &r, a, &answer, err) : get_here(p, query, a, &answer, err);
    if (!ok) return err_wrap(err, "the proxy of %.*s does not answer", STR_FMT(p->name));
    *body = answer.body;
    if (answer.status >= 200 && answer.status < 300) return true;
    json_t *said = json_loadb(body->p ? body->p : "", body->n, 0, NULL);
    struct str why = said ? json_text(said, "error") : *body;
    err_set(err, "the proxy of %.*s answers %d to '%s': %.*s", STR_FMT(p->name), answer.status, query, STR_FMT(why));
    json_decref(said);
    return false;
}
