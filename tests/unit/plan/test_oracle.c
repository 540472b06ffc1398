/* The oracle over the real cells: after random sequences of changes, everything observed equals a computation from
 * nothing. And what a change costs: only cells that read it are computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/names.h"
#include "golden/world.h"

/* Small and repeatable: xorshift. */
static uint64_t seed;
static unsigned pick(unsigned n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)(seed % n);
}
static const char *one(const char *const *l, unsigned n) { return l[pick(n)]; }

static const char *const spaces[] = {"a", "b"}, *const names[] = {"x", "y", "z"}, *const accounts[] = {"s", "t", "u"};
static const char *const port_names[] = {"http", "tcp-a", "grpc-b", "tcp-server-first-c"};

static json_t *named(const char *api, const char *kind, const char *ns, const char *name)
{
    return json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", api, "kind", kind, "metadata", "namespace", ns, "name",
                     name);
}

/* The same for an object of that name whenever it is made. */
static json_t *address(const char *range, const char *ns, const char *name)
{
    char text[32];
    snprintf(text, sizeof text, "%s.%d.%d", range, ns[0] - 'a', name[0] - 'x' + 1);
    return json_string(text);
}

static json_t *make_pod(const char *ns, const char *name)
{
    json_t *o = named("v1", "Pod", ns, name), *meta = json_object_get(o, "metadata");
    json_object_set_new(meta, "labels", json_pack("{s:s,s:s}", "app", one(names, 3), "v", one(names, 2)));
    if (pick(3) == 0) json_object_set_new(json_object_get(meta, "labels"), LABEL_ZONE, json_string(one(names, 2)));
    if (pick(6) == 0) json_object_set_new(meta, "annotations", json_pack("{s:s}", ANNOTATION_INJECT, "disabled"));
    if (pick(6) == 0) json_object_set_new(meta, "annotations", json_pack("{s:s}", ANNOTATION_SIDECAR_GENERATION, "2"));
    json_object_set_new(o, "spec",
                        json_pack("{s:s,s:[{s:s,s:s,s:[{s:s,s:i}]}]}", "serviceAccountName", one(accounts, 3),
                                  "containers", "name", "m", "image", "i", "ports", "name", "web", "containerPort",
                                  8000 + (int)pick(2)));
    json_object_set_new(o, "status",
                        json_pack("{s:[{s:s,s:s}],s:o}", "conditions", "type", "Ready", "status",
                                  pick(4) ? "True" : "False", "podIP", address("10.244", ns, name)));
    return o;
}

static json_t *make_service(const char *ns, const char *name)
{
    json_t *o = named("v1", "Service", ns, name), *ports = json_array();
    for (unsigned i = 0; i <= pick(2); i++) {
        json_t *p = json_pack("{s:s,s:i}", "name", port_names[(i + pick(3)) % 4], "port", 80 + (int)i);
        if (pick(2))
            json_object_set_new(p, "targetPort", pick(2) ? json_string("web") : json_integer(8000 + (int)pick(2)));
        json_array_append_new(ports, p);
    }
    json_object_set_new(o, "spec", json_pack("{s:o,s:o}", "ports", ports, "clusterIP", address("10.96", ns, name)));
    if (pick(6))
        json_object_set_new(json_object_get(o, "spec"), "selector",
                            json_pack("{s:s}", pick(3) ? "app" : "v", one(names, 3)));
    if (pick(4) == 0)
        json_object_set_new(json_object_get(o, "spec"), "clusterIP", json_string(pick(2) ? "None" : "10.96.9.9"));
    return o;
}

static json_t *account(void)
{
    return json_pack("{s:s,s:s,s:s}", "kind", "ServiceAccount", "name", one(accounts, 3), "namespace", one(spaces, 2));
}

static json_t *make_target(const char *ns, const char *name)
{
    json_t *o = named("access.smi-spec.io/v1alpha3", "TrafficTarget", ns, name), *sources = json_array(),
           *rules = json_array();
    for (unsigned i = pick(3); i > 0; i--) json_array_append_new(sources, account());
    for (unsigned i = pick(3); i > 0; i--)
        json_array_append_new(
            rules, json_pack("{s:s,s:s}", "kind", pick(2) ? "HTTPRouteGroup" : "TCPRoute", "name", one(names, 2)));
    json_object_set_new(o, "spec",
                        json_pack("{s:o,s:o,s:o}", "destination", account(), "sources", sources, "rules", rules));
    return o;
}

