/* bench_policy.c - what policies add, measured through the controller's own pipeline: the bytes that one of each kind
 * adds to a proxy, and what thousands of one kind for one account cost.
 *
 *   bench_policy [CROWD]   one JSON object on standard output; CROWD: how many, 2,000 when absent */
#include <stdio.h>
#include <stdlib.h>

#include "bench_mesh.h"
#include "bench_meter.h"
#include "bench_view.h"
#include "mesh/diag.h"

#define POLICY "\"apiVersion\":\"policy.openservicemesh.io/v1alpha1\",\"kind\":"
/* The Service that the policies are for: <svc>-v1 is the proxy; that of the Service before it calls it. */
enum { SUBJECT = 5 };
#define OWN    S("ns0/s5-v1/")
#define CALLER S("ns0/s4-v1/")

/* In the place of the server's. */
void xds_publish(struct xds_server *s, const struct xds_revision *r)
{
    (void)s;
    bench_view_take(r);
}

/* ---- one of each kind ---- */

static void put_authorization(const struct bench_world *w, int i, int turn)
{
    (void)i, (void)turn;
    bench_world_config(
        w, ",\"inboundExternalAuthorization\":{\"enable\":true,\"address\":\"10.127.0.9\",\"port\":9191}", "");
}

static void put_global_limit(const struct bench_world *w, int i, int turn)
{
    (void)turn;
    int n = bench_world_ns(w, i);
    BENCH_PUT(w,
              "{" POLICY "\"UpstreamTrafficSetting\",\"metadata\":{\"namespace\":\"ns%d\",\"name\":\"s%d\"},\"spec\":"
              "{\"host\":\"s%d.ns%d.svc.cluster.local\",\"rateLimit\":{\"global\":{\"http\":{\"rateLimitService\":"
              "{\"host\":\"10.127.0.9\",\"port\":8081},\"domain\":\"shop\",\"descriptors\":[{\"entries\":"
              "[{\"genericKey\":{\"value\":\"calls\"}}]}]}}}}}",
              n, i, i, n);
}

static const struct {
    const char *name;
    void (*put)(const struct bench_world *w, int i, int turn);
    enum kind kind;
    const char *key; /* of the object, to take it away; NULL: the MeshConfig, which is put back */
} kinds[] = {
    {"egress", bench_world_egress, KIND_EGRESS, "ns0/s5"},
    {"ingress", bench_world_ingress, KIND_INGRESS_BACKEND, "ns0/s5"},
    {"retry", bench_world_retry, KIND_RETRY, "ns0/s5"},
    {"setting", bench_world_setting, KIND_UPSTREAM_TRAFFIC_SETTING, "ns0/s5"},
    {"global_limit", put_global_limit, KIND_UPSTREAM_TRAFFIC_SETTING, "ns0/s5"},
    {"telemetry", bench_world_telemetry, KIND_TELEMETRY, "ns0/logs"},
    {"tracing", bench_world_sampling, KIND_MESH_CONFIG, NULL},
    {"authorization", put_authorization, KIND_MESH_CONFIG, NULL},
};

struct held {
    uint64_t own, caller;
};

static struct held settle(struct bench_mesh *b)
{
    pipeline_settle(b->pipeline);
    return (struct held){bench_view_bytes(OWN), bench_view_bytes(CALLER)};
}

static bool print_kinds(struct bench_mesh *b)
{
    struct held before = settle(b);
    printf("{\"without\": {\"own\": %llu, \"caller\": %llu}", (unsigned long long)before.own,
           (unsigned long long)before.caller);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        kinds[i].put(&b->world, SUBJECT, 1);
        struct held with = settle(b);
        printf(",\n  \"%s\": {\"own\": %lld, \"caller\": %lld}", kinds[i].name, (long long)(with.own - before.own),
               (long long)(with.caller - before.caller));
        if (kinds[i].key)
            store_remove(b->world.store, kinds[i].kind, str_of(kinds[i].key));
        else
            bench_world_config(&b->world, "", "");
        struct held after = settle(b);
        if (after.own != before.own || after.caller != before.caller) {
            fprintf(stderr, "bench_policy: %s leaves something behind\n", kinds[i].name);
            return false;
        }
    }
    return true;
}

/* ---- a crowd of one kind, for one account ---- */

static void put_egress(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(w,
              "{" POLICY "\"Egress\",\"metadata\":{\"namespace\":\"ns0\",\"name\":\"e%d\"},\"spec\":{\"sources\":"
              "[{\"kind\":\"ServiceAccount\",\"name\":\"s5-v1\",\"namespace\":\"ns0\"}],\"hosts\":[\"h%d.example\"%s],"
              "\"ports\":[{\"number\":80,\"protocol\":\"http\"}]}}",
              i, i, turn % 2 ? "" : ",\"more.example\"");
}

