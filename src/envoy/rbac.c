#include "envoy/encode.h"

static PbStringMatcher *regex(struct arena *a, struct str text)
{
    PbRegex *r = NEW(a, Regex);
    r->regex = pb_str(a, text);
    PbStringMatcher *m = NEW(a, StringMatcher);
    PB_ONE(m, safe_regex, r);
    return m;
}

static PbStringMatcher *exact(struct arena *a, struct str text)
{
    PbStringMatcher *m = NEW(a, StringMatcher);
    PB_ONE(m, exact, pb_str(a, text));
    return m;
}

static PbHeaderMatcher *header_matcher(struct arena *a, const char *name, PbStringMatcher *value)
{
    PbHeaderMatcher *h = NEW(a, HeaderMatcher);
    h->name = (char *)name;
    PB_ONE(h, string_match, value);
    return h;
}

PbHeaderMatcher *encode_header_matcher(struct arena *a, struct str name, struct str re)
{
    return header_matcher(a, str_is(name, "host") ? ":authority" : str_c(a, name), regex(a, re));
}

static PbPermission *header(struct arena *a, PbHeaderMatcher *h)
{
    PbPermission *p = NEW(a, Permission);
    PB_ONE(p, header, h);
    return p;
}

static PbPermission *path(struct arena *a, struct str re)
{
    PbPathMatcher *m = NEW(a, PathMatcher);
    PB_ONE(m, path, regex(a, re));
    PbPermission *p = NEW(a, Permission);
    PB_ONE(p, url_path, m); /* without the query, unlike the header ":path" */
    return p;
}

/* Refused by the connection manager already (envoy/http.c), but that is the listener's: a connection from before the
 * first path rule keeps the manager without it, while access comes with the routes and holds at once. */
static PbPermission *no_escaped_slash(struct arena *a)
{
    PbPermission *p = NEW(a, Permission);
    PB_ONE(p, not_rule, path(a, S(".*%(2[Ff]|5[Cc]).*")));
    return p;
}

static PbPermission *any_of_methods(struct arena *a, struct strs methods)
{
    PbPermissionSet *set = NEW(a, PermissionSet);
    for (each(m, methods)) PB_ADD(a, set, rules, header(a, header_matcher(a, ":method", exact(a, *m))));
    PbPermission *p = NEW(a, Permission);
    PB_ONE(p, or_rules, set);
    return p;
}

static PbPermission *anything(struct arena *a)
{
    PbPermission *p = NEW(a, Permission);
    PB_ONE(p, any, true);
    return p;
}

/* The bootstrap's runtime makes Envoy judge a repeated header as its values joined by ',' (see bootstrap.c). */
static PbPermission *permission(struct arena *a, const struct plan_rule *r)
{
    PbPermissionSet *set = NEW(a, PermissionSet);
    if (r->path_regex.n) {
        PB_ADD(a, set, rules, path(a, r->path_regex));
        PB_ADD(a, set, rules, no_escaped_slash(a));
    }
    if (r->methods.n) PB_ADD(a, set, rules, any_of_methods(a, r->methods));
    for (each(h, r->headers)) PB_ADD(a, set, rules, header(a, encode_header_matcher(a, h->name, h->regex)));
    if (!set->n_rules) return anything(a);
    if (set->n_rules == 1) return set->rules[0];
    PbPermission *p = NEW(a, Permission);
    PB_ONE(p, and_rules, set);
    return p;
}

/* |id| STR_NULL: whoever has a certificate of the mesh. */
static PbPrincipal *principal(struct arena *a, struct str id)
{
    PbAuthenticated *who = NEW(a, Authenticated);
    if (id.n) who->principal_name = exact(a, id);
    PbPrincipal *p = NEW(a, Principal);
    PB_ONE(p, authenticated, who);
    return p;
}

PbPrincipal *encode_principal(struct arena *a, struct str id)
{
    encode_check(id.n > 0, "an empty name would admit every certificate");
    return principal(a, id);
}

static void principals(struct arena *a, PbPolicy *p, bool any, struct strs ids)
{
    encode_check(any || ids.n, "a policy without principals");
    if (any) {
        PB_ADD(a, p, principals, principal(a, STR_NULL));
        return;
    }
    for (each(id, ids)) PB_ADD(a, p, principals, encode_principal(a, *id));
}

static void add_policy(struct arena *a, PbRbac *rbac, struct str name, PbPolicy *policy)
{
    PbPolicyEntry *entry = NEW(a, PolicyEntry);
    entry->key = pb_str(a, name);
    entry->value = policy;
    PB_ADD(a, rbac, policies, entry);
}

void encode_allow(struct arena *a, PbRbac *rbac, struct str name, PbPrincipal *who)
{
    PbPolicy *policy = NEW(a, Policy);
    PB_ADD(a, policy, permissions, anything(a));
    PB_ADD(a, policy, principals, who);
    add_policy(a, rbac, name, policy);
}

PbRbac *encode_http_rbac(struct arena *a, const struct plan_chain *chain)
{
    PbRbac *rbac = NEW(a, Rbac);
    if (chain->denied) return rbac;
    for (each(r, chain->rules)) {
        if (!r->any_principal && !r->principals.n) continue;
        PbPolicy *policy = NEW(a, Policy);
        PB_ADD(a, policy, permissions, permission(a, r));
        principals(a, policy, r->any_principal, r->principals);
        add_policy(a, rbac, r->name, policy);
    }
    return rbac;
}

PbRbac *encode_tcp_rbac(struct arena *a, const struct plan_chain *chain)
{
    PbRbac *rbac = NEW(a, Rbac);
    PbPolicy *policy = NEW(a, Policy);
    PB_ADD(a, policy, permissions, anything(a));
    principals(a, policy, chain->tcp_any, chain->tcp_principals);
    add_policy(a, rbac, chain->name, policy);
    return rbac;
}
