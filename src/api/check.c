#include "api/check.h"

#include "api/ingress.h"
#include "base/list.h"
#include "base/names.h"
#include "mesh/service.h"
#include "mesh/settings.h"
#include "mesh/workload.h"
#include "plan/evaluate.h"

/* One question, and the rows of its answer. */
struct question {
    struct http_exchange *x;
    const struct sheet *sheet;
    const struct store *store;
    const struct mesh_pod *source, *destination;
    struct str method, path; /* both empty and no headers: which rules are there at all? */
    struct kvs headers;
    struct str authority; /* empty: the Service's name */
    bool is_outside;      /* the destination is the URL of something outside the mesh */
    int64_t port;         /* 0: every port */
    json_t *rows;
    bool is_allowed;
};

static void row(struct question *q, struct str service, const struct mesh_port *p, const char *result, struct str rule,
                struct str why)
{
    static const char *const protocols[] = {"http", "grpc", "tcp", "tcp-server-first"};
    json_array_append_new(q->rows,
                          json_pack("{s:s%, s:I, s:s, s:s, s:s%, s:s%}", "service", service.p, service.n, "port",
                                    (json_int_t)p->port, "protocol", protocols[p->protocol], "result", result, "rule",
                                    rule.p ? rule.p : "", rule.n, "why", why.p ? why.p : "", why.n));
}

static struct evaluate_answer ask(struct question *q, struct str service, int64_t port)
{
    struct evaluate_answer answer = {0};
    struct str ns, name;
    key_split(service, &ns, &name);
    struct str host = str_fmt(q->x->arena, "%.*s.%.*s", STR_FMT(name), STR_FMT(ns));
    evaluate(q->sheet,
             &(struct evaluate_request){.client = q->source->workload,
                                        .server = q->destination->workload,
                                        .service = service,
                                        .port = port,
                                        .method = q->method,
                                        .path = q->path,
                                        .headers = q->headers,
                                        .authority = q->authority.n ? q->authority : host},
             q->x->arena, &answer);
    return answer;
}

static struct str rule_text(struct arena *a, const struct plan_rule *r)
{
    struct str methods = r->methods.n ? str_join(a, r->methods, S(",")) : S("any method");
    struct str path = r->path_regex.n ? r->path_regex : S("any path");
    return r->headers.n ? str_fmt(a, "%.*s %.*s, with %zu header%s", STR_FMT(methods), STR_FMT(path), r->headers.n,
                                  r->headers.n > 1 ? "s" : "")
                        : str_fmt(a, "%.*s %.*s", STR_FMT(methods), STR_FMT(path));
}

/* The rules of the destination's own chains that speak of the source. */
static bool list_rules(struct question *q, struct str service, const struct mesh_port *p)
{
    const struct plan_inbound *in = sheet_value(q->sheet, &plan_inbound_cell, q->destination->workload);
    bool found = false;
    if (!in) return false;
    for (each(c, in->chains)) {
        if (!str_eq(c->service, service) || (p->target && c->port != p->target)) continue;
        for (each(r, c->rules)) {
            if (c->denied || !(r->any_principal || strs_has(r->principals, q->source->spiffe_id))) continue;
            row(q, service, p, "allowed", r->any_principal ? S("permissive") : r->name, rule_text(q->x->arena, r));
            found = true;
        }
    }
    return found;
}

static void check_port(struct question *q, struct str service, const struct mesh_port *p)
{
    if (q->port && q->port != p->port) return;
    struct evaluate_answer answer = ask(q, service, p->port);
    bool reaches = answer.verdict != EVALUATE_CLOSED && answer.verdict != EVALUATE_NO_BACKEND;
    bool is_general = protocol_is_http(p->protocol) && !q->method.n && !q->path.n && !q->headers.n;
    if (is_general && reaches && list_rules(q, service, p)) {
        q->is_allowed = true;
        return;
    }
    q->is_allowed |= answer.verdict == EVALUATE_ALLOWED;
    row(q, service, p, evaluate_word(answer.verdict), answer.rule, answer.text);
}

static const struct mesh_pod *pod_of(struct question *q, const char *parameter)
{
    struct str key = http_query(q->x, parameter);
    const struct mesh_pod *p = key.n ? sheet_value(q->sheet, &mesh_pod_cell, key) : NULL;
    return p;
}

static void check_all(struct question *q)
{
    struct arena *a = q->x->arena;
    for (size_t i = 0; i < q->destination->services.n; i++) {
        struct str key = str_fmt(a, "%.*s/%.*s", STR_FMT(q->destination->ns), STR_FMT(q->destination->services.v[i]));
        const struct mesh_service *s = sheet_value(q->sheet, &mesh_service_cell, key);
        if (!s) continue;
        for (each(p, s->ports)) check_port(q, key, p);
    }
}

/* False, with the answer given, when the URL is none. */
static bool check_outside(struct question *q, struct str url)
{
    static const char *const spoken[] = {"http", "https", "tcp"};
    struct err err = {0};
    struct evaluate_egress_request r = {
        .call = {.client = q->source->workload, .method = q->method, .headers = q->headers}};
    struct evaluate_answer answer = {0};
    if (!evaluate_egress_url(url, &r, &err)) {
        http_reply_error(q->x, 400, "%s", err.text);
        return false;
    }
    struct str address = http_query(q->x, "address"), host = r.call.authority;
    if (q->path.n) r.call.path = q->path;
    if (q->port) r.call.port = q->port;
    if (address.n) r.address = address;
    evaluate_egress(q->sheet, &r, q->x->arena, &answer);
    q->is_allowed = answer.verdict == EVALUATE_ALLOWED;
    json_array_append_new(q->rows, json_pack("{s:s%, s:I, s:s, s:s, s:s%, s:s%}", "service", host.p, host.n, "port",
                                             (json_int_t)r.call.port, "protocol", spoken[r.spoken], "result",
                                             evaluate_word(answer.verdict), "rule", answer.rule.p ? answer.rule.p : "",
                                             answer.rule.n, "why", answer.text.p, answer.text.n));
    return true;
}

