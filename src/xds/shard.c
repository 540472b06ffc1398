/* The index of one I/O thread and how a revision changes it. */
#include <stdlib.h>

#include "xds/internal.h"

static struct str own(struct str s) { return str_make(xstrndup(s.p ? s.p : "", s.n), s.n); }
static void own_free(struct str s) { free((char *)s.p); }

/* ---- slots ---- */
struct slot *shard_slot(const struct shard *d, uint32_t id) { return id < d->n_slots ? d->slots[id] : NULL; }

/* Not through ids_push, which joins equal neighbours and may sort. */
static void append_id(struct ids *l, uint32_t id)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 4;
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    l->v[l->n++] = id;
}

static void note_id(struct ids *l, struct slot *s)
{
    s->at = (uint32_t)l->n;
    append_id(l, s->id);
}

static struct slot *slot_new(struct shard *d, struct part *part, enum xds_type type, struct str name)
{
    struct slot *s = xcalloc(1, sizeof *s);
    *s = (struct slot){.refs = 1, .type = type, .part = part, .name = own(name)};
    if (d->free_slots.n) {
        s->id = d->free_slots.v[--d->free_slots.n];
    } else {
        if (d->n_slots == d->cap_slots) {
            d->cap_slots = d->cap_slots ? 2 * d->cap_slots : 256;
            d->slots = xrealloc(d->slots, d->cap_slots * sizeof *d->slots);
        }
        s->id = (uint32_t)d->n_slots++;
    }
    d->slots[s->id] = s;
    map_put(part ? &part->slots[type] : &d->ghosts[type], name, s);
    if (part) note_id(&part->ids[type], s);
    return s;
}

static void forget_id(struct shard *d, struct ids *l, const struct slot *s)
{
    uint32_t last = l->v[--l->n];
    l->v[s->at] = last;
    d->slots[last]->at = s->at;
}

static void slot_free(struct shard *d, struct slot *s)
{
    map_del(s->part ? &s->part->slots[s->type] : &d->ghosts[s->type], s->name);
    if (s->part) forget_id(d, &s->part->ids[s->type], s);
    d->slots[s->id] = NULL;
    append_id(&d->free_slots, s->id);
    xds_resource_unref(s->now);
    own_free(s->name);
    free(s);
}

void slot_ref(struct slot *s) { s->refs++; }

void slot_unref(struct shard *d, struct slot *s)
{
    if (--s->refs == 0) slot_free(d, s);
}

struct slot *shard_find_ghost(const struct shard *d, enum xds_type type, struct str name)
{
    return map_get(&d->ghosts[type], name);
}

struct slot *shard_ghost(struct shard *d, enum xds_type type, struct str name)
{
    struct slot *s = map_get(&d->ghosts[type], name);
    if (!s) return slot_new(d, NULL, type, name);
    s->refs++;
    return s;
}

struct slot *view_find(const struct view *v, enum xds_type type, struct str name)
{
    for (size_t i = 0; i < v->n_parts; i++) {
        struct slot *s = map_get(&v->parts[i]->slots[type], name);
        if (s && s->now) return s;
    }
    return NULL;
}

/* ---- parts and views ---- */
static struct part *part_get(struct shard *d, struct str name)
{
    struct part *p = map_get(&d->parts, name);
    if (p) return p;
    p = xcalloc(1, sizeof *p);
    p->name = own(name);
    map_put(&d->parts, name, p);
    return p;
}

static void part_free(struct shard *d, struct part *p)
{
    map_del(&d->parts, p->name);
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        map_release(&p->slots[t]);
        ids_free(&p->ids[t]);
    }
    free(p->views);
    own_free(p->name);
    free(p);
}

static void part_drop_if_unused(struct shard *d, struct part *p)
{
    for (int t = 0; t < XDS_TYPE_COUNT; t++)
        if (p->ids[t].n) return;
    if (!p->n_views) part_free(d, p);
}

static struct view *view_get(struct shard *d, struct str name)
{
    struct view *v = map_get(&d->views, name);
    if (v) return v;
    v = xcalloc(1, sizeof *v);
    v->name = own(name);
    map_put(&d->views, name, v);
    return v;
}

