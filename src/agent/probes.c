#include "agent/probes.h"

#include <jansson.h>

static const char *const types[] = {"liveness", "readiness", "startup", "post-start", "pre-stop", NULL};
static const char *const kinds[] = {"http", "https", "tcp", "grpc", NULL};

static int index_of(const char *const *names, struct str s)
{
    for (int i = 0; names[i]; i++)
        if (str_is(s, names[i])) return i;
    return -1;
}

static struct str text(struct arena *a, const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_string(v) ? str_dup(a, str_make(json_string_value(v), json_string_length(v))) : STR_NULL;
}

/* A line break would end the header and begin another. */
static bool is_one_line(struct str s)
{
    return str_find(s, '\n') < 0 && str_find(s, '\r') < 0 && str_find(s, '\0') < 0;
}

static bool add_headers(struct arena *a, const json_t *list, struct probe *p, struct err *err)
{
    size_t i;
    const json_t *h;
    json_array_foreach(list, i, h)
    {
        struct str name = text(a, h, "name"), value = text(a, h, "value");
        if (str_empty(name) || !is_one_line(name) || !is_one_line(value))
            return err_set(err, "headers[%zu] is no header", i);
        /* Without a value curl wants a semicolon. */
        list_push(a, &p->headers,
                  str_empty(value) ? str_fmt(a, "%.*s;", STR_FMT(name))
                                   : str_fmt(a, "%.*s: %.*s", STR_FMT(name), STR_FMT(value)));
    }
    return true;
}

static bool set_path(struct arena *a, struct probe *p, const json_t *j, struct err *err)
{
    struct str path = text(a, j, "path"), host = text(a, j, "host");
    p->path = str_starts(path, S("/")) ? path : str_fmt(a, "/%.*s", STR_FMT(path));
    if (!is_one_line(p->path) || str_find(p->path, ' ') >= 0) return err_set(err, "its path cannot be sent");
    if (!str_empty(host) && is_one_line(host)) list_push(a, &p->headers, str_fmt(a, "Host: %.*s", STR_FMT(host)));
    return true;
}

static bool parse_one(struct arena *a, const json_t *j, struct probe *p, struct err *err)
{
    int type = index_of(types, text(a, j, "type")), kind = index_of(kinds, text(a, j, "kind"));
    json_int_t port = json_integer_value(json_object_get(j, "port")),
               timeout = json_integer_value(json_object_get(j, "timeout"));
    p->container = text(a, j, "container");
    if (str_empty(p->container)) return err_set(err, "it names no container");
    if (type < 0) return err_set(err, "its type is not liveness, readiness, startup, post-start or pre-stop");
    if (kind < 0) return err_set(err, "its kind is not http, https, tcp or grpc");
    if (port < 1 || port > 65535) return err_set(err, "its port is not between 1 and 65535");
    p->type = (enum probe_type)type;
    p->kind = (enum probe_kind)kind;
    p->port = (uint16_t)port;
    p->timeout_s = timeout > 0 ? timeout : 1;
    p->service = text(a, j, "service");
    p->key = text(a, j, "key");
    return set_path(a, p, j, err) && add_headers(a, json_object_get(j, "headers"), p, err);
}

static bool parse_all(struct arena *a, const json_t *list, struct probes *out, struct err *err)
{
    size_t i;
    const json_t *j;
    if (!json_is_array(list)) return err_set(err, "it is not a list");
    json_array_foreach(list, i, j)
    {
        struct probe *p = list_add(a, out);
        if (!parse_one(a, j, p, err)) return err_wrap(err, "probe %zu", i);
    }
    return true;
}

bool probes_parse(struct arena *a, const char *json, struct probes *out, struct err *err)
{
    json_error_t why;
    *out = (struct probes){0};
    if (!json || !*json) return true;
    size_t n = strlen(json);
    if (n > PROBES_MAX_JSON) return err_set(err, "OSM_PROBES is larger than %d bytes", PROBES_MAX_JSON);
    json_t *list = json_loadb(json, n, JSON_REJECT_DUPLICATES, &why);
    bool ok = list ? parse_all(a, list, out, err) : err_set(err, "%s", why.text);
    json_decref(list);
    return ok || err_wrap(err, "OSM_PROBES");
}

const struct probe *probes_find(const struct probes *p, struct str path)
{
    struct arena *a SCOPED_ARENA = arena_new();
    for (each(one, *p)) {
        const char *what = one->type < PROBE_POST_START ? "probe" : "hook";
        struct str own = str_fmt(a, "/osm-%s-%s/%.*s%s%.*s", types[one->type], what, STR_FMT(one->container),
                                 one->key.n ? "/" : "", STR_FMT(one->key));
        if (str_eq(own, path)) return one;
    }
    return NULL;
}

/* ---- grpc.health.v1: HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1} ---- */

enum { FRAME = 5, SERVING = 1 };

struct str probe_grpc_request(struct arena *a, struct str service)
{
    size_t n = service.n > 127 ? 127 : service.n; /* one length byte: no name of a service is longer */
    size_t message = n ? n + 2 : 0;
    char *p = arena_alloc(a, FRAME + message + 1);
    p[4] = (char)message;
    if (n) {
        p[5] = 0x0a;
        p[6] = (char)n;
        memcpy(p + 7, service.p, n);
    }
    return str_make(p, FRAME + message);
}

bool probe_grpc_is_serving(struct str body)
{
    return body.n >= FRAME + 2 && body.p[0] == 0 && body.p[5] == 0x08 && body.p[6] == SERVING;
}