static bool is_url(struct str s)
{
    return str_starts(s, S("http://")) || str_starts(s, S("https://")) || str_starts(s, S("tcp://"));
}

/* ---- a source outside the mesh --------------------------------------------------------------------------- */

/* Certificates are not the pod's own, so those that would open the port are named. */
static void check_ingress(struct question *q, const struct plan_ingress *i, struct str address)
{
    struct arena *a = q->x->arena;
    static const char *const protocols[] = {"http", "https"};
    struct evaluate_answer answer;
    struct evaluate_outside ask = {.address = address, .port = i->port, .tls = i->tls};
    if (i->server_names.n) ask.server_name = i->server_names.v[0];
    if (i->principals.n) ask.principal = i->principals.v[0];
    evaluate_outside(sheet_value(q->sheet, &plan_inbound_cell, q->destination->workload), &ask, a, &answer);
    if (answer.verdict == EVALUATE_ALLOWED && i->principals.n)
        answer.text = str_fmt(a, "with a certificate for %.*s", STR_FMT(str_join(a, i->principals, S(" or "))));
    q->is_allowed |= answer.verdict == EVALUATE_ALLOWED;
    json_array_append_new(q->rows, json_pack("{s:s%, s:I, s:s, s:s, s:s%, s:s%}", "service", i->service.p, i->service.n,
                                             "port", (json_int_t)i->port, "protocol", protocols[i->tls], "result",
                                             evaluate_word(answer.verdict), "rule", i->origin.p, i->origin.n, "why",
                                             answer.text.p, answer.text.n));
}

/* NULL: there is something to say. */
static const char *check_from_outside(struct question *q)
{
    const struct plan_inbound *in = sheet_value(q->sheet, &plan_inbound_cell, q->destination->workload);
    struct str address = ingress_pod_address(q->store, http_query(q->x, "source"));
    if (!in || !in->ingress.n) return "the source is not in the mesh, and no IngressBackend opens the destination";
    if (!address.n) return "the source is not in the mesh, and has no address yet by which an IngressBackend knows it";
    for (size_t i = 0; i < in->ingress.n; i++)
        if (!q->port || q->port == in->ingress.v[i].port) check_ingress(q, &in->ingress.v[i], address);
    return NULL;
}

/* ---- the question ---------------------------------------------------------------------------------------- */

/* The sentence that ends it early, or NULL: the question makes sense. */
static const char *objection(const struct question *q)
{
    if (!q->source) return "there is no pod like the source; pods are named NS/NAME, osm status lists them";
    if (!q->destination && !q->is_outside)
        return "there is no pod like the destination; pods are named NS/NAME, osm status lists them";
    if (q->is_outside) return NULL;
    if (!q->destination->in_mesh) return "the destination is not in the mesh: no policy guards it";
    if (!q->destination->services.n)
        return "no Service stands before the destination, so nobody can call it through the mesh";
    return NULL;
}

/* False: one of them is no "NAME: VALUE". */
static bool read_headers(struct question *q)
{
    struct strs written = http_query_all(q->x, "header");
    for (each(w, written)) {
        struct str value = *w, name = str_cut(&value, ':');
        if (!name.n || name.n == w->n) return false;
        value = str_trim(value);
        list_push(q->x->arena, &q->headers, ((struct kv){name, value}));
        if (str_eq_nocase(name, S("host"))) q->authority = value;
    }
    return true;
}

void check_answer(struct http_exchange *x, const struct sheet *sheet, const struct store *store)
{
    struct question q = {
        .x = x, .sheet = sheet, .store = store, .method = http_query(x, "method"), .path = http_query(x, "path")};
    const struct mesh_settings *settings = sheet_value(sheet, &mesh_settings_cell, STR_NULL);
    struct str port = http_query(x, "port");
    struct str source = http_query(x, "source"), destination = http_query(x, "destination");
    q.source = pod_of(&q, "source");
    q.is_outside = is_url(destination);
    q.destination = pod_of(&q, "destination");
    const char *why = objection(&q);
    if (!why && port.n && !str_to_i64(port, 1, 65535, &q.port)) {
        http_reply_error(x, 400, "the port is not a number from 1 to 65535");
        return;
    }
    if (!read_headers(&q)) {
        http_reply_error(x, 400, "a header is written NAME: VALUE");
        return;
    }
    q.rows = json_array();
    if (!why && !q.source->in_mesh)
        why = q.is_outside ? "neither the source nor the destination is in the mesh" : check_from_outside(&q);
    else if (!why && !q.is_outside)
        check_all(&q);
    else if (!why && !check_outside(&q, destination)) {
        json_decref(q.rows);
        return;
    }
    if (why) {
        json_decref(q.rows);
        http_reply_error(x, 404, "%s", why);
        return;
    }
    http_reply_json(x, 200,
                    json_pack("{s:s%, s:s%, s:s, s:b, s:o}", "source", source.p, source.n, "destination", destination.p,
                              destination.n, "mode",
                              settings && settings->permissive ? "permissive mode" : "SMI policy", "allowed",
                              q.is_allowed, "ports", q.rows));
}
