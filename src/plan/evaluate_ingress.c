/* Would a caller outside the mesh be let in: the answer that Envoy gives, from the same plan. */
#include "base/cidr.h"
#include "plan/evaluate.h"

#define ANSWER(a, out, v, ...) ((out)->verdict = (v), (out)->text = str_fmt((a), __VA_ARGS__), (void)0)

static const struct plan_ingress *at_port(const struct plan_inbound *in, int64_t port)
{
    for (size_t i = 0; in && i < in->ingress.n; i++)
        if (in->ingress.v[i].port == port) return &in->ingress.v[i];
    return NULL;
}

static bool is_within(struct strs ranges, struct str address)
{
    struct cidr caller, range;
    if (!cidr_parse(address, &caller)) return false;
    for (each(r, ranges))
        if (cidr_parse(*r, &range) && cidr_contains(&range, &caller)) return true;
    return false;
}

static bool judge_tls(const struct plan_ingress *p, const struct evaluate_outside *r, struct arena *a,
                      struct evaluate_answer *out)
{
    struct str asked = str_lower(a, r->server_name);
    if (p->server_names.n && !plan_is_named(p->server_names, asked))
        ANSWER(a, out, EVALUATE_CLOSED, "the handshake must ask for one of the server names %.*s",
               STR_FMT(str_join(a, p->server_names, S(", "))));
    else if (!p->any_client && !strs_has(p->principals, r->principal))
        ANSWER(a, out, EVALUATE_CLOSED, "the caller's certificate must have one of the names %.*s",
               STR_FMT(str_join(a, p->principals, S(", "))));
    else
        return true;
    return false;
}

void evaluate_outside(const struct plan_inbound *in, const struct evaluate_outside *r, struct arena *a,
                      struct evaluate_answer *out)
{
    *out = (struct evaluate_answer){0};
    const struct plan_ingress *p = at_port(in, r->port);
    if (!p) {
        ANSWER(a, out, EVALUATE_CLOSED, "no IngressBackend opens port %lld to anybody", (long long)r->port);
        return;
    }
    out->origin = p->origin;
    if (p->tls != r->tls)
        ANSWER(a, out, EVALUATE_CLOSED, "port %lld is open for %s, not for %s", (long long)r->port,
               p->tls ? "https" : "http", r->tls ? "https" : "http");
    else if (!p->any_address && !is_within(p->ranges, r->address))
        ANSWER(a, out, EVALUATE_CLOSED, "%.*s is none of the addresses that may call: %.*s", STR_FMT(r->address),
               STR_FMT(str_join(a, p->ranges, S(", "))));
    else if (p->tls && !judge_tls(p, r, a, out))
        return;
    else if (p->denied)
        ANSWER(a, out, EVALUATE_DENIED, "external authorization is asked for and cannot be carried out: all is denied");
    else
        ANSWER(a, out, EVALUATE_ALLOWED, "calls to port %lld of %.*s are allowed", (long long)r->port,
               STR_FMT(p->service));
}