static json_t *make_group(const char *ns, const char *name)
{
    json_t *o = named("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", ns, name), *matches = json_array();
    for (unsigned i = pick(3); i > 0; i--)
        json_array_append_new(matches, json_pack("{s:s,s:s}", "name", names[i], "pathRegex", pick(2) ? "/.*" : "/x"));
    json_object_set_new(o, "spec", json_pack("{s:o}", "matches", matches));
    return o;
}

static json_t *make_route(const char *ns, const char *name)
{
    json_t *o = named("specs.smi-spec.io/v1alpha4", "TCPRoute", ns, name), *m = json_pack("{s:s}", "name", "m");
    if (pick(2)) json_object_set_new(m, "ports", json_pack("[i]", pick(2) ? 81 : 8000));
    json_object_set_new(o, "spec", json_pack("{s:o}", "matches", m));
    return o;
}

static json_t *make_split(const char *ns, const char *name)
{
    json_t *o = named("split.smi-spec.io/v1alpha2", "TrafficSplit", ns, name), *backends = json_array();
    for (unsigned i = 0; i <= pick(3); i++)
        json_array_append_new(backends, json_pack("{s:s,s:i}", "service", names[i % 3], "weight", (int)pick(4)));
    json_object_set_new(o, "spec", json_pack("{s:s,s:o}", "service", one(names, 3), "backends", backends));
    return o;
}

static json_t *make_config(const char *ns, const char *name)
{
    (void)ns, (void)name;
    json_t *o = named("config.openservicemesh.io/v1alpha2", "MeshConfig", NAME_SYSTEM_NAMESPACE, NAME_MESH_CONFIG);
    json_object_set_new(o, "spec",
                        json_pack("{s:{s:b,s:b},s:{s:b}}", "traffic", "enablePermissiveTrafficPolicyMode", pick(4) == 0,
                                  "enableEgress", (int)pick(2), "featureFlags", "enableRetryPolicy", pick(4) != 0));
    return o;
}

static json_t *make_retry(const char *ns, const char *name)
{
    json_t *o = named("policy.openservicemesh.io/v1alpha1", "Retry", ns, name), *to = json_array();
    for (unsigned i = pick(3); i > 0; i--)
        json_array_append_new(
            to, json_pack("{s:s,s:s,s:s}", "kind", "Service", "name", one(names, 3), "namespace", one(spaces, 2)));
    json_object_set_new(o, "spec",
                        json_pack("{s:o,s:o,s:{s:s,s:i}}", "source", account(), "destinations", to, "retryPolicy",
                                  "retryOn", pick(4) ? "5xx" : "never", "numRetries", (int)pick(2)));
    return o;
}

static json_t *make_upstream(const char *ns, const char *name)
{
    char host[64];
    snprintf(host, sizeof host, "%s.%s.svc.cluster.local", one(names, 3), pick(4) ? ns : one(spaces, 2));
    json_t *o = named("policy.openservicemesh.io/v1alpha1", "UpstreamTrafficSetting", ns, name);
    json_t *spec = json_pack("{s:s}", "host", host);
    if (pick(2)) json_object_set_new(spec, "timeouts", json_pack("{s:s,s:s}", "request", "1s", "idle", "2s"));
    if (pick(2)) json_object_set_new(spec, "outlierEjection", json_object());
    if (pick(2)) json_object_set_new(spec, "loadBalancing", json_pack("{s:b}", "preferSameZone", 1));
    if (pick(2))
        json_object_set_new(spec, "rateLimit",
                            json_pack("{s:{s:{s:i,s:s},s:{s:i,s:s}}}", "local", "tcp", "connections", 1, "unit", "hour",
                                      "http", "requests", 1 + (int)pick(2), "unit", "second"));
    json_object_set_new(o, "spec", spec);
    return o;
}

static json_t *make_telemetry(const char *ns, const char *name)
{
    json_t *o = named("policy.openservicemesh.io/v1alpha1", "Telemetry", pick(3) ? ns : NAME_SYSTEM_NAMESPACE, name);
    json_t *spec = json_pack("{s:{s:s}}", "accessLog", "format", pick(3) ? "%PROTOCOL%" : "%NOTHING%");
    if (pick(2)) json_object_set_new(spec, "selector", json_pack("{s:s}", pick(3) ? "app" : "v", one(names, 3)));
    if (pick(6) == 0) json_object_del(spec, "accessLog");
    json_object_set_new(o, "spec", spec);
    return o;
}

