#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"

enum { CHAINS = 64 };

/* One label set. Never moves, never leaves. */
struct cell {
    struct cell *next;
    struct str labels[METRIC_MAX_LABELS];
    _Atomic double value; /* histogram: the sum */
    _Atomic uint64_t count;
    _Atomic uint64_t buckets[]; /* not cumulative; the last is +Inf */
};

struct metric_state {
    _Atomic(struct cell *) chains[CHAINS];
    size_t n_labels, n_buckets;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* registration and new label sets; readers need none */
static struct metric *registered;

static struct metric_state *state_of(const struct metric *m) { return __atomic_load_n(&m->state, __ATOMIC_ACQUIRE); }

static struct metric_state *state_new(const struct metric *m)
{
    struct metric_state *s = xcalloc(1, sizeof *s);
    while (s->n_labels < METRIC_MAX_LABELS && m->labels[s->n_labels]) s->n_labels++;
    for (const double *b = m->buckets; b && *b > 0; b++) s->n_buckets++;
    return s;
}

void metric_register(struct metric *m)
{
    if (state_of(m)) return;
    pthread_mutex_lock(&lock);
    if (!m->state) {
        m->next = registered;
        registered = m;
        __atomic_store_n(&m->state, state_new(m), __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
}

static struct cell *find(const struct metric_state *s, struct cell *from, const struct str *labels)
{
    for (struct cell *c = from; c; c = c->next) {
        bool same = true;
        for (size_t i = 0; i < s->n_labels; i++) same &= str_eq(c->labels[i], labels[i]);
        if (same) return c;
    }
    return NULL;
}

static struct cell *cell_new(const struct metric_state *s, const struct str *labels)
{
    struct cell *c = xcalloc(1, sizeof *c + (s->n_buckets + 1) * sizeof c->buckets[0]);
    for (size_t i = 0; i < s->n_labels; i++) c->labels[i] = str_make(xstrndup(labels[i].p, labels[i].n), labels[i].n);
    return c;
}

static struct cell *cell_of(struct metric *m, const struct str *labels)
{
    uint64_t h = 0;
    metric_register(m);
    struct metric_state *s = state_of(m);
    for (size_t i = 0; i < s->n_labels; i++) h = h * 31 + map_hash(labels[i]);
    _Atomic(struct cell *) *chain = &s->chains[h % CHAINS];
    struct cell *c = find(s, atomic_load_explicit(chain, memory_order_acquire), labels);
    if (c) return c;
    pthread_mutex_lock(&lock);
    struct cell *head = atomic_load_explicit(chain, memory_order_relaxed);
    c = find(s, head, labels);
    if (!c) {
        c = cell_new(s, labels);
        c->next = head;
        atomic_store_explicit(chain, c, memory_order_release);
    }
    pthread_mutex_unlock(&lock);
    return c;
}

static void add(_Atomic double *to, double v)
{
    double was = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &was, was + v, memory_order_relaxed, memory_order_relaxed))
        continue;
}

void metric_add(struct metric *m, double v, struct str l0, struct str l1, struct str l2, struct str l3)
{
    add(&cell_of(m, (struct str[]){l0, l1, l2, l3})->value, v);
}

void metric_set(struct metric *m, double v, struct str l0, struct str l1, struct str l2, struct str l3)
{
    atomic_store_explicit(&cell_of(m, (struct str[]){l0, l1, l2, l3})->value, v, memory_order_relaxed);
}

void metric_observe(struct metric *m, double v, struct str l0, struct str l1, struct str l2, struct str l3)
{
    struct cell *c = cell_of(m, (struct str[]){l0, l1, l2, l3});
    size_t i = 0, n = state_of(m)->n_buckets;
    while (i < n && v > m->buckets[i]) i++;
    atomic_fetch_add_explicit(&c->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->count, 1, memory_order_relaxed);
    add(&c->value, v);
}

double metric_value(const struct metric *m)
{
    struct metric_state *s = state_of(m);
    if (!s) return 0;
    struct str none[METRIC_MAX_LABELS] = {{0}};
    for (size_t i = 0; i < CHAINS; i++) {
        struct cell *c = find(s, atomic_load_explicit(&s->chains[i], memory_order_acquire), none);
        if (c) return atomic_load_explicit(&c->value, memory_order_relaxed);
    }
    return 0;
}

/* ---- text format 0.0.4 ----------------------------------------------------------------------------------- */

static void escaped(struct buf *out, struct str s, bool quotes)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            buf_c(out, "\\n");
        else if (s.p[i] == '\\')
            buf_c(out, "\\\\");
        else if (s.p[i] == '"' && quotes)
            buf_c(out, "\\\"");
        else
            buf_char(out, s.p[i]);
    }
}

