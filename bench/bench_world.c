#include "bench_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"
#include "bench_meter.h"

enum { VERSIONS = 2, SPLIT_EVERY = 10 };
#define CREATED "\"creationTimestamp\":\"2026-01-01T00:00:00Z\""

static void die(const char *what, struct str text)
{
    fprintf(stderr, "bench_world: %s: %.*s\n", what, STR_FMT(text));
    exit(1);
}

void bench_world_object(const struct bench_world *w, struct arena *a, struct str text)
{
    struct problems probs = {0};
    bench_meter_aside(); /* decoding is the source's work, not the flow's */
    json_t *doc = json_loadb(text.p, text.n, 0, NULL);
    if (!doc) die("no JSON", text);
    struct object *o = object_of_json(doc, a, &probs);
    json_decref(doc);
    if (!o) die(probs.n ? str_c(a, probs.v[0].text) : "no object", text);
    bench_meter_back();
    store_put(w->store, o);
}

#define PUT BENCH_PUT

int bench_world_ns(const struct bench_world *w, int i) { return i / w->per_namespace; }
static int home(const struct bench_world *w, int i) { return bench_world_ns(w, i) * w->per_namespace; }

int bench_world_before(const struct bench_world *w, int i, int back)
{
    int first = home(w, i), size = w->services - first < w->per_namespace ? w->services - first : w->per_namespace;
    return first + (i - first + size - back % size) % size;
}

static const char *pod_address(struct arena *a, int i, int v, int extra)
{
    int n = (i * VERSIONS + v) * 2 + extra;
    return str_fmt(a, "10.%d.%d.%d", 128 + n / 64000, n / 250 % 256, n % 250 + 1).p;
}

static void put_namespace(const struct bench_world *w, int n)
{
    PUT(w,
        "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"ns%d\"," CREATED
        ",\"labels\":{\"" LABEL_MONITORED_BY "\":\"" NAME_MESH "\"}}}",
        n);
}

static void put_service(const struct bench_world *w, int i, bool second)
{
    PUT(w,
        "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"namespace\":\"ns%d\",\"name\":\"s%d\"," CREATED
        "},"
        "\"spec\":{\"clusterIP\":\"10.%d.%d.%d\",\"selector\":{\"app\":\"s%d\"},"
        "\"ports\":[{\"name\":\"http\",\"port\":80,\"targetPort\":8080}%s]}}",
        bench_world_ns(w, i), i, 96 + i / 60000, i / 250 % 240, i % 250 + 1, i,
        second ? ",{\"name\":\"http-more\",\"port\":81,\"targetPort\":8081}" : "");
}

static void put_pod(const struct bench_world *w, int i, int v, int extra)
{
    struct arena *a SCOPED_ARENA = arena_new();
    PUT(w,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"ns%d\",\"name\":\"s%d-v%d-%d\",\"uid\":"
        "\"u%d-%d-%d\"," CREATED ",\"labels\":{\"app\":\"s%d\",\"version\":\"v%d\",\"" LABEL_PROXY_UUID "\":\"u\"}},"
        "\"spec\":{\"serviceAccountName\":\"s%d-v%d\",\"containers\":[{\"name\":\"main\",\"image\":\"i\"}]},"
        "\"status\":{\"phase\":\"Running\",\"podIP\":\"%s\"}}",
        bench_world_ns(w, i), i, v + 1, extra, i, v, extra, i, v + 1, i, v + 1, pod_address(a, i, v, extra));
}

static struct str endpoint(const struct bench_world *w, struct arena *a, int i, int v, bool ready)
{
    return str_fmt(
        a,
        "{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":%s},\"targetRef\":{\"kind\":\"Pod\",\"name\":\"s%d-v%d-0\","
        "\"namespace\":\"ns%d\"}}",
        pod_address(a, i, v, 0), ready ? "true" : "false", i, v + 1, bench_world_ns(w, i));
}

static void put_slice(const struct bench_world *w, int i, bool ready)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str v1 = endpoint(w, a, i, 0, true), v2 = endpoint(w, a, i, 1, ready);
    PUT(w,
        "{\"apiVersion\":\"discovery.k8s.io/"
        "v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"namespace\":\"ns%d\",\"name\":\"s%d-1\","
        "\"labels\":{\"kubernetes.io/service-name\":\"s%d\"}},\"addressType\":\"IPv4\","
        "\"endpoints\":[%.*s,%.*s],\"ports\":[{\"name\":\"http\",\"port\":8080}]}",
        bench_world_ns(w, i), i, i, STR_FMT(v1), STR_FMT(v2));
}

