#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/file/internal.h"

/* A text that parsed and is to be kept, when the mesh has what it says. */
struct to_keep {
    struct to_keep *next;
    char *path;
    struct buf text;
};

struct file_source {
    struct file_source_options opt;
    char *dirs[MAX_ROOTS];
    int n_dirs;
    bool has_news; /* beside what the queue will bring */
    bool is_dir_missing[MAX_ROOTS];
    struct store *store;
    struct watch *watch;
    struct event *readable, *timer, *keeper;
    struct map docs; /* path → struct doc */
    LIST(struct doc *) queue;
    size_t cap_queue;
    struct claims claims;
    struct keep keep;
    struct to_keep *to_keep;
    struct arena *listing; /* of |problems|; NULL: to be made */
    struct source_problems problems;
};

/* ---- documents ---- */

static void doc_free(struct doc *d)
{
    file_objects_release(&d->objects);
    arena_free(d->arena);
    free(d->path);
    free(d);
}

static void enqueue(struct file_source *f, struct doc *d)
{
    if (d->is_queued) return;
    d->is_queued = true;
    if (f->queue.n == f->cap_queue) {
        f->cap_queue = f->cap_queue ? f->cap_queue * 2 : 16;
        f->queue.v = xrealloc(f->queue.v, f->cap_queue * sizeof(struct doc *));
    }
    f->queue.v[f->queue.n++] = d;
}

static void on_touched(void *arg, int root, const char *path)
{
    struct file_source *f = arg;
    struct doc *d = map_get(&f->docs, str_of(path));
    if (!d) {
        d = xcalloc(1, sizeof *d);
        d->path = xstrdup(path);
        d->root = root;
        map_put(&f->docs, str_of(path), d);
    }
    enqueue(f, d);
}

static void wake_in(struct file_source *f, int64_t ms)
{
    struct timeval t = {ms / 1000, (ms % 1000) * 1000};
    if (!event_pending(f->timer, EV_TIMEOUT, NULL)) event_add(f->timer, &t);
}

static void on_gone(void *arg, const char *dir)
{
    struct file_source *f = arg;
    size_t n = strlen(dir);
    void *v;
    for (size_t it = 0; map_next(&f->docs, &it, NULL, &v);) {
        struct doc *d = v;
        if (strncmp(d->path, dir, n) == 0 && d->path[n] == '/') enqueue(f, d);
    }
    for (int i = 0; i < f->n_dirs; i++)
        if (strcmp(f->dirs[i], dir) == 0) f->is_dir_missing[i] = f->has_news = true, wake_in(f, GRACE_MS);
}

static void on_lost(void *arg)
{
    struct file_source *f = arg;
    struct err err = {0};
    void *d;
    log_warn("the kernel dropped file events; reading all folders again");
    for (size_t it = 0; map_next(&f->docs, &it, NULL, &d);) enqueue(f, d);
    for (int i = 0; i < f->n_dirs; i++)
        if (!watch_tree(f->watch, i, f->dirs[i], &err)) log_warn("%s", err.text);
}

/* ---- reading one document ---- */

static void keep_later(struct file_source *f, const struct doc *d, struct str text)
{
    if (!f->keep.dir) return;
    struct to_keep *k = xcalloc(1, sizeof *k);
    k->path = xstrdup(d->path);
    buf_str(&k->text, text);
    k->next = f->to_keep;
    f->to_keep = k;
    event_active(f->keeper, EV_TIMEOUT, 0);
}

static void keep_now(struct file_source *f)
{
    struct to_keep *first = NULL;
    for (struct to_keep *k = f->to_keep, *next; k; k = next) { /* oldest first */
        next = k->next;
        k->next = first;
        first = k;
    }
    f->to_keep = NULL;
    for (struct to_keep *k = first, *next; k; k = next) {
        next = k->next;
        if (map_get(&f->docs, str_of(k->path))) keep_save(&f->keep, k->path, buf_view(&k->text));
        buf_free(&k->text);
        free(k->path);
        free(k);
    }
}

/* Waits for the file to return. False: it had its time. */
static bool grace(struct file_source *f, struct doc *d)
{
    int64_t now = clock_mono_ns();
    if (d->grace_end_ns && now >= d->grace_end_ns) return false;
    if (!d->grace_end_ns) d->grace_end_ns = now + (int64_t)GRACE_MS * 1000000;
    wake_in(f, GRACE_MS);
    return true;
}

static bool doc_vanished(struct file_source *f, struct doc *d)
{
    if (d->has_text && grace(f, d)) return false;
    bool changed = d->objects.n || d->problems.n;
    claims_replace(&f->claims, f->store, d, (struct file_objects){0});
    keep_drop(&f->keep, d->path);
    map_del(&f->docs, str_of(d->path));
    doc_free(d);
    return changed;
}

