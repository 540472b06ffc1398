#include "net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"

struct message {
    struct message *next;
    void (*fn)(void *);
    void *arg;
};

struct mailbox {
    _Atomic(struct message *) top; /* newest first: taken whole and turned round */
    int fd;
    struct event *event;
};

static struct message *take_all(struct mailbox *m)
{
    struct message *in = atomic_exchange_explicit(&m->top, NULL, memory_order_acquire), *out = NULL;
    while (in) {
        struct message *next = in->next;
        in->next = out;
        out = in;
        in = next;
    }
    return out;
}

static void run_all(struct mailbox *m)
{
    for (struct message *at = take_all(m); at;) {
        struct message *next = at->next;
        at->fn(at->arg);
        free(at);
        at = next;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    uint64_t count;
    if (read(fd, &count, sizeof count) > 0) run_all(arg);
}

struct mailbox *mailbox_new(struct event_base *base, struct err *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        err_errno(err, errno, "cannot create an eventfd");
        return NULL;
    }
    struct mailbox *m = xcalloc(1, sizeof *m);
    m->fd = fd;
    m->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, m);
    event_add(m->event, NULL);
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (!m) return;
    while (atomic_load(&m->top)) run_all(m);
    event_free(m->event);
    close(m->fd);
    free(m);
}

void mailbox_post(struct mailbox *m, void (*fn)(void *), void *arg)
{
    struct message *n = xmalloc(sizeof *n);
    n->fn = fn;
    n->arg = arg;
    n->next = atomic_load_explicit(&m->top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&m->top, &n->next, n, memory_order_release, memory_order_relaxed)) {}
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the reader is already awake. */
    if (write(m->fd, &one, sizeof one) < 0) return;
}

static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

/* libevent's answers to a failed allocation can be told nowhere: memory runs out there as it does in base/arena.h. */
static void use_memory(void) { event_set_mem_functions(xmalloc, xrealloc, free); }

struct event_base *loop_base_new(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, use_memory);
    ignore_sigpipe();
    struct event_config *c = event_config_new();
    event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(c, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(c);
    event_config_free(c);
    if (!base) err_set(err, "cannot create an event loop: too few file descriptors? raise the limit (ulimit -n)");
    return base;
}

static void *thread_main(void *arg)
{
    struct loop_thread *t = arg;
    event_base_loop(t->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static struct loop_thread *discard(struct loop_thread *t)
{
    mailbox_free(t->mail);
    if (t->base) event_base_free(t->base);
    free(t);
    return NULL;
}

struct loop_thread *loop_thread_new(const char *name, struct err *err)
{
    struct loop_thread *t = xcalloc(1, sizeof *t);
    if (!(t->base = loop_base_new(err))) return discard(t);
    if (!(t->mail = mailbox_new(t->base, err))) return discard(t);
    pthread_t id;
    int rc = pthread_create(&id, NULL, thread_main, t);
    if (rc) {
        err_errno(err, rc, "cannot start the thread %s", name);
        return discard(t);
    }
    pthread_setname_np(id, name);
    t->thread = id;
    return t;
}

struct farewell {
    struct loop_thread *t;
    void (*last)(void *);
    void *arg;
};

static void say_farewell(void *arg)
{
    struct farewell *f = arg;
    if (f->last) f->last(f->arg);
    event_base_loopbreak(f->t->base);
}

void loop_thread_free(struct loop_thread *t, void (*last)(void *arg), void *arg)
{
    if (!t) return;
    struct farewell f = {t, last, arg};
    mailbox_post(t->mail, say_farewell, &f);
    pthread_join(t->thread, NULL);
    discard(t);
}