static void view_drop_parts(struct shard *d, struct view *v)
{
    for (size_t i = 0; i < v->n_parts; i++) {
        struct part *p = v->parts[i];
        size_t j = 0;
        while (p->views[j] != v) j++;
        p->views[j] = p->views[--p->n_views];
        part_drop_if_unused(d, p);
    }
    free(v->parts);
    v->parts = NULL;
    v->n_parts = 0;
}

static void view_take_parts(struct shard *d, struct view *v, struct strs names)
{
    struct part **parts = xcalloc(names.n, sizeof(struct part *));
    for (size_t i = 0; i < names.n; i++) {
        struct part *p = parts[i] = part_get(d, names.v[i]);
        if (p->n_views == p->cap_views) {
            p->cap_views = p->cap_views ? 2 * p->cap_views : 1;
            p->views = xrealloc(p->views, p->cap_views * sizeof *p->views);
        }
        p->views[p->n_views++] = v;
    }
    for (struct stream *s = v->streams; s; s = s->next_in_view) cover_keep(s, parts, names.n);
    view_drop_parts(d, v); /* after the new ones are held */
    v->parts = parts;
    v->n_parts = names.n;
}

static void change_view(struct shard *d, const struct xds_view_change *c)
{
    struct view *v = view_get(d, c->view);
    v->is_known = !c->removed;
    if (c->removed) return; /* its streams keep what they have until their nodes go or get another view */
    view_take_parts(d, v, c->parts);
    for (struct stream *s = v->streams; s; s = s->next_in_view) track_view(s);
}

/* ---- streams of a view and of a node ---- */
void view_enter(struct stream *s, struct view *v)
{
    s->view = v;
    s->next_in_view = v->streams;
    if (s->next_in_view) s->next_in_view->prev_in_view = s;
    v->streams = s;
}

void view_leave(struct stream *s)
{
    if (!s->view) return;
    if (s->prev_in_view) s->prev_in_view->next_in_view = s->next_in_view;
    if (s->next_in_view) s->next_in_view->prev_in_view = s->prev_in_view;
    if (s->view->streams == s) s->view->streams = s->next_in_view;
    s->prev_in_view = s->next_in_view = NULL;
}

void node_enter(struct stream *s, struct node *n)
{
    s->node = n;
    s->next_of_node = n->streams;
    n->streams = s;
}

void node_leave(struct stream *s)
{
    if (!s->node) return;
    struct stream **at = &s->node->streams;
    while (*at != s) at = &(*at)->next_of_node;
    *at = s->next_of_node;
    s->node = NULL;
}

/* ---- nodes ---- */
static void move_stream(struct stream *s, struct view *to)
{
    cover_keep(s, to->parts, to->n_parts);
    view_leave(s);
    view_enter(s, to);
    track_view(s);
}

static void node_free(struct shard *d, struct node *n)
{
    map_del(&d->nodes, n->id);
    own_free(n->id);
    own_free(n->spiffe_id);
    own_free(n->title);
    free(n);
}

static void remove_node(struct shard *d, struct node *n)
{
    while (n->streams) {
        stream_end(n->streams, GRPC_UNAVAILABLE, "this pod is gone");
        node_leave(n->streams);
    }
    node_free(d, n);
}

static void update_streams(struct node *n)
{
    for (struct stream *s = n->streams; s; s = s->next_of_node) {
        if (!str_eq(n->spiffe_id, s->peer->spiffe_id))
            stream_end(s, GRPC_PERMISSION_DENIED, "this pod has another identity now");
        else if (s->view != n->view)
            move_stream(s, n->view);
    }
}

static void change_node(struct shard *d, const struct xds_node_change *c)
{
    struct node *n = map_get(&d->nodes, c->node_id);
    if (c->removed) {
        if (n) remove_node(d, n);
        return;
    }
    if (!n) {
        n = xcalloc(1, sizeof *n);
        n->id = own(c->node_id);
        map_put(&d->nodes, n->id, n);
    }
    own_free(n->spiffe_id);
    own_free(n->title);
    n->spiffe_id = own(c->spiffe_id);
    n->title = own(c->title);
    n->view = view_get(d, c->view);
    update_streams(n);
}

