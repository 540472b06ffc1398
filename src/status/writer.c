#include "status/writer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

enum { RETRY_FIRST_MS = 500, RETRY_MAX_MS = 60000 };

enum wish_state { WISH_OPEN, WISH_CALLING, WISH_WAITING, WISH_HOLDS };

struct wish {
    struct writer *w;
    struct arena *arena;
    struct str key;
    struct kube_ref ref;
    json_t *object; /* NULL: it is to be deleted, and the wish forgotten */
    enum wish_state state;
    bool changed; /* since the call that is open began */
    struct kube_call *call;
    struct event *timer;
    int64_t pause_ms;
    struct wish *next; /* in the queue of open ones */
    bool is_queued;
};

struct writer {
    struct event_base *base;
    struct kube_client *client;
    struct map wishes;
    struct wish *head, **tail;
    size_t calling, holding;
    bool leads;
};

/* ---- the queue ------------------------------------------------------------------------------------------- */

static void run(struct writer *w);

static void set_state(struct wish *x, enum wish_state state)
{
    x->w->holding += (state == WISH_HOLDS) - (x->state == WISH_HOLDS);
    x->w->calling += (state == WISH_CALLING) - (x->state == WISH_CALLING);
    x->state = state;
}

static void enqueue(struct wish *x)
{
    if (x->is_queued || x->state == WISH_CALLING) return;
    set_state(x, WISH_OPEN);
    x->is_queued = true;
    x->next = NULL;
    *x->w->tail = x;
    x->w->tail = &x->next;
}

static struct wish *dequeue(struct writer *w)
{
    struct wish *x = w->head;
    if (!x) return NULL;
    w->head = x->next;
    if (!w->head) w->tail = &w->head;
    x->is_queued = false;
    return x;
}

static void unlink_wish(struct wish *x)
{
    struct wish **at = &x->w->head;
    while (*at && *at != x) at = &(*at)->next;
    if (*at) *at = x->next;
    if (x->w->tail == &x->next) x->w->tail = at;
}

static void wish_free(struct wish *x)
{
    if (x->is_queued) unlink_wish(x);
    set_state(x, WISH_OPEN);
    kube_call_cancel(x->call);
    event_free(x->timer);
    json_decref(x->object);
    arena_free(x->arena);
    free(x);
}

/* ---- calls ----------------------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct wish *x = arg;
    enqueue(x);
    run(x->w);
}

static void retry_later(struct wish *x, const struct kube_answer *answer)
{
    x->pause_ms = x->pause_ms ? x->pause_ms * 2 : RETRY_FIRST_MS;
    if (x->pause_ms > RETRY_MAX_MS) x->pause_ms = RETRY_MAX_MS;
    int64_t ms = answer->retry_after_ms > x->pause_ms ? answer->retry_after_ms : x->pause_ms;
    log_warn("%.*s is not written yet: %s; next try in %lld ms", STR_FMT(x->key), answer->err.text, (long long)ms);
    set_state(x, WISH_WAITING);
    event_add(x->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

/* A namespace that is going away, or an API that is not there, takes nothing: there is nothing to try again. */
static bool is_hopeless(const struct kube_answer *answer)
{
    return answer->status == 404 || (answer->status == 403 && str_is(answer->cause, "NamespaceTerminating"));
}

static void on_answer(void *arg, const struct kube_answer *answer)
{
    struct wish *x = arg;
    struct writer *w = x->w;
    x->call = NULL;
    set_state(x, WISH_OPEN);
    bool done = answer->is_ok || is_hopeless(answer);
    if (x->changed) {
        enqueue(x);
    } else if (!done) {
        retry_later(x, answer);
    } else if (!x->object) {
        map_del(&w->wishes, x->key);
        wish_free(x);
    } else {
        x->pause_ms = 0;
        set_state(x, WISH_HOLDS);
    }
    run(w);
}

static void call(struct wish *x)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_request r =
        x->object ? kube_apply(a, x->ref, x->object, KUBE_MANAGER, true) : kube_delete(a, x->ref, STR_NULL, STR_NULL);
    x->changed = false;
    set_state(x, WISH_CALLING);
    x->call = kube_call_start(x->w->client, &r, on_answer, x);
}

static void run(struct writer *w)
{
    while (w->leads && w->calling < WRITER_AT_ONCE) {
        struct wish *x = dequeue(w);
        if (!x) return;
        call(x);
    }
}

/* ---- wishes ---------------------------------------------------------------------------------------------- */

static void touch(struct wish *x)
{
    x->changed = true;
    x->pause_ms = 0;
    event_del(x->timer);
    enqueue(x);
    run(x->w);
}

static struct wish *wish_new(struct writer *w, struct str key, struct kube_ref ref)
{
    struct wish *x = xcalloc(1, sizeof *x);
    x->w = w;
    x->arena = arena_new();
    x->key = str_dup(x->arena, key);
    x->ref = ref;
    x->ref.ns = str_dup(x->arena, ref.ns);
    x->ref.name = str_dup(x->arena, ref.name);
    x->timer = evtimer_new(w->base, on_timer, x);
    map_put(&w->wishes, key, x);
    return x;
}

void writer_want(struct writer *w, struct str key, struct kube_ref ref, json_t *object)
{
    struct wish *x = map_get(&w->wishes, key);
    if (x && json_equal(x->object, object)) {
        json_decref(object);
        return;
    }
    if (!x) x = wish_new(w, key, ref);
    json_decref(x->object);
    x->object = object;
    touch(x);
}

void writer_again(struct writer *w, struct str key)
{
    struct wish *x = map_get(&w->wishes, key);
    if (x && x->state == WISH_HOLDS) touch(x);
}

void writer_drop(struct writer *w, struct str key, bool deletes)
{
    struct wish *x = map_get(&w->wishes, key);
    if (!x) return;
    if (deletes) {
        json_decref(x->object);
        x->object = NULL;
        touch(x);
    } else {
        map_del(&w->wishes, key);
        wish_free(x);
    }
}

size_t writer_open(const struct writer *w) { return w->wishes.n - w->holding; }

/* ---- life ------------------------------------------------------------------------------------------------ */

/* Whoever led before may have written something else. What is under way when we stop leading is cut off. */
void writer_set_leader(struct writer *w, bool leads)
{
    if (w->leads == leads) return;
    w->leads = leads;
    size_t it = 0;
    void *v;
    while (map_next(&w->wishes, &it, NULL, &v)) {
        struct wish *x = v;
        kube_call_cancel(x->call);
        x->call = NULL;
        event_del(x->timer);
        set_state(x, WISH_OPEN);
        enqueue(x);
    }
    run(w);
}

struct writer *writer_new(struct event_base *base, struct kube_client *client)
{
    struct writer *w = xcalloc(1, sizeof *w);
    *w = (struct writer){.base = base, .client = client};
    w->tail = &w->head;
    return w;
}

void writer_free(struct writer *w)
{
    if (!w) return;
    size_t it = 0;
    void *v;
    while (map_next(&w->wishes, &it, NULL, &v)) wish_free(v);
    map_release(&w->wishes);
    free(w);
}
