#include "ads.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "wire.h"

/* A version of a resource that some stream has received. */
struct version {
    struct str text;
    bool is_eds;
    LIST(uint32_t) routes; /* slots */
};
struct slot {
    enum xds_type type;
    struct str name;
};
enum { ASKED, ABSENT, FIRST_VERSION }; /* what a held version can be beside an index */

static struct ads_options opt;
static struct arena *memory;
static struct map slot_ids, version_ids; /* ids plus one, as pointers */
static LIST(struct slot) slots;
static LIST(struct version) versions;
static struct {
    enum xds_type type;
    struct str needle;
} watched;

static uint32_t slot_of(enum xds_type type, struct str name)
{
    char key[1100];
    int n = snprintf(key, sizeof key, "%d%.*s", (int)type, STR_FMT(name));
    struct str at = str_make(key, (size_t)n < sizeof key ? (size_t)n : sizeof key - 1);
    uintptr_t id = (uintptr_t)map_get(&slot_ids, at);
    if (id) return (uint32_t)id - 1;
    list_push(memory, &slots, ((struct slot){type, str_dup(memory, name)}));
    map_put(&slot_ids, at, (void *)(uintptr_t)slots.n);
    return (uint32_t)slots.n - 1;
}

/* ---- what a stream holds ---- */
static size_t place(const struct ads_type *t, uint32_t slot)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (t->v[mid].slot < slot)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct ads_held *find(struct ads_type *t, uint32_t slot)
{
    size_t at = place(t, slot);
    return at < t->n && t->v[at].slot == slot ? &t->v[at] : NULL;
}

static void set(struct ads_type *t, uint32_t slot, uint32_t version)
{
    size_t at = place(t, slot);
    if (at == t->n || t->v[at].slot != slot) {
        if (t->n == t->cap) {
            t->cap = t->cap ? t->cap + t->cap / 2 : 4;
            t->v = xrealloc(t->v, t->cap * sizeof *t->v);
        }
        memmove(t->v + at + 1, t->v + at, (t->n - at) * sizeof *t->v);
        t->n++;
        t->open += version == ASKED;
    } else {
        t->open -= t->v[at].version == ASKED && version != ASKED;
    }
    t->v[at] = (struct ads_held){slot, version};
}

static void unset(struct ads_type *t, uint32_t slot)
{
    struct ads_held *h = find(t, slot);
    if (!h) return;
    t->open -= h->version == ASKED;
    memmove(h, h + 1, (size_t)(t->v + t->n - (h + 1)) * sizeof *h);
    t->n--;
}

/* ---- requests ---- */
static void put_node(struct buf *m, const struct ads *s)
{
    struct buf node SCOPED_BUF = {0}, fields SCOPED_BUF = {0}, entry SCOPED_BUF = {0}, value SCOPED_BUF = {0};
    wire_put(&node, 1, str_of(s->node));
    wire_put(&node, 2, str_of(opt.cluster));
    for (size_t i = 0; i < opt.metadata.n; i++) {
        struct str rest = opt.metadata.v[i], key = str_cut(&rest, '=');
        buf_reset(&entry), buf_reset(&value);
        wire_put(&value, 3, rest);
        wire_put(&entry, 1, key);
        wire_put(&entry, 2, buf_view(&value));
        wire_put(&fields, 1, buf_view(&entry));
    }
    if (opt.metadata.n) wire_put(&node, 3, buf_view(&fields));
    wire_put(&node, 6, S("envoy"));
    wire_put(&node, 8, S("\x0a\x04\x08\x01\x10\x28")); /* version 1.40 */
    if (opt.ballast) {
        char *p = xcalloc(1, opt.ballast);
        wire_put(&node, 9, str_make(p, opt.ballast));
        free(p);
    }
    wire_put(m, 1, buf_view(&node));
}

static void put_held(struct buf *m, const struct ads_type *t)
{
    struct buf entry SCOPED_BUF = {0};
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].version < FIRST_VERSION) continue;
        buf_reset(&entry);
        wire_put(&entry, 1, slots.v[t->v[i].slot].name);
        wire_put(&entry, 2, versions.v[t->v[i].version - FIRST_VERSION].text);
        wire_put(m, 5, buf_view(&entry));
    }
}

static bool is_wildcard(enum xds_type type) { return type == XDS_CLUSTER || type == XDS_LISTENER; }

/* The first request for a type on a connection. */
static void ask(struct ads *s, enum xds_type type)
{
    struct buf m SCOPED_BUF = {0};
    struct ads_type *t = &s->types[type];
    if (type == XDS_CLUSTER) put_node(&m, s);
    wire_put(&m, 2, str_of(xds_type_url(type)));
    for (size_t i = 0; !is_wildcard(type) && i < t->n; i++) wire_put(&m, 3, slots.v[t->v[i].slot].name);
    put_held(&m, t);
    grpc_send(&s->grpc, buf_view(&m));
}