static void put_routes(const struct bench_world *w, int i, bool more)
{
    PUT(w,
        "{\"apiVersion\":\"specs.smi-spec.io/"
        "v1alpha4\",\"kind\":\"HTTPRouteGroup\",\"metadata\":{\"namespace\":\"ns%d\","
        "\"name\":\"s%d\"},\"spec\":{\"matches\":[{\"name\":\"read\",\"pathRegex\":\"/items/"
        ".*\",\"methods\":[\"GET\"]},"
        "{\"name\":\"write\",\"pathRegex\":\"/items\",\"methods\":[\"POST\"%s]},"
        "{\"name\":\"list\",\"pathRegex\":\"/lists/[0-9]+\",\"methods\":[\"GET\",\"DELETE\"]}]}}",
        bench_world_ns(w, i), i, more ? ",\"PUT\"" : "");
}

static struct str sources(const struct bench_world *w, struct arena *a, int i)
{
    LIST(struct str) l = {0};
    for (int back = 1; back <= w->called; back++)
        for (int v = 1; v <= VERSIONS; v++)
            list_push(a, &l,
                      str_fmt(a, "{\"kind\":\"ServiceAccount\",\"name\":\"s%d-v%d\",\"namespace\":\"ns%d\"}",
                              bench_world_before(w, i, back), v, bench_world_ns(w, i)));
    return str_join(a, (struct strs){l.v, l.n}, S(","));
}

static void put_target(const struct bench_world *w, int i, int v, bool write)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str from = sources(w, a, i);
    PUT(w,
        "{\"apiVersion\":\"access.smi-spec.io/"
        "v1alpha3\",\"kind\":\"TrafficTarget\",\"metadata\":{\"namespace\":\"ns%d\","
        "\"name\":\"s%d-v%d\"},\"spec\":{\"destination\":{\"kind\":\"ServiceAccount\",\"name\":\"s%d-v%d\","
        "\"namespace\":\"ns%d\"},"
        "\"rules\":[{\"kind\":\"HTTPRouteGroup\",\"name\":\"s%d\",\"matches\":[\"read\",\"list\"%s]}],\"sources\":[%.*"
        "s]}}",
        bench_world_ns(w, i), i, v + 1, i, v + 1, bench_world_ns(w, i), i, write ? ",\"write\"" : "", STR_FMT(from));
}

static void put_split(const struct bench_world *w, int i, int weight)
{
    PUT(w,
        "{\"apiVersion\":\"split.smi-spec.io/v1alpha2\",\"kind\":\"TrafficSplit\",\"metadata\":{\"namespace\":\"ns%d\","
        "\"name\":\"s%d\"},\"spec\":{\"service\":\"s%d\",\"backends\":[{\"service\":\"s%d\",\"weight\":%d},"
        "{\"service\":\"s%d\",\"weight\":%d}]}}",
        bench_world_ns(w, i), i, i, i, weight, bench_world_before(w, i, 1), 100 - weight);
}

static bool is_root(int i) { return i % SPLIT_EVERY == 0; }

int bench_world_objects(const struct bench_world *w)
{
    int namespaces = (w->services + w->per_namespace - 1) / w->per_namespace,
        splits = (w->services + SPLIT_EVERY - 1) / SPLIT_EVERY;
    int policies = w->policies ? namespaces + 4 * w->services : 0;
    return 1 + namespaces + splits + w->services * (3 + 2 * VERSIONS) + policies;
}

static void put_policies(const struct bench_world *w, int i)
{
    bench_world_egress(w, i, 1);
    bench_world_ingress(w, i, 1);
    bench_world_retry(w, i, 1);
    bench_world_setting(w, i, 1);
    if (i % w->per_namespace == 0) bench_world_telemetry(w, i, 1);
}

void bench_world_put(const struct bench_world *w)
{
    bench_world_log_level(w, 0, 1);
    for (int i = 0; i < w->services; i++) {
        if (i % w->per_namespace == 0) put_namespace(w, bench_world_ns(w, i));
        put_service(w, i, false);
        put_slice(w, i, true);
        put_routes(w, i, false);
        for (int v = 0; v < VERSIONS; v++) put_pod(w, i, v, 0), put_target(w, i, v, true);
        if (is_root(i)) put_split(w, i, 50);
        if (w->policies) put_policies(w, i);
    }
}

void bench_world_endpoint(const struct bench_world *w, int i, int turn) { put_slice(w, i, turn % 2); }
void bench_world_service(const struct bench_world *w, int i, int turn) { put_service(w, i, turn % 2 == 0); }
void bench_world_target(const struct bench_world *w, int i, int turn) { put_target(w, i, 0, turn % 2); }
void bench_world_split(const struct bench_world *w, int i, int turn)
{
    put_split(w, i / SPLIT_EVERY * SPLIT_EVERY, 10 + turn % 80);
}

void bench_world_pod(const struct bench_world *w, int i, int turn)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (turn % 2 == 0)
        put_pod(w, i, 0, 1);
    else
        store_remove(w->store, KIND_POD, str_fmt(a, "ns%d/s%d-v1-1", bench_world_ns(w, i), i));
}
