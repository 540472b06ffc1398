#include "kinds/ingress_backend.h"

#include "base/cidr.h"
#include "base/names.h"

static const char *const protocols[] = {"http", "https", NULL};
static const char *const source_kinds[] = {"Service", "AuthenticatedPrincipal", "IPRange", NULL};

static const struct field tls_fields[] = {
    FIELD(struct ingress_tls, skip_client_cert, "skipClientCertValidation", F_BOOL, .flags = FIELD_REQUIRED,
          .doc = "Whether callers need no certificate of the mesh."),
    FIELD(struct ingress_tls, sni_hosts, "sniHosts", F_STRS,
          .doc = "Server names (SNI) that callers may ask for, or \"*.\" and a domain; any when absent."),
};

/* One that Envoy would refuse would take the whole listener with it. */
static void check_hosts(const void *v, struct arena *a, struct problems *out)
{
    const struct ingress_tls *tls = v;
    for (size_t i = 0; i < tls->sni_hosts.n; i++) {
        struct str host = tls->sni_hosts.v[i], name = str_lower(a, host);
        if (!is_dns_subdomain(str_starts(name, S("*.")) ? str_sub(name, 2, name.n) : name))
            problem_add(a, out, true, NULL, str_fmt(a, "sniHosts[%zu]", i),
                        "\"%.*s\" is not a server name; write it as shop.example.com or *.example.com", STR_FMT(host));
    }
}
static const struct table tls_table =
    TABLE("IngressTLS", struct ingress_tls, tls_fields, .check = check_hosts, .doc = "TLS from the ingress.");

static const struct field port_fields[] = {
    FIELD(struct ingress_port, number, "number", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "The pods' port, not the Service's."),
    FIELD(struct ingress_port, protocol, "protocol", F_ENUM, .names = protocols, .flags = FIELD_REQUIRED | FIELD_NOCASE,
          .doc = "What callers speak: http, or https with the pod's own certificate."),
};
static const struct table port_table =
    TABLE("IngressPort", struct ingress_port, port_fields, .doc = "A port and what is spoken there.");

static const struct field target_fields[] = {
    FIELD(struct ingress_target, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "A Service in the same namespace."),
    FIELD(struct ingress_target, port, "port", F_INLINE, .sub = &port_table, .flags = FIELD_REQUIRED,
          .doc = "The port that is opened."),
    FIELD(struct ingress_target, tls, "tls", F_OBJ, .sub = &tls_table, .doc = "TLS from the ingress."),
};
static const struct table target_table =
    TABLE("IngressTarget", struct ingress_target, target_fields, .doc = "What is opened.");

static const struct field source_fields[] = {
    FIELD(struct ingress_source, kind, "kind", F_ENUM, .names = source_kinds, .flags = FIELD_REQUIRED,
          .doc = "Service, AuthenticatedPrincipal or IPRange."),
    FIELD(struct ingress_source, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "The Service, the name in the caller's certificate (URI or DNS), or the address range."),
    FIELD(struct ingress_source, ns, "namespace", F_STR, .doc = "Namespace of the Service."),
};

static bool is_range(struct str s)
{
    struct cidr c;
    return str_find(s, '/') >= 0 && cidr_parse(s, &c);
}

static void check_source(const void *v, struct arena *a, struct problems *out)
{
    const struct ingress_source *s = v;
    if (s->kind == INGRESS_SERVICE && s->ns.n == 0)
        problem_add(a, out, true, NULL, S("namespace"), "is required for a Service");
    if (s->kind == INGRESS_IP_RANGE && !is_range(s->name))
        problem_add(a, out, true, NULL, S("name"), "\"%.*s\" is not an address range; write it as 10.0.0.0/8",
                    STR_FMT(s->name));
}
static const struct table source_table =
    TABLE("IngressSource", struct ingress_source, source_fields, .check = check_source, .doc = "Who may call.");

static const struct field spec_fields[] = {
    FIELD(struct ingress_backend_spec, backends, "backends", F_LIST, .sub = &target_table, .flags = FIELD_REQUIRED,
          .doc = "What is opened."),
    FIELD(struct ingress_backend_spec, sources, "sources", F_LIST, .sub = &source_table, .flags = FIELD_REQUIRED,
          .doc = "Who may call."),
    FIELD(struct ingress_backend_spec, matches, "matches", F_LIST, .sub = &typed_ref_table, .flags = FIELD_NOT_ENFORCED,
          .doc = "Never had an effect."),
};

static bool same_backend(const struct ingress_target *x, const struct ingress_target *y)
{
    return str_eq(x->name, y->name) && x->port.number == y->port.number;
}

/* https without a principal would let in every certificate of the mesh. */
static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct ingress_backend_spec *s = v;
    bool has_principal = false;
    for (each(x, s->sources)) has_principal |= x->kind == INGRESS_PRINCIPAL;
    for (size_t i = 0; i < s->backends.n; i++) {
        const struct ingress_target *t = &s->backends.v[i];
        bool checks_client = t->port.protocol == INGRESS_HTTPS && !(t->tls && t->tls->skip_client_cert);
        if (checks_client && !has_principal)
            problem_add(a, out, true, NULL, str_fmt(a, "backends[%zu].port.protocol", i),
                        "https needs a source of kind AuthenticatedPrincipal");
        if (t->tls && t->port.protocol == INGRESS_HTTP)
            problem_add(a, out, false, NULL, str_fmt(a, "backends[%zu].tls", i), "has no meaning for protocol http");
        for (size_t j = 0; j < i; j++)
            if (same_backend(t, &s->backends.v[j]))
                problem_add(a, out, true, NULL, str_fmt(a, "backends[%zu]", i),
                            "the same Service and port stand twice");
    }
}
static const struct table spec_table = TABLE("IngressBackendSpec", struct ingress_backend_spec, spec_fields,
                                             .check = check, .doc = "What is opened, and for whom.");
static const struct field fields[] = {
    FIELD(struct ingress_backend, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is opened, and for whom."),
};
static const struct cel_rule cel[] = {
    {"self.spec.sources.all(s, s.kind != 'Service' || (has(s.__namespace__) && s.__namespace__ != ''))",
     "a source of kind Service needs a namespace"},
    {"self.spec.sources.exists(s, s.kind == 'AuthenticatedPrincipal') || self.spec.backends.all(b, "
     "b.port.protocol.lowerAscii() != 'https' || (has(b.tls) && b.tls.skipClientCertValidation))",
     "https needs a source of kind AuthenticatedPrincipal"},
    {NULL, NULL},
};
const struct table ingress_backend_table =
    TABLE("IngressBackend", struct ingress_backend, fields, .flags = TABLE_STRICT, .rules = cel,
          .doc = "Opens a Service in the mesh for callers outside it.");
