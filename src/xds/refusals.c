/* What Envoys refused: remembered by type, hash and Envoy's version, and told to the other threads. */
#include <stdio.h>
#include <stdlib.h>

#include "base/errcode.h"
#include "base/log.h"
#include "xds/internal.h"

enum { MAX_KEPT = 1000, MAX_TEXT = 1024, VERSIONS = 32 };

struct refused {
    struct arena *arena;
    struct xds_server *server;
    int from, to; /* shards */
    enum xds_type type;
    uint64_t envoy;
    struct xds_refusal r;
};

/* ---- versions of Envoy ---- */
static uint64_t packed(const uint32_t v[3])
{
    return (uint64_t)(v[0] & 0x1fffff) << 42 | (uint64_t)(v[1] & 0x1fffff) << 21 | (v[2] & 0x1fffff);
}

static uint32_t version_bit(struct shard *d, uint64_t envoy)
{
    for (int i = 0; i < d->n_versions; i++)
        if (d->versions[i] == envoy) return 1u << i;
    if (d->n_versions == VERSIONS) return 1u << (VERSIONS - 1); /* share the last one: too careful, not too bold */
    d->versions[d->n_versions] = envoy;
    return 1u << d->n_versions++;
}

uint32_t refusals_version(struct shard *d, const uint32_t envoy[3]) { return version_bit(d, packed(envoy)); }

static uint64_t version_of(const struct shard *d, uint32_t bit) { return d->versions[__builtin_ctz(bit)]; }

struct str refusals_version_text(struct shard *d, uint32_t bit, struct arena *a)
{
    uint64_t v = version_of(d, bit);
    return str_fmt(a, "%u.%u.%u", (unsigned)(v >> 42), (unsigned)(v >> 21 & 0x1fffff), (unsigned)(v & 0x1fffff));
}

/* ---- the memory ---- */
static struct str key_of(char *out, size_t size, const struct refused *q)
{
    char hex[33];
    hash128_hex(q->r.version, hex);
    int n =
        snprintf(out, size, "%d/%s/%llx/%.*s", (int)q->type, hex, (unsigned long long)q->envoy, STR_FMT(q->r.resource));
    return str_make(out, (size_t)n < size ? (size_t)n : size - 1);
}

static struct refused *find(const struct shard *d, const struct xds_resource *r, uint64_t envoy)
{
    char key[1200];
    struct refused q = {.type = r->type, .envoy = envoy, .r = {.resource = r->name, .version = r->version}};
    return map_get(&d->refused, key_of(key, sizeof key, &q));
}

uint32_t refusals_bits(struct shard *d, const struct xds_resource *r)
{
    uint32_t bits = 0;
    for (int i = 0; d->refused.n && i < d->n_versions; i++)
        if (find(d, r, d->versions[i])) bits |= 1u << i;
    return bits;
}

static bool is_published(const struct shard *d, const struct refused *q)
{
    for (size_t i = 0; i < d->n_slots; i++) {
        const struct slot *s = d->slots[i];
        if (s && s->refused_by && s->now && s->type == q->type && str_eq(s->name, q->r.resource) &&
            hash128_eq(s->now->version, q->r.version))
            return true;
    }
    return false;
}

/* Contents that are no longer published are forgotten first, when there are too many. */
static bool has_room(struct shard *d)
{
    void *v;
    struct str key;
    if (d->refused.n < MAX_KEPT) return true;
    for (size_t at = 0; map_next(&d->refused, &at, &key, &v);) {
        struct refused *q = v;
        if (is_published(d, q)) continue;
        map_del(&d->refused, key);
        arena_free(q->arena);
    }
    return d->refused.n < MAX_KEPT;
}

/* Takes |q|. */
static void keep(struct shard *d, struct refused *q)
{
    char text[1200];
    struct str key = key_of(text, sizeof text, q);
    uint32_t bit = version_bit(d, q->envoy);
    for (size_t i = 0; i < d->n_slots; i++) {
        struct slot *s = d->slots[i];
        if (s && s->now && s->type == q->type && str_eq(s->name, q->r.resource) &&
            hash128_eq(s->now->version, q->r.version))
            s->refused_by |= bit;
    }
    if (!map_get(&d->refused, key) && has_room(d))
        map_put(&d->refused, key, q);
    else
        arena_free(q->arena);
}

void refusals_release(struct shard *d)
{
    void *v;
    for (size_t at = 0; map_next(&d->refused, &at, NULL, &v);) arena_free(((struct refused *)v)->arena);
    map_release(&d->refused);
}

/* ---- messages ---- */
static struct refused *copy(const struct refused *q, int to)
{
    struct arena *a = arena_new();
    struct refused *c = arena_make(a, struct refused);
    *c = *q;
    c->arena = a;
    c->to = to;
    c->r.node = str_dup(a, q->r.node);
    c->r.type_name = str_dup(a, q->r.type_name);
    c->r.resource = str_dup(a, q->r.resource);
    c->r.origin = str_dup(a, q->r.origin);
    c->r.text = str_dup(a, q->r.text);
    return c;
}

static void on_told(void *arg)
{
    struct refused *q = arg;
    keep(&q->server->shards[q->to], q);
}

static void on_owner(void *arg)
{
    struct refused *q = arg;
    struct xds_server *s = q->server;
    for (int i = 0; i < s->n && !s->is_ending; i++)
        if (i != q->from) mailbox_post(s->shards[i].loop->mail, on_told, copy(q, i));
    arena_free(q->arena);
}

void refusals_add(struct shard *d, struct stream *s, const struct slot *slot, struct str text)
{
    struct refused q = {.server = d->server,
                        .from = d->number,
                        .type = slot->type,
                        .envoy = version_of(d, s->envoy),
                        .r = {.node = s->node->title,
                              .type_name = str_of(xds_type_short(slot->type)),
                              .resource = slot->name,
                              .origin = slot->now->origin,
                              .text = str_sub(text, 0, MAX_TEXT),
                              .version = slot->now->version}};
    log_warn("%.*s refused %.*s %.*s (from %.*s): %.*s", STR_FMT(q.r.node), STR_FMT(q.r.type_name),
             STR_FMT(q.r.resource), STR_FMT(q.r.origin), STR_FMT(text));
    errcode_count(E_PROXY_REFUSED);
    changes_refused(s);
    keep(d, copy(&q, d->number));
    mailbox_post(d->server->owner, on_owner, copy(&q, 0));
}

/* ---- status ---- */
void refusals_fill(struct shard *d, struct arena *a, struct xds_status *st)
{
    void *v;
    for (size_t at = 0; map_next(&d->refused, &at, NULL, &v);) {
        const struct refused *q = v;
        if (!is_published(d, q)) continue;
        list_push(a, &st->refusals,
                  ((struct xds_refusal){str_dup(a, q->r.node), str_dup(a, q->r.type_name), str_dup(a, q->r.resource),
                                        str_dup(a, q->r.origin), str_dup(a, q->r.text), q->r.version}));
    }
}