static bool is_said(const struct doc *d, const struct source_problem *p)
{
    for (each(old, d->problems))
        if (old->code == p->code && str_eq(old->where, p->where) && str_eq(old->text, p->text)) return true;
    return false;
}

static void doc_set_problems(struct doc *d, struct arena *a, struct source_problems problems)
{
    for (each(p, problems)) {
        errcode_count(p->code);
        if (p->is_error && !is_said(d, p)) log_warn("%.*s: E%04d %.*s", STR_FMT(p->where), p->code, STR_FMT(p->text));
    }
    arena_free(d->arena);
    d->arena = a;
    d->problems = problems;
}

static void doc_accept(struct file_source *f, struct doc *d, struct str text, struct file_objects objects)
{
    claims_replace(&f->claims, f->store, d, objects);
    d->text = hash128_of(text.p ? text.p : "", text.n);
    d->has_text = true;
}

/* The first text of this run is broken: what held when the program last ran holds. */
static void doc_load_kept(struct file_source *f, struct doc *d)
{
    SCOPED_BUF struct buf text = {0};
    SCOPED_ARENA struct arena *a = arena_new();
    struct source_problems ignored = {0};
    struct reading r;
    if (d->has_text || !keep_load(&f->keep, d->path, &text)) return;
    read_text(buf_view(&text), d->path, f->opt.skip[d->root], a, &ignored, &r);
    if (r.is_parsed) doc_accept(f, d, buf_view(&text), r.objects);
}

/* |text| is empty when it could not be read. */
static bool doc_is_broken(struct file_source *f, struct doc *d, struct str text, struct arena *a,
                          struct source_problems problems)
{
    struct file_objects closed = {0};
    doc_load_kept(f, d);
    bool closes = !d->has_text && lost_mesh_config(text, d->path, &closed);
    const char *what = d->has_text ? "its last good text stays in force"
                       : closes    ? "nothing of it is used, and as it speaks of a MeshConfig: SMI policy, egress off"
                                   : "nothing of it is used";
    if (!d->has_text) claims_replace(&f->claims, f->store, d, closed);
    for (size_t i = 0; i < problems.n; i++)
        problems.v[i].text = str_fmt(a, "%.*s; %s", STR_FMT(problems.v[i].text), what);
    doc_set_problems(d, a, problems);
    d->is_broken = true;
    return true;
}

static bool doc_unreadable(struct file_source *f, struct doc *d, const struct err *err)
{
    struct arena *a = arena_new();
    struct source_problems l = {0};
    add_unreadable(a, &l, d->path, err);
    return doc_is_broken(f, d, STR_NULL, a, l);
}

static bool doc_take(struct file_source *f, struct doc *d, struct str text)
{
    struct arena *a = arena_new();
    struct source_problems problems = {0};
    struct reading r;
    read_text(text, d->path, f->opt.skip[d->root], a, &problems, &r);
    if (!r.is_parsed) return doc_is_broken(f, d, text, a, problems);
    if (r.lost.n) doc_load_kept(f, d);
    lost_replace(&r, &d->objects, d->path, a, &problems);
    doc_accept(f, d, text, r.objects);
    doc_set_problems(d, a, problems);
    d->is_broken = false;
    if (!r.lost.n) keep_later(f, d, text); /* what is kept is good as a whole */
    return true;
}

/* Did anything change? May free |d|. */
static bool doc_read(struct file_source *f, struct doc *d)
{
    SCOPED_BUF struct buf b = {0};
    struct err err = {0};
    if (!document_read(d->path, &b, &err))
        return access(d->path, F_OK) != 0 ? doc_vanished(f, d) : doc_unreadable(f, d, &err);
    struct str text = buf_view(&b);
    bool is_blank = str_trim(text).n == 0;
    if (is_blank) doc_load_kept(f, d);
    if (is_blank && d->objects.n && grace(f, d)) return false;
    d->grace_end_ns = 0;
    if (d->has_text && !d->is_broken && hash128_eq(d->text, hash128_of(text.p ? text.p : "", text.n))) return false;
    return doc_take(f, d, text);
}

/* ---- batches ---- */

/* Everything that is queued, as one batch. */
static bool read_queue(struct file_source *f)
{
    bool changed = false;
    for (size_t i = 0; i < f->queue.n; i++) {
        struct doc *d = f->queue.v[i];
        d->is_queued = false;
        changed |= doc_read(f, d);
    }
    f->queue.n = 0;
    return changed;
}

static void forget_listing(struct file_source *f)
{
    arena_free(f->listing);
    f->listing = NULL;
}

static void batch(struct file_source *f, bool changed)
{
    changed |= read_queue(f) | f->has_news;
    f->has_news = false;
    if (!changed) return;
    forget_listing(f);
    if (f->opt.on_batch) f->opt.on_batch(f->opt.arg);
}

