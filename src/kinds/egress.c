#include "kinds/egress.h"

static const char *const protocols[] = {"http", "https", "tcp", "tcp-server-first", NULL};
static const struct field port_fields[] = {
    FIELD(struct policy_port, number, "number", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "The port."),
    FIELD(struct policy_port, protocol, "protocol", F_STR, .names = protocols,
          .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY | FIELD_NOCASE, .doc = "http, https, tcp or tcp-server-first."),
};
const struct table policy_port_table =
    TABLE("PolicyPort", struct policy_port, port_fields, .doc = "A port and what is spoken there.");

#define HOST "\\*|(\\*\\.)?[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*"
static const struct field spec_fields[] = {
    FIELD(struct egress_spec, sources, "sources", F_LIST, .sub = &subject_table, .flags = FIELD_REQUIRED,
          .doc = "The service accounts that may call."),
    FIELD(struct egress_spec, hosts, "hosts", F_STRS, .pattern = HOST,
          .doc = "Names that may be called with http (Host) and https (SNI), without port: a.example, *.example, * for "
                 "any. Required for http; any name when absent for https."),
    FIELD(struct egress_spec, ip_addresses, "ipAddresses", F_STRS, .flags = FIELD_CIDR,
          .doc = "Address ranges that may be called; any address outside the cluster when absent."),
    FIELD(struct egress_spec, ports, "ports", F_LIST, .sub = &policy_port_table, .flags = FIELD_REQUIRED,
          .doc = "Ports that may be called."),
    FIELD(struct egress_spec, matches, "matches", F_LIST, .sub = &typed_ref_table,
          .doc = "HTTPRouteGroups that say which http requests (all, when none is named), and at most one "
                 "UpstreamTrafficSetting."),
};

#define ROUTES "specs.smi-spec.io/v1alpha4"
#define POLICY "policy.openservicemesh.io/v1alpha1"

static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct egress_spec *s = v;
    size_t settings = 0;
    for (size_t i = 0; i < s->matches.n; i++) {
        const struct typed_ref *m = &s->matches.v[i];
        bool is_route = str_is(m->api_group, ROUTES) && str_is(m->kind, "HTTPRouteGroup");
        bool is_setting = str_is(m->api_group, POLICY) && str_is(m->kind, "UpstreamTrafficSetting");
        settings += is_setting;
        if (!is_route && !is_setting)
            problem_add(a, out, true, NULL, str_fmt(a, "matches[%zu]", i),
                        "must be an HTTPRouteGroup of %s or an UpstreamTrafficSetting of %s", ROUTES, POLICY);
    }
    if (settings > 1) problem_add(a, out, true, NULL, S("matches"), "may name one UpstreamTrafficSetting only");
}
static const struct table spec_table =
    TABLE("EgressSpec", struct egress_spec, spec_fields, .check = check, .doc = "What is allowed.");
static const struct field fields[] = {
    FIELD(struct egress, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is allowed."),
};
static const struct cel_rule cel[] = {
    {"!has(self.spec.matches) || self.spec.matches.filter(m, m.kind == 'UpstreamTrafficSetting').size() <= 1",
     "matches may name one UpstreamTrafficSetting only"},
    {"!has(self.spec.matches) || self.spec.matches.all(m, (m.kind == 'HTTPRouteGroup' && m.apiGroup == '" ROUTES
     "') || (m.kind == 'UpstreamTrafficSetting' && m.apiGroup == '" POLICY "'))",
     "matches must be HTTPRouteGroups of " ROUTES " or an UpstreamTrafficSetting of " POLICY},
    {NULL, NULL},
};
const struct table egress_table = TABLE("Egress", struct egress, fields, .flags = TABLE_STRICT, .rules = cel,
                                        .doc = "Allows some identities to call something outside the mesh.");