static void opened(struct link *l)
{
    struct ads *s = (struct ads *)l;
    ask(s, XDS_CLUSTER);
    s->wants_listeners = !s->types[XDS_LISTENER].n;
    if (s->types[XDS_ENDPOINT].n) ask(s, XDS_ENDPOINT);
    if (!s->wants_listeners) ask(s, XDS_LISTENER);
    if (s->types[XDS_ROUTE].n) ask(s, XDS_ROUTE);
}

/* ---- responses ---- */
struct response {
    struct ads *s;
    enum xds_type type;
    struct str nonce;
    struct buf more[XDS_TYPE_COUNT], less[XDS_TYPE_COUNT]; /* subscriptions, as fields of a request */
};

/* "a.b.c" down a message: calls |fn| with every value at the end of the path. */
static void each_at(struct str m, const unsigned *path, void (*fn)(void *arg, struct str v), void *arg)
{
    struct wire_field f;
    while (wire_next(&m, &f)) {
        if (f.number != path[0] || f.wire != 2) continue;
        if (path[1])
            each_at(f.bytes, path + 1, fn, arg);
        else
            fn(arg, f.bytes);
    }
}

static void note_route(void *arg, struct str name)
{
    struct version *v = arg;
    uint32_t slot = slot_of(XDS_ROUTE, name);
    for (each(r, v->routes))
        if (*r == slot) return;
    list_push(memory, &v->routes, slot);
}

static void read_cluster(struct version *v, struct str m)
{
    struct wire_field f;
    while (wire_next(&m, &f))
        if (f.number == 2 && f.wire == 0) v->is_eds = f.value == 3;
}

static void read_listener(struct version *v, struct str m)
{
    /* filter_chains and default_filter_chain . filters . typed_config . value: rds . route_config_name */
    static const unsigned chains[] = {3, 3, 4, 2, 3, 2, 0}, one[] = {25, 3, 4, 2, 3, 2, 0};
    each_at(m, chains, note_route, v);
    each_at(m, one, note_route, v);
}

static uint32_t version_of(uint32_t slot, struct str text, struct str body)
{
    char key[300];
    int n = snprintf(key, sizeof key, "%u %.*s", slot, STR_FMT(text));
    struct str at = str_make(key, (size_t)n < sizeof key ? (size_t)n : sizeof key - 1);
    uintptr_t id = (uintptr_t)map_get(&version_ids, at);
    if (id) return (uint32_t)id - 1 + FIRST_VERSION;
    struct version *v = list_add(memory, &versions);
    v->text = str_dup(memory, text);
    map_put(&version_ids, at, (void *)(uintptr_t)versions.n);
    uint32_t mine = (uint32_t)versions.n - 1;
    if (slots.v[slot].type == XDS_CLUSTER) read_cluster(v, body);
    if (slots.v[slot].type == XDS_LISTENER) read_listener(v, body);
    return mine + FIRST_VERSION;
}

static void subscribe(struct response *r, uint32_t slot)
{
    struct ads_type *t = &r->s->types[slots.v[slot].type];
    if (find(t, slot)) return;
    set(t, slot, ASKED);
    wire_put(&r->more[slots.v[slot].type], 3, slots.v[slot].name);
}

static void unsubscribe(struct response *r, uint32_t slot)
{
    struct ads_type *t = &r->s->types[slots.v[slot].type];
    if (!find(t, slot)) return;
    unset(t, slot);
    wire_put(&r->less[slots.v[slot].type], 4, slots.v[slot].name);
}

static bool is_named_by_a_listener(struct ads *s, uint32_t route)
{
    const struct ads_type *t = &s->types[XDS_LISTENER];
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].version < FIRST_VERSION) continue;
        for (each(r, versions.v[t->v[i].version - FIRST_VERSION].routes))
            if (*r == route) return true;
    }
    return false;
}

static void let_routes_go(struct response *r, uint32_t old)
{
    if (old < FIRST_VERSION) return;
    for (each(route, versions.v[old - FIRST_VERSION].routes))
        if (!is_named_by_a_listener(r->s, *route)) unsubscribe(r, *route);
}

