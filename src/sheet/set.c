#include <stdlib.h>

#include "sheet/internal.h"

static struct member *find(const struct sheet *s, struct str set, struct str member)
{
    const struct set *t = map_get(&s->sets, set);
    return t ? map_get(&t->members, member) : NULL;
}

static struct set *set_get(struct sheet *s, struct str name)
{
    struct set *t = map_get(&s->sets, name);
    if (t) return t;
    t = xcalloc(1, sizeof *t + name.n + 1);
    t->n = name.n;
    if (name.n) memcpy(t->name, name.p, name.n);
    map_put(&s->sets, name, t);
    return t;
}

struct member *member_get(struct sheet *s, struct str set, struct str member)
{
    struct member *m = find(s, set, member);
    if (m) return m;
    m = xcalloc(1, sizeof *m + member.n + 1);
    m->set = set_get(s, set);
    m->n = member.n;
    if (member.n) memcpy(m->name, member.p, member.n);
    const struct member *b = s->base ? find(s->base, set, member) : NULL;
    if (b) m->refs = b->refs, m->was = b->was;
    map_put(&m->set->members, member, m);
    return m;
}

static void touch(struct sheet *s, struct member *m)
{
    if (m->touched) return;
    m->touched = true;
    heap_push(&s->touched, s->cap_touched, m);
}

/* A contribution that stands in an entry of the base is withdrawn from the fork's own count. */
static struct member *own_member(struct sheet *s, struct entry *e, struct member *m)
{
    if (!(e->flags & ENTRY_BASE_READS)) return m;
    return member_get(s, str_make(m->set->name, m->set->n), str_make(m->name, m->n));
}

static void withdraw(struct sheet *s, struct entry *e, const struct entry *holder)
{
    for (size_t i = 0; i < holder->n_members; i++) {
        struct member *m = own_member(s, e, holder->members[i]);
        touch(s, m);
        m->refs--;
    }
}

void entry_set_members(struct sheet *s, struct entry *e, struct member *const *v, size_t n)
{
    if (n == 0 && e->n_members == 0 && !(e->flags & ENTRY_BASE_READS)) return;
    for (size_t i = 0; i < n; i++) {
        touch(s, v[i]);
        v[i]->refs++;
    }
    withdraw(s, e, e->flags & ENTRY_BASE_READS ? fork_base_of(s, e) : e);
    s->stats.overhead += (n - e->n_members) * sizeof *v;
    e->members = n ? xrealloc(e->members, n * sizeof *v) : (free(e->members), NULL);
    if (n) memcpy(e->members, v, n * sizeof *v);
    e->n_members = (uint32_t)n;
}

static int by_set_and_member(const void *a, const void *b)
{
    const struct set_change *x = a, *y = b;
    int c = str_cmp(x->set, y->set);
    return c ? c : str_cmp(x->member, y->member);
}

/* In a fork a count of zero still covers the base's member. */
static void drop_if_empty(struct sheet *s, struct member *m)
{
    if (m->refs || s->base) return;
    struct set *t = m->set;
    map_del(&t->members, str_make(m->name, m->n));
    free(m);
    if (t->members.n) return;
    map_del(&s->sets, str_make(t->name, t->n));
    map_release(&t->members);
    free(t);
}

void sets_finish(struct sheet *s, struct arena *a, struct sheet_delta *delta)
{
    for (each(it, s->touched)) {
        struct member *m = *it;
        m->touched = false;
        if ((m->refs > 0) != m->was) {
            m->was = !m->was;
            struct set_change *c = list_add(a, &delta->sets);
            c->set = str_dup(a, str_make(m->set->name, m->set->n));
            c->member = str_dup(a, str_make(m->name, m->n));
            c->added = m->was;
        }
        drop_if_empty(s, m);
    }
    s->touched.n = 0;
    list_sort(&delta->sets, by_set_and_member);
}

struct strs sheet_set(const struct sheet *s, struct str set, struct arena *a)
{
    LIST(struct str) l = {0};
    struct str name;
    struct member *m;
    const struct set *t = map_get(&s->sets, set), *b = s->base ? map_get(&s->base->sets, set) : NULL;
    for (size_t it = 0; t && map_next(&t->members, &it, &name, (void **)&m);)
        if (m->was) list_push(a, &l, str_dup(a, name));
    for (size_t it = 0; b && map_next(&b->members, &it, &name, (void **)&m);)
        if (m->was && !(t && map_get(&t->members, name))) list_push(a, &l, str_dup(a, name));
    list_sort(&l, str_qsort_cmp);
    return (struct strs){l.v, l.n};
}

void sets_free(struct sheet *s)
{
    void *t, *m;
    for (size_t it = 0; map_next(&s->sets, &it, NULL, &t);) {
        struct set *set = t;
        for (size_t im = 0; map_next(&set->members, &im, NULL, &m);) free(m);
        map_release(&set->members);
        free(set);
    }
    map_release(&s->sets);
    free(s->touched.v);
}
