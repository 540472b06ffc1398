#include "envoy/encode.h"

#define ZIPKIN(x) ENVOY__CONFIG__TRACE__V3__ZIPKIN_CONFIG__##x

static PbHttpTracer *tracer(struct arena *a, const char *name, const ProtobufCMessage *config)
{
    PbHttpTracer *m = NEW(a, HttpTracer);
    m->name = (char *)name;
    PB_ONE(m, typed_config, pb_any(a, config));
    return m;
}

static PbHttpTracer *zipkin(struct arena *a, const struct plan_tracing *p)
{
    PbZipkin *m = NEW(a, Zipkin);
    m->collector_cluster = pb_str(a, p->collector.cluster);
    m->collector_endpoint = pb_str(a, p->endpoint);
    m->collector_hostname = pb_str(a, p->collector.address);
    m->trace_id_128bit = true; /* as traceparent has them */
    m->collector_endpoint_version = ZIPKIN(COLLECTOR_ENDPOINT_VERSION__HTTP_JSON);
    m->trace_context_option = ZIPKIN(TRACE_CONTEXT_OPTION__USE_B3_WITH_W3C_PROPAGATION);
    return tracer(a, "envoy.tracers.zipkin", &m->base);
}

static PbHttpTracer *otlp(struct arena *a, const struct plan_tracing *p)
{
    PbOtlpTracer *m = NEW(a, OtlpTracer);
    m->grpc_service = encode_grpc(a, &p->collector, 0);
    PB_ADD(a, m, resource_detectors, encode_environment_detector(a));
    return tracer(a, "envoy.tracers.opentelemetry", &m->base);
}

PbHcmTracing *encode_tracing(struct encoder *e)
{
    const struct plan_tracing *p = &e->hop->tracing;
    if (!p->collector.cluster.n) return NULL;
    PbHcmTracing *m = NEW(e->a, HcmTracing);
    m->random_sampling = NEW(e->a, Percent);
    m->random_sampling->value = (double)p->sampling / 100;
    m->verbose = true;
    m->provider = (p->otlp ? otlp : zipkin)(e->a, p);
    return m;
}