static const char *const hosts[] = {"a.example", "*.example", "b.a.example", "*"};
static const char *const ranges[] = {"203.0.113.0/24", "203.0.113.128/25", "203.0.113.7/32",
                                     "10.96.9.9/32",   "10.96.0.1/32",     "0.0.0.0/0"};
static const char *const spoken[] = {"http", "https", "tcp", "tcp-server-first"};

static json_t *make_egress(const char *ns, const char *name)
{
    json_t *o = named("policy.openservicemesh.io/v1alpha1", "Egress", ns, name), *sources = json_array(),
           *ports = json_array(), *spec = json_object();
    for (unsigned i = pick(3); i > 0; i--) json_array_append_new(sources, account());
    for (unsigned i = 0; i <= pick(3); i++)
        json_array_append_new(ports, json_pack("{s:i,s:s}", "number", 80 + (int)pick(2), "protocol", one(spoken, 4)));
    for (unsigned i = pick(3); i > 0; i--) {
        if (!json_object_get(spec, "hosts")) json_object_set_new(spec, "hosts", json_array());
        json_array_append_new(json_object_get(spec, "hosts"), json_string(one(hosts, 4)));
    }
    for (unsigned i = pick(3); i > 0; i--) {
        if (!json_object_get(spec, "ipAddresses")) json_object_set_new(spec, "ipAddresses", json_array());
        json_array_append_new(json_object_get(spec, "ipAddresses"), json_string(one(ranges, 6)));
    }
    if (pick(2))
        json_object_set_new(spec, "matches",
                            json_pack("[{s:s,s:s,s:s}]", "apiGroup", "specs.smi-spec.io/v1alpha4", "kind",
                                      "HTTPRouteGroup", "name", one(names, 3)));
    if (pick(3) == 0)
        json_object_set_new(spec, "matches",
                            json_pack("[{s:s,s:s,s:s}]", "apiGroup", "policy.openservicemesh.io/v1alpha1", "kind",
                                      "UpstreamTrafficSetting", "name", one(names, 3)));
    json_object_set_new(spec, "sources", sources);
    json_object_set_new(spec, "ports", ports);
    json_object_set_new(o, "spec", spec);
    return o;
}

static json_t *make_ingress(const char *ns, const char *name)
{
    json_t *o = named("policy.openservicemesh.io/v1alpha1", "IngressBackend", ns, name);
    bool tls = pick(2);
    json_t *sources = json_array(), *backends = json_array();
    if (pick(2))
        json_array_append_new(
            sources, json_pack("{s:s,s:s,s:s}", "kind", "Service", "name", one(names, 3), "namespace", one(spaces, 2)));
    if (pick(2)) json_array_append_new(sources, json_pack("{s:s,s:s}", "kind", "IPRange", "name", "192.0.2.0/24"));
    if (tls || pick(3) == 0)
        json_array_append_new(sources, json_pack("{s:s,s:s}", "kind", "AuthenticatedPrincipal", "name", one(names, 2)));
    for (unsigned i = 0; i <= pick(2); i++)
        json_array_append_new(backends, json_pack("{s:s,s:{s:i,s:s}}", "name", names[(i + pick(3)) % 3], "port",
                                                  "number", 8000 + (int)i, "protocol", tls ? "https" : "http"));
    json_object_set_new(o, "spec", json_pack("{s:o,s:o}", "sources", sources, "backends", backends));
    return o;
}

static json_t *make_namespace(const char *ns, const char *name)
{
    (void)name;
    json_t *o = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind", "Namespace", "metadata", "name", ns);
    if (pick(4))
        json_object_set_new(json_object_get(o, "metadata"), "labels",
                            json_pack("{s:s}", LABEL_MONITORED_BY, NAME_MESH));
    return o;
}

