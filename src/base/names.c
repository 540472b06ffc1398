#include "base/names.h"

struct str spiffe_id(struct arena *a, struct str trust_domain, struct str ns, struct str sa)
{
    return str_fmt(a, "spiffe://%.*s/ns/%.*s/sa/%.*s", STR_FMT(trust_domain), STR_FMT(ns), STR_FMT(sa));
}

bool spiffe_parse(struct str id, struct str *trust_domain, struct str *ns, struct str *sa)
{
    struct str scheme = S("spiffe://");
    if (!str_starts(id, scheme)) return false;
    struct str rest = str_sub(id, scheme.n, id.n);
    *trust_domain = str_cut(&rest, '/');
    if (!str_is(str_cut(&rest, '/'), "ns")) return false;
    *ns = str_cut(&rest, '/');
    if (!str_is(str_cut(&rest, '/'), "sa")) return false;
    *sa = rest;
    return is_dns_subdomain(*trust_domain) && is_dns_label(*ns) && is_dns_subdomain(*sa);
}

struct str dns_identity(struct arena *a, struct str trust_domain, struct str ns, struct str sa)
{
    return str_fmt(a, "%.*s.%.*s.%.*s", STR_FMT(sa), STR_FMT(ns), STR_FMT(trust_domain));
}

static bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_dns_label(struct str s)
{
    if (s.n == 0 || s.n > 63 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1])) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-') return false;
    return true;
}

bool is_dns_subdomain(struct str s)
{
    if (s.n == 0 || s.n > 253) return false;
    while (s.p)
        if (!is_dns_label(str_cut(&s, '.'))) return false;
    return true;
}

struct str key_of(struct arena *a, struct str ns, struct str name)
{
    return str_fmt(a, "%.*s/%.*s", STR_FMT(ns), STR_FMT(name));
}

void key_split(struct str key, struct str *ns, struct str *name)
{
    if (str_find(key, '/') < 0) {
        *ns = STR_NULL;
        *name = key;
        return;
    }
    *ns = str_cut(&key, '/');
    *name = key;
}
