#include "envoy/encode.h"

enum { MAX_BODY = 8192 };

/* After the mesh's own policy: what that forbids is never shown to others. A stream of messages that waits for answers
 * would wait for ever behind a body that is to be read first, so gRPC is judged by its headers. */
PbHttpFilter *encode_authz(struct encoder *e, bool may_stream)
{
    const struct plan_authz *p = &e->hop->authz;
    PbExtAuthz *m = NEW(e->a, ExtAuthz);
    PB_ONE(m, grpc_service, encode_grpc(e->a, &p->server, p->timeout_ns));
    m->failure_mode_allow = p->failure_mode_allow;
    m->transport_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
    m->stat_prefix = pb_str(e->a, p->stat_prefix);
    if (!may_stream) {
        m->with_request_body = NEW(e->a, BodySettings);
        m->with_request_body->max_request_bytes = MAX_BODY;
        m->with_request_body->allow_partial_message = true;
    }
    return encode_http_filter(e->a, FILTER_AUTHZ, &m->base);
}
