#include "base/buf.h"
#include "envoy/encode.h"

#define HTTP_LIMIT(x)     ENVOY__EXTENSIONS__FILTERS__HTTP__RATELIMIT__V3__RATE_LIMIT__##x
#define FILTER_TCP_LOCAL  "envoy.filters.network.local_ratelimit"
#define FILTER_TCP_GLOBAL "envoy.filters.network.ratelimit"
#define STAT_PREFIX       "limit"

static PbTokenBucket *bucket(struct arena *a, const struct plan_bucket *b)
{
    PbTokenBucket *m = NEW(a, TokenBucket);
    m->max_tokens = (uint32_t)b->max;
    m->tokens_per_fill = pb_u32(a, (uint32_t)b->fill);
    m->fill_interval = pb_duration(a, b->interval_ns);
    return m;
}

static PbRateLimitService *service(struct arena *a, const struct plan_outside *server)
{
    PbRateLimitService *m = NEW(a, RateLimitService);
    m->grpc_service = encode_grpc(a, server, 0);
    m->transport_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
    return m;
}

static PbHttpStatus *status(struct arena *a, int64_t code)
{
    PbHttpStatus *m = NEW(a, HttpStatus);
    m->code = (int)code;
    return m;
}

/* Envoy reads %NAME% in such texts; users' texts are meant letter for letter. */
static char *literal(struct arena *a, struct str text)
{
    struct buf b SCOPED_BUF = {0};
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%') buf_char(&b, '%');
        buf_char(&b, text.p[i]);
    }
    return pb_str(a, buf_view(&b));
}

/* ---- connections ----------------------------------------------------------------------------------------- */

static PbDescriptor *descriptor(struct arena *a, const struct plan_descriptor *d)
{
    PbDescriptor *m = NEW(a, Descriptor);
    for (each(x, d->entries)) {
        PbDescriptorEntry *entry = NEW(a, DescriptorEntry);
        entry->key = pb_str(a, x->key);
        entry->value = literal(a, x->value);
        PB_ADD(a, m, entries, entry);
    }
    return m;
}

static PbFilter *global_connections(struct arena *a, const struct plan_global_limit *g)
{
    PbTcpLimit *m = NEW(a, TcpLimit);
    m->stat_prefix = STAT_PREFIX;
    m->domain = pb_str(a, g->domain);
    for (each(d, g->descriptors)) PB_ADD(a, m, descriptors, descriptor(a, d));
    m->timeout = pb_duration(a, g->timeout_ns);
    m->failure_mode_deny = !g->fail_open;
    m->rate_limit_service = service(a, &g->server);
    return encode_filter(a, FILTER_TCP_GLOBAL, &m->base);
}

void encode_connection_limits(struct encoder *e, PbFilterChain *chain, const struct plan_limits *l)
{
    if (l->tcp) {
        PbTcpLocalLimit *m = NEW(e->a, TcpLocalLimit);
        m->stat_prefix = STAT_PREFIX;
        m->token_bucket = bucket(e->a, l->tcp);
        PB_ADD(e->a, chain, filters, encode_filter(e->a, FILTER_TCP_LOCAL, &m->base));
    }
    if (l->global_tcp) PB_ADD(e->a, chain, filters, global_connections(e->a, l->global_tcp));
}

/* ---- requests: filters ----------------------------------------------------------------------------------- */

static PbHttpFilter *global_requests(struct arena *a, const struct plan_global_limit *g)
{
    PbHttpLimit *m = NEW(a, HttpLimit);
    m->domain = pb_str(a, g->domain);
    m->timeout = pb_duration(a, g->timeout_ns);
    m->failure_mode_deny = !g->fail_open;
    m->rate_limit_service = service(a, &g->server);
    if (g->headers) m->enable_x_ratelimit_headers = HTTP_LIMIT(XRATE_LIMIT_HEADERS_RFCVERSION__DRAFT_VERSION_03);
    m->rate_limited_status = status(a, g->status);
    return encode_http_filter(a, FILTER_GLOBAL_LIMIT, &m->base);
}

/* The local filter always stands there: without a bucket of its own it lets everything pass, routes bring theirs, and
 * so the first limit is a new route configuration and no new chain, on which open connections would not be. */
void encode_request_filters(struct encoder *e, PbHcm *m, const struct plan_limits *l)
{
    PbHttpLocalLimit *local = NEW(e->a, HttpLocalLimit);
    local->stat_prefix = STAT_PREFIX;
    PB_ADD(e->a, m, http_filters, encode_http_filter(e->a, FILTER_LOCAL_LIMIT, &local->base));
    if (l->global_http) PB_ADD(e->a, m, http_filters, global_requests(e->a, l->global_http));
}

/* ---- requests: numbers ----------------------------------------------------------------------------------- */

static PbRuntimeFraction *always(struct arena *a)
{
    PbRuntimeFraction *m = NEW(a, RuntimeFraction);
    m->default_value = NEW(a, Fraction);
    m->default_value->numerator = 100;
    return m;
}