static void put_account(const struct bench_world *w, const char *prefix, int i, const char *suffix)
{
    BENCH_PUT(
        w,
        "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"namespace\":\"ns0\",\"name\":\"%s%d%s\"}}",
        prefix, i, suffix);
}

/* Every second one says something else of the same port and addresses. */
static void put_contradiction(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(w,
              "{" POLICY "\"Egress\",\"metadata\":{\"namespace\":\"ns0\",\"name\":\"e%d\"},\"spec\":{\"sources\":"
              "[{\"kind\":\"ServiceAccount\",\"name\":\"s5-v1\",\"namespace\":\"ns0\"}],\"hosts\":[\"h.example\"],"
              "\"ipAddresses\":[\"%s/24\"],"
              "\"ports\":[{\"number\":9000,\"protocol\":\"%s\"}]}}",
              i, turn % 2 ? "192.0.2.0" : "198.51.100.0", i % 2 ? "tcp" : "http");
}

static void put_target(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(
        w,
        "{\"apiVersion\":\"access.smi-spec.io/v1alpha3\",\"kind\":\"TrafficTarget\",\"metadata\":{\"namespace\":"
        "\"ns0\",\"name\":\"e%d\"},\"spec\":{\"destination\":{\"kind\":\"ServiceAccount\",\"name\":\"s5-v1\","
        "\"namespace\":\"ns0\"},\"rules\":[{\"kind\":\"HTTPRouteGroup\",\"name\":\"s5\",\"matches\":[\"read\"%s]}],"
        "\"sources\":[{\"kind\":\"ServiceAccount\",\"name\":\"a%d\",\"namespace\":\"ns0\"}]}}",
        i, turn % 2 ? "" : ",\"list\"", i);
}

static const struct {
    const char *name;
    void (*put)(const struct bench_world *w, int i, int turn);
    enum kind kind;
} crowds[] = {
    {"egress", put_egress, KIND_EGRESS},
    {"contradiction", put_contradiction, KIND_EGRESS},
    {"target", put_target, KIND_TRAFFIC_TARGET},
};

static double settled_ms(struct bench_mesh *b)
{
    pipeline_settle(b->pipeline);
    return (double)bench_meter_stop().cpu_ns / 1e6;
}

/* Diagnostics of the crowd, and the bytes of their sentences. */
static void count_diagnostics(struct bench_mesh *b, enum kind k, int n, uint64_t *diags, uint64_t *text)
{
    struct arena *a SCOPED_ARENA = arena_new();
    for (int i = 0; i < n; i++) {
        struct str key = mesh_diag_key(a, k, str_fmt(a, "ns0/e%d", i));
        const struct mesh_diag_list *l = sheet_value(b->sheet, &mesh_diag_cell, key);
        for (size_t j = 0; l && j < l->diags.n; j++) ++*diags, *text += l->diags.v[j].text.n;
    }
}

static void print_crowd(struct bench_mesh *b, size_t c, int n)
{
    uint64_t before = settle(b).own, diags = 0, text = 0;
    bench_meter_start();
    for (int i = 0; i < n; i++) crowds[c].put(&b->world, i, 1);
    double all = settled_ms(b);
    uint64_t added = settle(b).own - before;
    count_diagnostics(b, crowds[c].kind, n, &diags, &text);
    bench_meter_start();
    crowds[c].put(&b->world, n / 2, 0);
    double one = settled_ms(b);
    printf(",\n  \"%d %s\": {\"all_ms\": %.1f, \"one_more_ms\": %.2f, \"bytes\": %llu, \"diagnostics\": %llu, "
           "\"diagnostic_bytes\": %llu}",
           n, crowds[c].name, all, one, (unsigned long long)added, (unsigned long long)diags, (unsigned long long)text);
    struct arena *a SCOPED_ARENA = arena_new();
    for (int i = 0; i < n; i++) store_remove(b->world.store, crowds[c].kind, str_fmt(a, "ns0/e%d", i));
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2000;
    struct bench_mesh b;
    bench_mesh_start(&b, &(struct bench_world){.services = 100, .per_namespace = 20, .called = 5});
    bench_world_config(&b.world, "", "");
    bool ok = print_kinds(&b);
    put_account(&b.world, "s", SUBJECT, "-v1");
    for (int i = 0; i < n; i++) put_account(&b.world, "a", i, "");
    for (size_t c = 0; ok && c < sizeof crowds / sizeof *crowds; c++) print_crowd(&b, c, n);
    printf("}\n");
    bench_mesh_end(&b);
    return ok ? 0 : 1;
}