static const struct {
    enum kind kind;
    json_t *(*make)(const char *ns, const char *name);
    unsigned share;
} makers[] = {
    {KIND_POD, make_pod, 6},
    {KIND_SERVICE, make_service, 5},
    {KIND_TRAFFIC_TARGET, make_target, 6},
    {KIND_HTTP_ROUTE_GROUP, make_group, 2},
    {KIND_TCP_ROUTE, make_route, 2},
    {KIND_TRAFFIC_SPLIT, make_split, 3},
    {KIND_MESH_CONFIG, make_config, 1},
    {KIND_NAMESPACE, make_namespace, 1},
    {KIND_TELEMETRY, make_telemetry, 3},
    {KIND_EGRESS, make_egress, 6},
    {KIND_RETRY, make_retry, 3},
    {KIND_UPSTREAM_TRAFFIC_SETTING, make_upstream, 3},
    {KIND_INGRESS_BACKEND, make_ingress, 3},
};

/* One random change; documents in |all| (key → json) are what holds now. */
static void change(struct world *w, json_t *all)
{
    unsigned total = 0, m = 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) total += makers[i].share;
    for (unsigned r = pick(total); r >= makers[m].share; m++) r -= makers[m].share;
    const char *ns = one(spaces, 2), *name = one(names, 3);
    json_t *doc = makers[m].make(ns, name);
    struct arena *a SCOPED_ARENA = arena_new();
    struct problems probs = {0};
    struct object *o = object_of_json(doc, a, &probs);
    if (o) {
        struct str key = object_key(a, o), title = object_title(a, o);
        bool remove = pick(4) == 0 && makers[m].kind != KIND_NAMESPACE;
        if (remove) {
            world_remove(w, makers[m].kind, str_c(a, key));
            json_object_del(all, str_c(a, title));
        } else {
            world_put(w, doc, NULL);
            json_object_set(all, str_c(a, title), doc);
        }
        object_unref(o);
    }
    json_decref(doc);
}

static void dump_of(struct world *w, struct buf *out)
{
    world_settle(w);
    world_dump(w, out);
}

/* A Namespace or ServiceAccount that the world derived stays; a fresh world derives only what is needed now. They have
 * no influence but on remarks and on membership, so the fresh one is given them. */
static void copy_derived(struct world *from, struct world *to)
{
    struct arena *a SCOPED_ARENA = arena_new();
    static const enum kind kinds[] = {KIND_NAMESPACE, KIND_SERVICE_ACCOUNT};
    for (size_t i = 0; i < 2; i++) {
        struct strs keys = store_keys(world_store(from), kinds[i], a);
        for (each(k, keys)) store_put(world_store(to), object_ref(store_peek(world_store(from), kinds[i], *k)));
    }
}

static void compare_with_nothing(struct world *w, json_t *all, int step)
{
    struct buf got SCOPED_BUF = {0}, want SCOPED_BUF = {0};
    struct world *fresh = world_new();
    const char *title;
    json_t *doc;
    dump_of(w, &got);
    copy_derived(w, fresh);
    json_object_foreach(all, title, doc) world_put(fresh, doc, NULL);
    dump_of(fresh, &want);
    if (!str_eq(buf_view(&got), buf_view(&want))) {
        buf_char(&got, '\0'), buf_char(&want, '\0');
        fprintf(stderr, "---- grown\n%s---- from nothing\n%s", got.p, want.p);
        fail_msg("step %d", step);
    }
    world_free(fresh);
}

static void grown_equals_from_nothing(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 12; run++) {
        seed = run * 0x9e3779b97f4a7c15u;
        struct world *w = world_new();
        json_t *all = json_object();
        for (int step = 0; step < 60; step++) {
            for (unsigned i = 0; i <= pick(3); i++) change(w, all);
            world_settle(w);
            if (step % 3 == 0) compare_with_nothing(w, all, step);
        }
        json_decref(all);
        world_free(w);
    }
}

/* ---- the cost of a change -------------------------------------------------------------------------------- */

static void put_yaml(struct world *w, struct arena *a, const char *fmt, int i)
{
    struct err err = {0};
    struct buf b SCOPED_BUF = {0};
    struct str rest = str_of(fmt);
    while (rest.p) {
        buf_str(&b, str_cut(&rest, '@'));
        if (rest.p) buf_fmt(&b, "%d", i);
    }
    (void)a;
    assert_true(world_load(w, buf_view(&b), NULL, &err));
}

