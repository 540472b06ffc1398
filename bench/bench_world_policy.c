/* The policies of a world. A change at an odd turn is as the world was put. */
#include "base/names.h"
#include "bench_world.h"

#define POLICY "\"apiVersion\":\"policy.openservicemesh.io/v1alpha1\",\"kind\":"
#define META   "\"metadata\":{\"namespace\":\"ns%d\",\"name\":\"s%d\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"}"

static int ns_of(const struct bench_world *w, int i) { return bench_world_ns(w, i); }

void bench_world_egress(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(w,
              "{" POLICY "\"Egress\"," META ",\"spec\":{\"sources\":[{\"kind\":\"ServiceAccount\",\"name\":\"s%d-v1\","
              "\"namespace\":\"ns%d\"}],\"hosts\":[\"api%d.example.com\",\"*.cdn%d.example.com\"%s],"
              "\"ports\":[{\"number\":80,\"protocol\":\"http\"},{\"number\":443,\"protocol\":\"https\"}]}}",
              ns_of(w, i), i, i, ns_of(w, i), i, i, turn % 2 ? "" : ",\"more.example.com\"");
}

void bench_world_ingress(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(w,
              "{" POLICY "\"IngressBackend\"," META ",\"spec\":{\"backends\":[{\"name\":\"s%d\",\"port\":{\"number\":"
              "8080,\"protocol\":\"http\"}}],\"sources\":[{\"kind\":\"IPRange\",\"name\":\"192.0.2.0/24\"}%s]}}",
              ns_of(w, i), i, i, turn % 2 ? "" : ",{\"kind\":\"IPRange\",\"name\":\"198.51.100.0/24\"}");
}

void bench_world_retry(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(
        w,
        "{" POLICY "\"Retry\"," META ",\"spec\":{\"source\":{\"kind\":\"ServiceAccount\",\"name\":\"s%d-v1\","
        "\"namespace\":\"ns%d\"},\"destinations\":[{\"kind\":\"Service\",\"name\":\"s%d\",\"namespace\":\"ns%d\"}],"
        "\"retryPolicy\":{\"retryOn\":\"5xx,reset\",\"perTryTimeout\":\"1s\",\"numRetries\":%d}}}",
        ns_of(w, i), i, i, ns_of(w, i), bench_world_before(w, i, -1), ns_of(w, i), 3 + turn % 2);
}

void bench_world_setting(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(w,
              "{" POLICY "\"UpstreamTrafficSetting\"," META ",\"spec\":{\"host\":\"s%d.ns%d.svc.cluster.local\","
              "\"connectionSettings\":{\"tcp\":{\"maxConnections\":100},\"http\":{\"maxRequests\":%d,"
              "\"maxPendingRequests\":50}},\"rateLimit\":{\"local\":{\"http\":{\"requests\":%d,\"unit\":\"second\","
              "\"burst\":20}}}}}",
              ns_of(w, i), i, i, ns_of(w, i), 100 + turn % 2, 200 + turn % 2);
}

void bench_world_telemetry(const struct bench_world *w, int i, int turn)
{
    BENCH_PUT(w,
              "{" POLICY
              "\"Telemetry\",\"metadata\":{\"namespace\":\"ns%d\",\"name\":\"logs\"},\"spec\":{\"accessLog\":"
              "{\"format\":\"%%START_TIME%% %%REQ(:METHOD)%% %%REQ(:PATH)%% %%RESPONSE_CODE%% %%DURATION%%%s\"}}}",
              ns_of(w, i), turn % 2 ? "" : " %UPSTREAM_HOST%");
}

void bench_world_config(const struct bench_world *w, const char *traffic, const char *observability)
{
    BENCH_PUT(
        w,
        "{\"apiVersion\":\"config.openservicemesh.io/v1alpha2\",\"kind\":\"MeshConfig\",\"metadata\":"
        "{\"namespace\":\"%s\",\"name\":\"%s\"},\"spec\":{\"traffic\":{\"enablePermissiveTrafficPolicyMode\":%s%s},"
        "\"featureFlags\":{\"enableRetryPolicy\":true},\"observability\":{%s}}}",
        NAME_SYSTEM_NAMESPACE, NAME_MESH_CONFIG, w->permissive ? "true" : "false", traffic, observability);
}

void bench_world_log_level(const struct bench_world *w, int i, int turn)
{
    (void)i;
    struct arena *a SCOPED_ARENA = arena_new();
    bench_world_config(
        w, "",
        str_fmt(a, "\"osmLogLevel\":\"%s\"%s", turn % 2 ? "info" : "debug", w->policies ? "," BENCH_TRACING("1") : "")
            .p);
}

void bench_world_sampling(const struct bench_world *w, int i, int turn)
{
    (void)i;
    bench_world_config(w, "", turn % 2 ? BENCH_TRACING("1") : BENCH_TRACING("2"));
}
