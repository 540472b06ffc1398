#include "api/ingress.h"

#include "base/cidr.h"
#include "base/names.h"
#include "kinds/endpoint_slice.h"
#include "kinds/pod.h"
#include "mesh/endpoint.h"
#include "mesh/workload.h"

struct question {
    struct http_exchange *x;
    const struct sheet *sheet;
    const struct store *store;
    struct strs from, pods; /* addresses, "ns/name" */
    struct evaluate_outside ask;
    json_t *rows;
    bool all_allowed;
};

static json_t *text(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

struct str ingress_policy_of(struct str origin)
{
    struct str first = str_cut(&origin, ';'), kind = S("IngressBackend ");
    return str_starts(first, kind) ? str_sub(first, kind.n, first.n) : STR_NULL;
}

struct str ingress_pod_address(const struct store *store, struct str pod)
{
    const struct kube_pod *p = kube_pod_of(store_peek(store, KIND_POD, pod));
    return p ? p->status.pod_ip : STR_NULL;
}

/* ---- who asks, and whom ---------------------------------------------------------------------------------- */

/* The Service may be outside the mesh, which then knows nothing of it. */
static struct strs addresses_of(const struct question *q, struct str service)
{
    struct arena *a = q->x->arena;
    struct strs out = {0}, keys = store_keys(q->store, KIND_ENDPOINT_SLICE, a);
    for (each(k, keys)) {
        const struct object *o = store_peek(q->store, KIND_ENDPOINT_SLICE, *k);
        struct str name = kvs_get(o->meta.labels, S(LABEL_SERVICE_NAME));
        if (!str_eq(key_of(a, o->meta.ns, name), service)) continue;
        const struct kube_endpoint_slice *slice = kube_endpoint_slice_of(o);
        for (each(e, slice->endpoints))
            if (e->addresses.n) list_push(a, &out, e->addresses.v[0]);
    }
    return strs_sort_unique(out);
}

static const char *read_callers(struct question *q)
{
    struct str from = http_query(q->x, "from");
    struct cidr c;
    if (str_find(from, '/') < 0 && cidr_parse(from, &c)) {
        list_push(q->x->arena, &q->from, from);
        return NULL;
    }
    if (str_find(from, '/') <= 0) return "from must be an address or a Service as NS/NAME";
    q->from = addresses_of(q, from);
    return q->from.n ? NULL : "the Service that calls is not there, or has no endpoints";
}

static const char *read_pods(struct question *q)
{
    struct str pod = http_query(q->x, "pod"), service = http_query(q->x, "service");
    if (pod.n) {
        list_push(q->x->arena, &q->pods, pod);
        return NULL;
    }
    if (!service.n) return "say which pod or which Service is called, as NS/NAME";
    const struct mesh_endpoints *e = sheet_value(q->sheet, &mesh_endpoints_cell, service);
    for (size_t i = 0; e && i < e->endpoints.n; i++) list_push(q->x->arena, &q->pods, e->endpoints.v[i].pod);
    return q->pods.n ? NULL : "the Service that is called has no pods in the mesh";
}

static const char *read_rest(struct question *q)
{
    struct str protocol = http_query(q->x, "protocol");
    q->ask.tls = str_is(protocol, "https");
    q->ask.principal = http_query(q->x, "principal");
    q->ask.server_name = http_query(q->x, "sni");
    if (protocol.n && !q->ask.tls && !str_is(protocol, "http")) return "the protocol is http or https";
    if (!str_to_i64(http_query(q->x, "port"), 1, 65535, &q->ask.port)) return "the port is a number from 1 to 65535";
    return NULL;
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static void judge(struct question *q, struct str from, struct str pod)
{
    const struct mesh_pod *p = sheet_value(q->sheet, &mesh_pod_cell, pod);
    struct evaluate_answer answer = {.verdict = EVALUATE_CLOSED, .text = S("there is no such pod in the mesh")};
    q->ask.address = from;
    if (p && p->in_mesh)
        evaluate_outside(sheet_value(q->sheet, &plan_inbound_cell, p->workload), &q->ask, q->x->arena, &answer);
    q->all_allowed &= answer.verdict == EVALUATE_ALLOWED;
    json_array_append_new(q->rows, json_pack("{s:o, s:o, s:s, s:o, s:o}", "from", text(from), "pod", text(pod),
                                             "result", evaluate_word(answer.verdict), "policy",
                                             text(ingress_policy_of(answer.origin)), "why", text(answer.text)));
}

void ingress_answer(struct http_exchange *x, const struct sheet *sheet, const struct store *store)
{
    struct question q = {.x = x, .sheet = sheet, .store = store, .all_allowed = true};
    const char *why = read_callers(&q);
    if (!why) why = read_pods(&q);
    if (!why) why = read_rest(&q);
    if (why) {
        http_reply_error(x, 400, "%s", why);
        return;
    }
    q.rows = json_array();
    for (each(from, q.from))
        for (each(pod, q.pods)) judge(&q, *from, *pod);
    struct str pod = http_query(x, "pod");
    http_reply_json(x, 200,
                    json_pack("{s:o, s:o, s:b, s:o}", "from", text(http_query(x, "from")), "to",
                              text(pod.n ? pod : http_query(x, "service")), "allowed", q.all_allowed, "rows", q.rows));
}