static const char UNIT[] =
    "apiVersion: v1\nkind: Service\nmetadata: {name: s@, namespace: n@}\nspec: {selector: {app: s@}, ports: [{name: "
    "http, port: 80}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p@, namespace: n@, labels: {app: s@}}\nspec: "
    "{serviceAccountName: a@, containers: [{name: m, image: i}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: c@, namespace: n@}\nspec: {serviceAccountName: c@, containers: "
    "[{name: m, image: i}]}\n"
    "---\napiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: g, namespace: n@}\nspec: "
    "{matches: [{name: m, pathRegex: /.*}]}\n"
    "---\napiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {name: t, namespace: n@}\n"
    "spec: {destination: {kind: ServiceAccount, name: a@, namespace: n@}, sources: [{kind: ServiceAccount, name: c@, "
    "namespace: n@}], rules: [{kind: HTTPRouteGroup, name: g}]}\n";
static const char SMI[] = "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshConfig\nmetadata: {name: "
                          "osm-mesh-config, namespace: osm-system}\nspec: {traffic: {enableEgress: false}, "
                          "featureFlags: {enableRetryPolicy: true}}\n";
static const char EDIT[] = "apiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: g, "
                           "namespace: n@}\nspec: {matches: [{name: m, pathRegex: /changed}]}\n";
static const char SPLIT[] = "apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {name: x, "
                            "namespace: n@}\nspec: {service: s@, backends: [{service: s@, weight: 2}]}\n";

static const char LOG[] = "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: Telemetry\nmetadata: {name: l, "
                          "namespace: n@}\nspec: {selector: {app: s@}, accessLog: {format: x}}\n";

static const char RETRY[] = "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: Retry\nmetadata: {name: r, "
                            "namespace: n@}\nspec: {source: {kind: ServiceAccount, name: c@, namespace: n@}, "
                            "destinations: [{kind: Service, name: s@, namespace: n@}], retryPolicy: {retryOn: 5xx}}\n";
static const char UPSTREAM[] = "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: UpstreamTrafficSetting\n"
                               "metadata: {name: u, namespace: n@}\nspec: {host: s@.n@.svc.cluster.local, rateLimit: "
                               "{local: {http: {requests: 1, unit: hour}}}, timeouts: {request: 1s}}\n";
static const char INGRESS[] =
    "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: IngressBackend\nmetadata: {name: i, namespace: n@}\nspec: "
    "{backends: [{name: s@, port: {number: 80, protocol: http}}], sources: [{kind: Service, name: s0, namespace: "
    "n0}]}\n";
static const char POD[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: q@, namespace: n@, labels: {app: s@}}\nspec: "
                          "{serviceAccountName: a@, containers: [{name: m, image: i}]}\n";
static const char OUT[] =
    "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: Egress\nmetadata: {name: e, namespace: n@}\nspec: {sources: "
    "[{kind: ServiceAccount, name: c@, namespace: n@}], hosts: [a.example], ports: [{number: 80, protocol: http}]}\n";
static const char *const edits[] = {OUT, EDIT, SPLIT, LOG, RETRY, UPSTREAM, INGRESS, POD};
enum { N_EDITS = sizeof edits / sizeof *edits };

static uint64_t cost_of(struct world *w, struct arena *a, const char *yaml, int i)
{
    uint64_t before = sheet_stats(world_sheet(w)).computed;
    put_yaml(w, a, yaml, i);
    world_settle(w);
    return sheet_stats(world_sheet(w)).computed - before;
}

static void cost_in_a_mesh_of(int n, uint64_t out[N_EDITS])
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct world *w = world_new();
    put_yaml(w, a, SMI, 0);
    for (int i = 0; i < n; i++) put_yaml(w, a, UNIT, i);
    world_settle(w);
    for (int i = 0; i < N_EDITS; i++) out[i] = cost_of(w, a, edits[i], 1);
    world_free(w);
}

static void a_change_computes_only_what_reads_it(void **state)
{
    (void)state;
    uint64_t small[N_EDITS], large[N_EDITS];
    cost_in_a_mesh_of(3, small);
    cost_in_a_mesh_of(40, large);
    for (int i = 0; i < N_EDITS; i++) {
        if (small[i] != large[i])
            fail_msg("change %d: %d cells in a small mesh, %d in a large one", i, (int)small[i], (int)large[i]);
        assert_in_range(small[i], 1, 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grown_equals_from_nothing),
        cmocka_unit_test(a_change_computes_only_what_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