static PbAny *local_requests(struct arena *a, const struct plan_local_limit *l)
{
    PbHttpLocalLimit *m = NEW(a, HttpLocalLimit);
    m->stat_prefix = STAT_PREFIX;
    m->status = status(a, l->status);
    m->token_bucket = bucket(a, &l->bucket);
    m->filter_enabled = always(a);
    m->filter_enforced = always(a);
    for (each(h, l->headers)) {
        PbHeaderValueOption *o = NEW(a, HeaderValueOption);
        o->header = NEW(a, HeaderValue);
        o->header->key = pb_str(a, h->name);
        o->header->value = literal(a, h->value);
        PB_ADD(a, m, response_headers_to_add, o);
    }
    return ANY(a, m);
}

static PbHeaderMatcher *header_match(struct arena *a, const struct plan_match *p)
{
    PbHeaderMatcher *m = NEW(a, HeaderMatcher);
    m->name = pb_str(a, p->name);
    if (p->kind == PLAN_MATCH_PRESENT || p->kind == PLAN_MATCH_ABSENT) {
        PB_ONE(m, present_match, p->kind == PLAN_MATCH_PRESENT);
        return m;
    }
    PbStringMatcher *text = NEW(a, StringMatcher);
    if (p->kind == PLAN_MATCH_EXACT) PB_ONE(text, exact, pb_str(a, p->text));
    if (p->kind == PLAN_MATCH_PREFIX) PB_ONE(text, prefix, pb_str(a, p->text));
    if (p->kind == PLAN_MATCH_SUFFIX) PB_ONE(text, suffix, pb_str(a, p->text));
    if (p->kind == PLAN_MATCH_CONTAINS) PB_ONE(text, contains, pb_str(a, p->text));
    if (p->kind == PLAN_MATCH_REGEX) {
        PB_ONE(text, safe_regex, NEW(a, Regex));
        text->safe_regex->regex = pb_str(a, p->text);
    }
    PB_ONE(m, string_match, text);
    return m;
}

static PbLimitAction *matching_action(struct arena *a, const struct plan_entry *x, PbLimitAction *m)
{
    PbLimitMatch *match = NEW(a, LimitMatch);
    match->descriptor_key = pb_str(a, x->key);
    match->descriptor_value = pb_str(a, x->value);
    match->expect_match = pb_bool(a, x->expect);
    for (each(h, x->headers)) PB_ADD(a, match, headers, header_match(a, h));
    PB_ONE(m, header_value_match, match);
    return m;
}

static PbLimitAction *action(struct arena *a, const struct plan_entry *x)
{
    PbLimitAction *m = NEW(a, LimitAction);
    switch (x->kind) {
    case PLAN_ENTRY_FIXED:
        PB_ONE(m, generic_key, NEW(a, LimitKey));
        m->generic_key->descriptor_key = pb_str(a, x->key);
        m->generic_key->descriptor_value = pb_str(a, x->value);
        return m;
    case PLAN_ENTRY_HEADER:
        PB_ONE(m, request_headers, NEW(a, LimitHeaders));
        m->request_headers->header_name = pb_str(a, x->header);
        m->request_headers->descriptor_key = pb_str(a, x->key);
        return m;
    case PLAN_ENTRY_MATCH:
        return matching_action(a, x, m);
    default:
        PB_ONE(m, remote_address, NEW(a, LimitAddress));
        return m;
    }
}

static PbRouteLimit *counted(struct arena *a, const struct plan_descriptor *d)
{
    PbRouteLimit *m = NEW(a, RouteLimit);
    for (each(x, d->entries)) PB_ADD(a, m, actions, action(a, x));
    return m;
}

void encode_path_limit(struct arena *a, PbRoute *r, const struct plan_path_limit *p)
{
    PbRegex *regex = NEW(a, Regex);
    regex->regex = pb_str(a, p->path);
    PB_ONE(r->match, safe_regex, regex);
    for (each(d, p->descriptors)) PB_ADD(a, r->route, rate_limits, counted(a, d));
    if (!p->local) return;
    PbRouteEntry *entry = NEW(a, RouteEntry);
    entry->key = FILTER_LOCAL_LIMIT;
    entry->value = local_requests(a, p->local);
    PB_ADD(a, r, typed_per_filter_config, entry);
}

void encode_host_limits(struct arena *a, PbVirtualHost *host, const struct plan_limits *l)
{
    for (size_t i = 0; l->global_http && i < l->global_http->descriptors.n; i++)
        PB_ADD(a, host, rate_limits, counted(a, &l->global_http->descriptors.v[i]));
    if (!l->http) return;
    PbHostConfigEntry *entry = NEW(a, HostConfigEntry);
    entry->key = FILTER_LOCAL_LIMIT;
    entry->value = local_requests(a, l->http);
    PB_ADD(a, host, typed_per_filter_config, entry);
}
