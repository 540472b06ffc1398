#include "controller/kube_access.h"

#include "base/json.h"
#include "base/log.h"
#include "kube/request.h"
#include "net/http_server.h"

enum { PAUSE_FIRST_MS = 500, PAUSE_MAX_MS = 10000, ASK_MS = 10000, NATIVE_MINOR = 29 };

/* The question that is open, or the pause before the next one. */
struct asking {
    struct kube_client *client;
    struct kube_call *call;
    bool is_over, is_away;
    struct err why; /* it is away */
    int64_t minor;  /* of Kubernetes 1.x; 0: not told */
};

/* ---- whoever asks meanwhile ------------------------------------------------------------------------------ */

static void get_alive(struct http_exchange *x) { http_reply(x, 200, "text/plain", S("ok\n")); }

static void get_ready(struct http_exchange *x)
{
    const struct asking *q = x->arg;
    http_reply(x, 503, "text/plain", str_fmt(x->arena, "the Kubernetes API is away: %s\n", q->why.text));
}

static const struct http_route routes[] = {
    {"GET", "/health/ready", get_ready}, {"GET", "/health/alive", get_alive}, {"GET", "/healthz", get_alive}, {0}};

/* ---- asking ---------------------------------------------------------------------------------------------- */

/* "29", "29+" */
static int64_t minor_of(const json_t *version)
{
    struct str minor = json_text(version, "minor");
    int64_t n = 0;
    if (minor.n) minor.n = strspn(minor.p, "0123456789");
    return str_to_i64(minor, 0, INT32_MAX, &n) ? n : 0;
}

static void on_version(void *arg, const struct kube_answer *answer)
{
    struct asking *q = arg;
    q->call = NULL;
    q->is_over = true;
    q->is_away = answer->is_away;
    if (q->is_away) q->why = answer->err;
    if (answer->is_ok) q->minor = minor_of(answer->json);
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ((struct asking *)arg)->is_over = true;
}

/* False when the loop was broken off. */
static bool until_over(struct asking *q, struct event_base *base)
{
    for (q->is_over = false; !q->is_over;) {
        event_base_loop(base, EVLOOP_ONCE);
        if (event_base_got_break(base)) return false;
    }
    return true;
}

static bool ask(struct asking *q, struct event_base *base)
{
    struct kube_request r = {.path = "/version", .timeout_ms = ASK_MS, .no_retry = true};
    q->call = kube_call_start(q->client, &r, on_version, q);
    bool ok = until_over(q, base);
    kube_call_cancel(q->call);
    return ok;
}

static bool pause_ms(struct asking *q, struct event_base *base, int64_t ms)
{
    struct event *timer = evtimer_new(base, on_pause, q);
    event_add(timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    bool ok = until_over(q, base);
    event_free(timer);
    return ok;
}

/* What else than being away is wrong is said by those who need more than the version. */
static bool wait_for(struct asking *q, struct event_base *base, const struct controller_options *opt, struct err *err)
{
    struct http_server *health = NULL;
    bool ok = ask(q, base);
    for (int64_t ms = PAUSE_FIRST_MS; ok && q->is_away; ms = ms * 2 < PAUSE_MAX_MS ? ms * 2 : PAUSE_MAX_MS) {
        struct http_server_options o = {
            .address = opt->address, .port = (uint16_t)opt->http_port, .routes = routes, .arg = q};
        if (!health && !(health = http_server_new(base, &o, err))) return false;
        log_warn("the Kubernetes API is away: %s; asking again in %lld ms", q->why.text, (long long)ms);
        ok = pause_ms(q, base, ms) && ask(q, base);
    }
    http_server_free(health);
    return ok || err_set(err, "it was ended while the Kubernetes API was away");
}

/* ---- life ------------------------------------------------------------------------------------------------ */

bool kube_access_open(struct kube_access *k, struct event_base *base, const struct controller_options *opt,
                      struct err *err)
{
    struct kube_config_options from = kube_config_options_of_env();
    struct asking q = {0};
    from.kubeconfig = opt->kubeconfig;
    from.context = opt->context;
    k->arena = arena_new();
    bool ok = opt->kubeconfig ? kube_config_load(&from, k->arena, &k->config, err)
                              : kube_config_load_pod(&from, k->arena, &k->config, err);
    if (!ok || !(k->client = kube_client_new(base, &k->config, err))) return false;
    k->writer = writer_new(base, k->client);
    q.client = k->client;
    if (!wait_for(&q, base, opt, err)) return k->was_ended = event_base_got_break(base), false;
    k->is_classic = opt->sidecar_order == SIDECAR_CLASSIC ||
                    (opt->sidecar_order == SIDECAR_AUTO && q.minor && q.minor < NATIVE_MINOR);
    if (k->is_classic) log_info("sidecars are ordinary containers: Kubernetes 1.%lld", (long long)q.minor);
    return true;
}

void kube_access_close(struct kube_access *k)
{
    writer_free(k->writer);
    kube_client_free(k->client);
    if (k->arena) arena_free(k->arena);
}