static void number(struct buf *out, double v)
{
    if (v == (double)(int64_t)v && v < 1e15 && v > -1e15)
        buf_fmt(out, "%lld", (long long)v);
    else
        buf_fmt(out, "%.17g", v);
}

/* {a="x",b="y"} without the braces. */
static struct str label_text(const struct metric *m, const struct metric_state *s, const struct cell *c,
                             struct arena *a)
{
    struct buf b SCOPED_BUF = {0};
    for (size_t i = 0; i < s->n_labels; i++) {
        buf_fmt(&b, "%s%s=\"", i ? "," : "", m->labels[i]);
        escaped(&b, c->labels[i], true);
        buf_char(&b, '"');
    }
    return str_dup(a, buf_view(&b));
}

static void sample(struct buf *out, const char *name, const char *suffix, struct str labels, double v)
{
    buf_fmt(out, "%s%s", name, suffix);
    if (labels.n) buf_fmt(out, "{%.*s}", STR_FMT(labels));
    buf_char(out, ' ');
    number(out, v);
    buf_char(out, '\n');
}

static void histogram(struct buf *out, const struct metric *m, struct str labels, const struct cell *c, struct arena *a)
{
    uint64_t sum = 0;
    size_t n = state_of(m)->n_buckets;
    const char *comma = labels.n ? "," : "";
    for (size_t i = 0; i <= n; i++) {
        sum += atomic_load_explicit(&c->buckets[i], memory_order_relaxed);
        struct str le = i < n ? str_fmt(a, "%g", m->buckets[i]) : S("+Inf");
        sample(out, m->name, "_bucket", str_fmt(a, "%.*s%sle=\"%.*s\"", STR_FMT(labels), comma, STR_FMT(le)),
               (double)sum);
    }
    sample(out, m->name, "_sum", labels, atomic_load_explicit(&c->value, memory_order_relaxed));
    sample(out, m->name, "_count", labels, (double)sum); /* of the same reading as the buckets */
}

struct row {
    struct str labels;
    const struct cell *cell;
};

static int cmp_rows(const void *a, const void *b)
{
    return str_cmp(((const struct row *)a)->labels, ((const struct row *)b)->labels);
}

static void write_metric(const struct metric *m, struct buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct arena *a SCOPED_ARENA = arena_new();
    const struct metric_state *s = state_of(m);
    LIST(struct row) rows = {0};
    for (size_t i = 0; i < CHAINS; i++)
        for (struct cell *c = atomic_load_explicit(&s->chains[i], memory_order_acquire); c; c = c->next)
            list_push(a, &rows, ((struct row){label_text(m, s, c, a), c}));
    list_sort(&rows, cmp_rows);
    buf_fmt(out, "# HELP %s ", m->name);
    escaped(out, str_of(m->help), false);
    buf_fmt(out, "\n# TYPE %s %s\n", m->name, types[m->type]);
    for (each(r, rows)) {
        if (m->type == METRIC_HISTOGRAM)
            histogram(out, m, r->labels, r->cell, a);
        else
            sample(out, m->name, "", r->labels, atomic_load_explicit(&r->cell->value, memory_order_relaxed));
    }
    if (rows.n == 0 && s->n_labels == 0 && m->type != METRIC_HISTOGRAM) sample(out, m->name, "", STR_NULL, 0);
}

static int cmp_metrics(const void *a, const void *b)
{
    return strcmp((*(const struct metric *const *)a)->name, (*(const struct metric *const *)b)->name);
}

void metrics_write(struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    LIST(struct metric *) all = {0};
    pthread_mutex_lock(&lock);
    for (struct metric *m = registered; m; m = m->next) list_push(a, &all, m);
    pthread_mutex_unlock(&lock);
    list_sort(&all, cmp_metrics);
    for (each(m, all)) write_metric(*m, out);
}