void file_source_catch_up(struct file_source *f)
{
    watch_read(f->watch);
    batch(f, false);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    file_source_catch_up(arg);
}

static bool find_missing_dirs(struct file_source *f)
{
    bool changed = false;
    for (int i = 0; i < f->n_dirs; i++) {
        struct err err = {0};
        if (!f->is_dir_missing[i]) continue;
        f->is_dir_missing[i] = !watch_tree(f->watch, i, f->dirs[i], &err);
        changed |= !f->is_dir_missing[i];
        if (f->is_dir_missing[i]) wake_in(f, RETRY_MS);
    }
    return changed;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct file_source *f = arg;
    int64_t now = clock_mono_ns(), next = 0;
    void *v;
    for (size_t it = 0; map_next(&f->docs, &it, NULL, &v);) {
        struct doc *d = v;
        if (!d->grace_end_ns) continue;
        if (d->grace_end_ns <= now)
            enqueue(f, d);
        else if (!next || d->grace_end_ns < next)
            next = d->grace_end_ns;
    }
    if (next) wake_in(f, (next - now) / 1000000 + 1);
    batch(f, find_missing_dirs(f));
}

static void on_keep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    keep_now(arg);
}

/* ---- life ---- */

static void options_copy(struct file_source *f, const struct file_source_options *opt)
{
    f->opt = *opt;
    for (int i = 0; i < MAX_ROOTS && opt->dirs[i]; i++) {
        size_t n = strlen(opt->dirs[i]);
        while (n > 1 && opt->dirs[i][n - 1] == '/') n--;
        f->dirs[f->n_dirs++] = xstrndup(opt->dirs[i], n);
    }
}

static void read_first(struct file_source *f)
{
    SCOPED_ARENA struct arena *a = arena_new();
    read_queue(f);
    keep_only(&f->keep, map_keys(&f->docs, a));
}

static bool start(struct file_source *f, struct event_base *base, struct err *err)
{
    if (!keep_open(&f->keep, f->opt.state_dir, err)) return false;
    f->watch = watch_new((struct watch_events){f, on_touched, on_gone, on_lost}, err);
    if (!f->watch) return false;
    f->readable = event_new(base, watch_fd(f->watch), EV_READ | EV_PERSIST, on_readable, f);
    f->timer = evtimer_new(base, on_timer, f);
    f->keeper = evtimer_new(base, on_keep, f);
    if (!f->readable || !f->timer || !f->keeper || event_add(f->readable, NULL) != 0)
        return err_set(err, "the event loop takes no more events");
    for (int i = 0; i < f->n_dirs; i++)
        if (!watch_tree(f->watch, i, f->dirs[i], err)) return false;
    read_first(f);
    return true;
}

struct file_source *file_source_new(struct event_base *base, struct store *store, const struct file_source_options *opt,
                                    struct err *err)
{
    struct file_source *f = xcalloc(1, sizeof *f);
    f->store = store;
    options_copy(f, opt);
    if (start(f, base, err)) return f;
    file_source_free(f);
    return NULL;
}

void file_source_free(struct file_source *f)
{
    void *d;
    if (!f) return;
    keep_now(f);
    struct event *events[] = {f->readable, f->timer, f->keeper};
    for (size_t i = 0; i < 3; i++)
        if (events[i]) event_free(events[i]);
    watch_free(f->watch);
    claims_release(&f->claims);
    for (size_t it = 0; map_next(&f->docs, &it, NULL, &d);) doc_free(d);
    map_release(&f->docs);
    keep_release(&f->keep);
    forget_listing(f);
    for (int i = 0; i < f->n_dirs; i++) free(f->dirs[i]);
    free(f->queue.v);
    free(f);
}

/* ---- what is wrong ---- */

static void list_all(struct file_source *f)
{
    f->listing = arena_new();
    f->problems = (struct source_problems){0};
    struct strs paths = map_keys(&f->docs, f->listing);
    for (int root = 0; root < f->n_dirs; root++) {
        if (f->is_dir_missing[root])
            add_problem(
                f->listing, &f->problems,
                (struct source_problem){.code = E_BAD_FILE,
                                        .where = str_of(f->dirs[root]),
                                        .text = S("the folder is gone; make it again to give the mesh its objects"),
                                        .is_error = true});
        for (size_t i = 0; i < paths.n; i++) {
            const struct doc *d = map_get(&f->docs, paths.v[i]);
            if (d->root == root) list_doc(&f->claims, d, f->listing, &f->problems);
        }
    }
}

struct source_problems file_source_problems(const struct file_source *f)
{
    if (!f->listing) list_all((struct file_source *)f);
    return f->problems;
}
