#include "base/names.h"
#include "envoy/encode.h"

static PbSdsSecret *secret(struct arena *a, const char *name, const char *file)
{
    PbPathSource *path = NEW(a, PathSource);
    path->path = (char *)file;
    PbConfigSource *from = NEW(a, ConfigSource);
    PB_ONE(from, path_config_source, path);
    from->resource_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
    PbSdsSecret *m = NEW(a, SdsSecret);
    m->name = (char *)name;
    m->sds_config = from;
    return m;
}

/* TLS_AUTO where the text is none of Envoy's names: the kinds' validation let only these through. */
static int protocol(struct str name)
{
    const ProtobufCEnumDescriptor *d =
        &envoy__extensions__transport_sockets__tls__v3__tls_parameters__tls_protocol__descriptor;
    for (unsigned i = 0; i < d->n_values; i++)
        if (str_is(name, d->values[i].name)) return d->values[i].value;
    return 0;
}

static PbTlsParams *params(struct arena *a, const struct plan_tls *tls)
{
    PbTlsParams *m = NEW(a, TlsParams);
    m->tls_minimum_protocol_version = protocol(tls->min);
    /* Envoy's own default would cap the client side at 1.2. */
    m->tls_maximum_protocol_version = protocol(tls->max);
    for (each(s, tls->cipher_suites)) PB_ADD(a, m, cipher_suites, pb_str(a, *s));
    for (each(s, tls->ecdh_curves)) PB_ADD(a, m, ecdh_curves, pb_str(a, *s));
    return m;
}

#define SAN_TYPE(x) ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SUBJECT_ALT_NAME_MATCHER__SAN_TYPE__##x

static PbValidation *only(struct arena *a, struct strs sans)
{
    encode_check(sans.n > 0, "an empty list of names would admit every certificate");
    PbValidation *v = NEW(a, Validation);
    for (each(san, sans)) {
        PbStringMatcher *exact = NEW(a, StringMatcher);
        PB_ONE(exact, exact, pb_str(a, *san));
        PbSanMatcher *m = NEW(a, SanMatcher);
        m->san_type = memmem(san->p, san->n, "://", 3) ? SAN_TYPE(URI) : SAN_TYPE(DNS);
        m->matcher = exact;
        PB_ADD(a, v, match_typed_subject_alt_names, m);
    }
    return v;
}

/* What is shown, without what is asked for. */
static PbCommonTls *own_side(struct encoder *e)
{
    PbCommonTls *m = NEW(e->a, CommonTls);
    m->tls_params = params(e->a, e->tls);
    PB_ADD(e->a, m, tls_certificate_sds_secret_configs, secret(e->a, SDS_CERTIFICATE, FILE_SDS_CERTIFICATE));
    return m;
}

static PbCommonTls *common(struct encoder *e, const struct strs *sans)
{
    struct arena *a = e->a;
    PbSdsSecret *bundle = secret(a, SDS_BUNDLE, FILE_SDS_BUNDLE);
    PbCommonTls *m = own_side(e);
    if (!sans) {
        PB_ONE(m, validation_context_sds_secret_config, bundle);
        return m;
    }
    PbCombinedValidation *both = NEW(a, CombinedValidation);
    both->default_validation_context = only(a, *sans);
    both->validation_context_sds_secret_config = bundle;
    PB_ONE(m, combined_validation_context, both);
    return m;
}

static PbTransportSocket *tls_socket(struct arena *a, const ProtobufCMessage *context)
{
    PbTransportSocket *m = NEW(a, TransportSocket);
    m->name = SOCKET_TLS;
    PB_ONE(m, typed_config, pb_any(a, context));
    return m;
}

PbTransportSocket *encode_tls_upstream(struct encoder *e, const struct plan_cluster *c)
{
    PbUpstreamTls *m = NEW(e->a, UpstreamTls);
    m->common_tls_context = common(e, &c->sans);
    /* Offered here and never accepted by the other side: it selects the chain, and HTTP/2 stays possible. */
    PB_ADD(e->a, m->common_tls_context, alpn_protocols, NAME_ALPN);
    m->sni = pb_str(e->a, c->sni);
    return tls_socket(e->a, &m->base);
}

static PbTransportSocket *downstream(struct encoder *e, PbCommonTls *common, bool asks_client)
{
    PbDownstreamTls *m = NEW(e->a, DownstreamTls);
    m->common_tls_context = common;
    if (asks_client) m->require_client_certificate = pb_bool(e->a, true);
    /* A resumed session would outlive the certificate it was made with. */
    PB_ONE(m, disable_stateless_session_resumption, true);
    m->disable_stateful_session_resumption = true;
    return tls_socket(e->a, &m->base);
}

PbTransportSocket *encode_tls_downstream(struct encoder *e, const struct strs *sans)
{
    return downstream(e, common(e, sans), true);
}

PbTransportSocket *encode_tls_ingress(struct encoder *e, const struct plan_ingress *p)
{
    PbCommonTls *m = p->any_client ? own_side(e) : common(e, &p->principals);
    /* The application gets the version that the caller speaks: it is not offered what it may not know. */
    if (p->grpc) PB_ADD(e->a, m, alpn_protocols, "h2");
    PB_ADD(e->a, m, alpn_protocols, "http/1.1");
    return downstream(e, m, !p->any_client);
}