/* ---- a revision ---- */
/* The stream after |s| (NULL: the first) of those that see the part; |at|: which of its views, from 0. */
static struct stream *next_of_part(const struct part *p, size_t *at, struct stream *s)
{
    s = s ? s->next_in_view : NULL;
    while (!s && *at < p->n_views) s = p->views[(*at)++]->streams;
    return s;
}

static void set_slot(struct shard *d, const struct xds_slot_change *c)
{
    struct part *p = part_get(d, c->part);
    struct slot *s = map_get(&p->slots[c->now->type], c->now->name);
    if (!s) s = slot_new(d, p, c->now->type, c->now->name);
    bool is_same = s->now && hash128_eq(s->now->version, c->now->version);
    uint32_t was = s->now ? s->stamp : 0;
    p->live[s->type] += !s->now;
    if (!s->now && s->stamp) s->refs++; /* it was kept by streams only */
    xds_resource_unref(s->now);
    s->now = xds_resource_ref(c->now);
    if (is_same) return;
    s->stamp = (s->stamp + 1) & STAMP_MASK;
    if (!s->stamp) s->stamp = 1;
    s->refused_by = refusals_bits(d, s->now);
    size_t at = 0;
    for (struct stream *st = NULL; (st = next_of_part(p, &at, st));) track_slot(st, s, was);
}

static void unset_slot(struct shard *d, const struct xds_slot_change *c)
{
    struct part *p = map_get(&d->parts, c->part);
    struct slot *s = p ? map_get(&p->slots[c->type], c->name) : NULL;
    if (!s || !s->now) return;
    struct xds_resource *was = s->now;
    size_t at = 0;
    for (struct stream *st = NULL; (st = next_of_part(p, &at, st));) cover_write_out(st, s);
    s->now = NULL;
    p->live[s->type]--;
    at = 0;
    for (struct stream *st = NULL; (st = next_of_part(p, &at, st));) track_lost(st, s, was);
    xds_resource_unref(was);
    slot_unref(d, s);
    part_drop_if_unused(d, p);
}

/* Contents first, so that no view points at what is not there yet; what is gone last, so that a resource that moves
 * from one part to another is never removed. */
void shard_apply(struct shard *d, const struct xds_revision *r, int64_t at)
{
    d->revision = r->revision;
    changes_begin(d, r->revision, at);
    d->is_applying = true;
    for (each(c, r->slots))
        if (c->now) set_slot(d, c);
    for (each(c, r->views)) change_view(d, c);
    for (each(c, r->nodes)) change_node(d, c);
    for (each(c, r->slots))
        if (!c->now) unset_slot(d, c);
    d->is_applying = false;
    for (struct stream *s = d->n_unadmitted ? d->streams : NULL; s; s = s->next)
        if (!s->view) stream_admit(s);
    for (size_t i = 0; i < d->n_touched; i++) {
        push(d->touched[i]);
        changes_owe(d->touched[i]);
    }
    d->n_touched = 0;
}

void shard_release(struct shard *d)
{
    void *v;
    size_t at = 0;
    while (map_next(&d->nodes, &at, NULL, &v)) node_free(d, v);
    for (at = 0; map_next(&d->views, &at, NULL, &v);) {
        struct view *view = v;
        free(view->parts);
        own_free(view->name);
        free(view);
    }
    for (size_t i = 0; i < d->n_slots; i++)
        if (d->slots[i]) slot_free(d, d->slots[i]);
    for (at = 0; map_next(&d->parts, &at, NULL, &v);) part_free(d, v);
    map_release(&d->nodes);
    map_release(&d->views);
    map_release(&d->parts);
    refusals_release(d);
    for (int t = 0; t < XDS_TYPE_COUNT; t++) map_release(&d->ghosts[t]);
    ids_free(&d->free_slots);
    free(d->slots);
    free(d->touched);
}