static void take_resource(struct response *r, struct str m)
{
    struct wire_field f;
    struct str name = STR_NULL, version = STR_NULL, any = STR_NULL, body = STR_NULL;
    while (wire_next(&m, &f)) *(f.number == 3 ? &name : f.number == 1 ? &version : &any) = f.bytes;
    while (wire_next(&any, &f))
        if (f.number == 2) body = f.bytes;
    struct ads_type *t = &r->s->types[r->type];
    uint32_t slot = slot_of(r->type, name), now = version_of(slot, version, body);
    struct ads_held *h = find(t, slot);
    uint32_t old = h ? h->version : ASKED;
    set(t, slot, now);
    r->s->resources++;
    const struct version *v = &versions.v[now - FIRST_VERSION];
    if (v->is_eds) subscribe(r, slot_of(XDS_ENDPOINT, name));
    for (size_t i = 0; i < versions.v[now - FIRST_VERSION].routes.n; i++)
        subscribe(r, versions.v[now - FIRST_VERSION].routes.v[i]);
    if (r->type == XDS_LISTENER && old != now) let_routes_go(r, old);
}

static void take_removal(struct response *r, struct str name)
{
    struct ads_type *t = &r->s->types[r->type];
    uint32_t slot = slot_of(r->type, name);
    struct ads_held *h = find(t, slot);
    uint32_t old = h ? h->version : ASKED;
    r->s->gone++;
    if (h && !is_wildcard(r->type)) {
        set(t, slot, ABSENT);
        return;
    }
    unset(t, slot);
    if (r->type == XDS_CLUSTER) unsubscribe(r, slot_of(XDS_ENDPOINT, name));
    if (r->type == XDS_LISTENER) let_routes_go(r, old);
}

static bool read_head(struct response *r, struct str m)
{
    struct wire_field f;
    struct str url = STR_NULL;
    while (wire_next(&m, &f)) {
        if (f.number == 4) url = f.bytes;
        if (f.number == 5) r->nonce = f.bytes;
    }
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        r->type = (enum xds_type)t;
        if (str_is(url, xds_type_url(r->type))) return true;
    }
    return false;
}

static void send_subscriptions(struct response *r)
{
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        struct buf m SCOPED_BUF = {0};
        if (r->more[t].n || r->less[t].n) {
            wire_put(&m, 2, str_of(xds_type_url((enum xds_type)t)));
            buf_str(&m, buf_view(&r->more[t]));
            buf_str(&m, buf_view(&r->less[t]));
            grpc_send(&r->s->grpc, buf_view(&m));
        }
        buf_free(&r->more[t]);
        buf_free(&r->less[t]);
    }
}

static void acknowledge(struct response *r)
{
    struct buf m SCOPED_BUF = {0};
    wire_put(&m, 2, str_of(xds_type_url(r->type)));
    wire_put(&m, 6, r->nonce);
    grpc_send(&r->s->grpc, buf_view(&m));
}

static void check_synced(struct ads *s)
{
    const struct ads_type *t = s->types;
    if (s->wants_listeners && t[XDS_CLUSTER].is_answered && !t[XDS_ENDPOINT].open) {
        s->wants_listeners = false;
        ask(s, XDS_LISTENER);
    }
    if (s->synced || s->wants_listeners || !t[XDS_CLUSTER].is_answered || !t[XDS_LISTENER].is_answered) return;
    if (t[XDS_ENDPOINT].open || t[XDS_ROUTE].open) return;
    s->synced = clock_mono_ns();
    s->failures = 0;
    opt.synced(s);
}

static void message(struct link *l, struct str m)
{
    struct response r = {.s = (struct ads *)l};
    struct wire_field f;
    if (!read_head(&r, m)) return;
    if (watched.needle.n && !r.s->hit && r.type == watched.type &&
        memmem(m.p, m.n, watched.needle.p, watched.needle.n)) {
        r.s->hit = clock_mono_ns();
        opt.hit(r.s);
    }
    for (struct str rest = m; wire_next(&rest, &f);) {
        if (f.number == 2) take_resource(&r, f.bytes);
        if (f.number == 6) take_removal(&r, f.bytes);
    }
    r.s->types[r.type].is_answered = true;
    send_subscriptions(&r);
    acknowledge(&r);
    check_synced(r.s);
}

static void ended(struct link *l, int status) { opt.ended((struct ads *)l, status); }

const struct grpc_ops *ads_grpc_ops(const struct ads_options *o)
{
    static const struct grpc_ops ops = {.opened = opened, .message = message, .ended = ended};
    opt = *o;
    if (!memory) memory = arena_new();
    return &ops;
}

void ads_reset(struct ads *s)
{
    grpc_reset(&s->grpc);
    s->synced = 0;
    for (int t = 0; t < XDS_TYPE_COUNT; t++) s->types[t].is_answered = false;
}

void ads_forget(struct ads *s)
{
    ads_reset(s);
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        free(s->types[t].v);
        s->types[t] = (struct ads_type){0};
    }
}

void ads_watch(enum xds_type type, struct str needle)
{
    watched.type = type;
    watched.needle = needle;
}
