#include "admit/admit.h"

#include <semaphore.h>
#include <stdlib.h>

#include "admit/review.h"
#include "base/metrics.h"
#include "net/http_server.h"
#include "net/loop.h"

static struct metric responses = {.name = "osm_admission_webhook_response_total",
                                  .help = "Answers of the admission webhooks",
                                  .type = METRIC_COUNTER,
                                  .labels = {"kind", "success"}};

struct admit_server {
    struct loop_thread *thread;
    struct arena *arena; /* of the options' texts */
    /* The thread's own. */
    struct admit_world world;
    struct http_server *http[ADMIT_HOOKS];
};

/* ---- requests -------------------------------------------------------------------------------------------- */

/* Few label values, whatever a stranger sends. */
static struct str kind_label(struct str kind)
{
    enum kind k;
    return kind_lookup(kind, &k) ? str_of(kind_info(k)->name) : S("other");
}

static void answer(struct http_exchange *x, enum admit_hook hook)
{
    struct admit_server *s = x->arg;
    struct str reply, kind;
    bool allowed;
    int status = admit_review(&s->world, hook, x->body, x->arena, &reply, &kind, &allowed);
    metric_add(&responses, 1, kind_label(kind), allowed ? S("true") : S("false"), STR_NULL, STR_NULL);
    http_reply(x, status, "application/json", reply);
}

static void on_mutate(struct http_exchange *x) { answer(x, ADMIT_MUTATE); }
static void on_validate(struct http_exchange *x) { answer(x, ADMIT_VALIDATE); }
static void on_healthz(struct http_exchange *x) { http_reply(x, 200, "text/plain", S("ok\n")); }

static const struct http_route inject_routes[] = {
    {"POST", "/mutate-pod-creation", on_mutate},
    {"GET", "/healthz", on_healthz},
    {NULL, NULL, NULL},
};
static const struct http_route validate_routes[] = {
    {"POST", "/validate", on_validate},
    {"GET", "/healthz", on_healthz},
    {NULL, NULL, NULL},
};

/* ---- messages to the thread ------------------------------------------------------------------------------ */

struct message {
    struct admit_server *s;
    enum admit_hook hook;
    SSL_CTX *tls;
    struct arena *arena;
    const struct mesh_settings *settings;
    enum kind kind;
    struct str key; /* in |arena| */
    struct object *object;
};

static void post(struct admit_server *s, void (*fn)(void *), struct message m)
{
    struct message *copy = xcalloc(1, sizeof *copy);
    *copy = m;
    copy->s = s;
    mailbox_post(s->thread->mail, fn, copy);
}

static void take_tls(void *arg)
{
    struct message *m = arg;
    http_server_set_tls(m->s->http[m->hook], m->tls);
    SSL_CTX_free(m->tls);
    free(m);
}

void admit_server_set_tls(struct admit_server *s, enum admit_hook hook, SSL_CTX *tls)
{
    SSL_CTX_up_ref(tls);
    post(s, take_tls, (struct message){.hook = hook, .tls = tls});
}

static void take_settings(void *arg)
{
    struct message *m = arg;
    admit_world_settings(&m->s->world, m->settings, m->arena);
    free(m);
}

void admit_server_set_settings(struct admit_server *s, const struct mesh_settings *settings)
{
    struct arena *a = arena_new();
    struct mesh_settings *copy = arena_alloc(a, sizeof *copy);
    table_copy(&mesh_settings_table, settings, a, copy);
    post(s, take_settings, (struct message){.arena = a, .settings = copy});
}

static void take_object(void *arg)
{
    struct message *m = arg;
    admit_world_put(&m->s->world, m->kind, m->key, m->object);
    arena_free(m->arena);
    free(m);
}

void admit_server_object(struct admit_server *s, enum kind k, struct str key, const struct object *now)
{
    if (!admit_wants(k)) return;
    struct arena *a = arena_new();
    post(s, take_object,
         (struct message){.arena = a, .kind = k, .key = str_dup(a, key), .object = now ? object_ref(now) : NULL});
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static bool listen_all(struct admit_server *s, const struct admit_options *opt, struct err *err)
{
    static const struct http_route *const routes[] = {inject_routes, validate_routes};
    static const char *const titles[] = {"the injection webhook", "the validation webhook"};
    const uint16_t ports[] = {opt->inject_port, opt->validate_port};
    for (size_t i = 0; i < ADMIT_HOOKS; i++) {
        struct http_server_options h = {.address = opt->address,
                                        .port = ports[i],
                                        .routes = routes[i],
                                        .arg = s,
                                        .max_body = ADMIT_MAX_BODY,
                                        .tls = opt->tls[i]};
        s->http[i] = http_server_new(s->thread->base, &h, err);
        if (!s->http[i]) return err_wrap(err, "%s", titles[i]);
    }
    return true;
}

static void close_all(void *arg)
{
    struct admit_server *s = arg;
    for (size_t i = 0; i < ADMIT_HOOKS; i++) http_server_free(s->http[i]);
}

/* Sockets belong to the thread's loop, which takes no locks: they are opened there while the caller waits. */
struct opening {
    struct admit_server *s;
    const struct admit_options *opt;
    struct err *err;
    bool good;
    sem_t done;
};

static void open_there(void *arg)
{
    struct opening *o = arg;
    o->good = listen_all(o->s, o->opt, o->err);
    sem_post(&o->done);
}

static bool open_all(struct admit_server *s, const struct admit_options *opt, struct err *err)
{
    struct opening o = {.s = s, .opt = opt, .err = err};
    s->thread = loop_thread_new("osm-admit", err);
    if (!s->thread) return false;
    sem_init(&o.done, 0, 0);
    mailbox_post(s->thread->mail, open_there, &o);
    while (sem_wait(&o.done)) continue;
    sem_destroy(&o.done);
    return o.good;
}

struct admit_server *admit_server_new(const struct admit_options *opt, struct err *err)
{
    struct admit_server *s = xcalloc(1, sizeof *s);
    struct arena *a = s->arena = arena_new();
    s->world = (struct admit_world){.mesh = str_dup(a, opt->mesh),
                                    .system_ns = str_dup(a, opt->system_ns),
                                    .image = str_dup(a, opt->image),
                                    .controller = str_dup(a, opt->controller),
                                    .generation = str_dup(a, opt->generation),
                                    .is_classic = opt->is_classic};
    metric_register(&responses);
    if (open_all(s, opt, err)) return s;
    admit_server_free(s);
    return NULL;
}

void admit_server_free(struct admit_server *s)
{
    if (!s) return;
    loop_thread_free(s->thread, close_all, s);
    admit_world_release(&s->world);
    arena_free(s->arena);
    free(s);
}

uint16_t admit_server_inject_port(const struct admit_server *s) { return http_server_port(s->http[ADMIT_MUTATE]); }

uint16_t admit_server_validate_port(const struct admit_server *s) { return http_server_port(s->http[ADMIT_VALIDATE]); }
