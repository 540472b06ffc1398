#include "identity/service.h"

#include <jansson.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/names.h"
#include "identity/csr.h"
#include "identity/limiter.h"
#include "identity/trust.h"
#include "net/loop.h"

enum {
    MAX_OPEN = 4096, /* requests taken on and not yet answered, long polls apart */
    MAX_POLLS = 65536,
    MAX_WAITING = 256, /* each costs a TLS connection: a large mesh asks from time to time instead */
    POD_WAIT_MS = 3000,
    POD_RETRY_MS = 50,
    BUNDLE_WAIT_S = 30,
};

/* One request for a certificate. The service's thread owns it, but while token checker or issuer work on it. */
struct job {
    struct identity_service *s;
    struct job *next, **prev;
    struct h2_later *later;
    struct arena *arena;
    struct str address, token, csr;
    EVP_PKEY *key;
    struct token_subject subject;
    struct str chain;
    int64_t issued, deadline_ns, began_ns;
    struct event *timer;
    int status; /* of a step that failed, with |err| */
    struct err err;
};

struct waiter {
    struct waiter *next;
    struct h2_later *later;
    int64_t until;
};

struct identity_service {
    struct identity_options opt;
    struct loop_thread *thread;
    _Atomic(int) open, polls; /* requests that have an h2_later */
    _Atomic(int64_t) validity_s;
    struct str trust_domain;
    struct arena *arena;
    struct arena *trust_arena;
    struct trust trust;
    struct limiter by_address, by_pod;
    struct job *jobs;
    struct waiter *waiters;
    int waiting;
    struct event *tick;
    _Atomic(bool) is_closing;
};

static const double seconds[] = {.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 90, 0};
static struct metric issued_count = {
    .name = "osm_cert_issued_count", .help = "Certificates issued to pods", .type = METRIC_COUNTER};
static struct metric issued_time = {.name = "osm_cert_issued_time",
                                    .help = "Seconds from a pod's request to its certificate",
                                    .type = METRIC_HISTOGRAM,
                                    .buckets = seconds};

/* ---- the certificate's life ---- */

int64_t identity_renew_after(int64_t now, int64_t life, uint32_t random)
{
    int64_t jitter = (int64_t)((double)life / 10 * ((double)random / UINT32_MAX));
    return now + life * 2 / 3 - jitter;
}

static uint32_t random_u32(void)
{
    uint32_t v = 0;
    if (RAND_bytes((unsigned char *)&v, sizeof v) != 1) v = 0;
    return v;
}

static int64_t clamp_validity(const struct identity_options *opt, int64_t s)
{
    int64_t low = opt->validity_min_s ? opt->validity_min_s : IDENTITY_VALIDITY_MIN_S;
    if (s == 0) s = IDENTITY_VALIDITY_DEFAULT_S;
    return s < low ? low : s > IDENTITY_VALIDITY_MAX_S ? IDENTITY_VALIDITY_MAX_S : s;
}

void identity_service_set_validity(struct identity_service *s, int64_t validity_s)
{
    atomic_store(&s->validity_s, clamp_validity(&s->opt, validity_s));
}

/* ---- jobs ---- */

static void job_end(struct job *j)
{
    if (j->next) j->next->prev = j->prev;
    if (j->prev) *j->prev = j->next;
    if (j->timer) event_free(j->timer);
    EVP_PKEY_free(j->key);
    atomic_fetch_sub(&j->s->open, 1);
    arena_free(j->arena);
    free(j);
}

static void respond_json(struct h2_later *later, int status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    h2_later_respond(later, status, "application/json", str_of(text));
    free(text);
    json_decref(body);
}

static void job_fail(struct job *j, int status)
{
    log_warn("certificate refused to %.*s (pod %.*s/%.*s): %s", STR_FMT(j->address), STR_FMT(j->subject.ns),
             STR_FMT(j->subject.pod), j->err.text);
    respond_json(j->later, status, json_pack("{s:s}", "error", j->err.text));
    job_end(j);
}

static void job_answer(void *arg)
{
    struct job *j = arg;
    struct identity_service *s = j->s;
    if (j->status) {
        job_fail(j, j->status);
        return;
    }
    int64_t renew = identity_renew_after(j->issued, atomic_load(&s->validity_s), random_u32());
    respond_json(j->later, 200,
                 json_pack("{s:s%, s:s%, s:s%, s:I}", "chain", j->chain.p, j->chain.n, "bundle", s->trust.pem.p,
                           s->trust.pem.n, "bundle_id", s->trust.id.p, s->trust.id.n, "renew_after",
                           (json_int_t)renew));
    metric_add(&issued_count, 1, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
    metric_observe(&issued_time, (double)(clock_mono_ns() - j->began_ns) / 1e9, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
    log_info("certificate issued to %.*s.%.*s for pod %.*s", STR_FMT(j->subject.sa), STR_FMT(j->subject.ns),
             STR_FMT(j->subject.pod));
    job_end(j);
}

static void on_signed(void *arg, const struct str *chain, const struct err *err)
{
    struct job *j = arg;
    if (chain) {
        j->chain = str_dup(j->arena, *chain);
    } else {
        j->status = 503;
        j->err = *err;
    }
    mailbox_post(j->s->thread->mail, job_answer, j);
}

/* Names of servers that are ours, whatever namespace, account and trust domain would spell them. */
static bool is_own_name(const struct identity_service *s, struct str dns)
{
    if (str_eq_nocase(dns, S(NAME_CONTROLLER_DNS))) return true;
    for (each(own, s->opt.own_names))
        if (str_eq_nocase(dns, *own)) return true;
    return false;
}

static void job_sign(struct job *j)
{
    struct identity_service *s = j->s;
    struct issue_request r = {
        .key = j->key,
        .csr = j->csr,
        .uri = spiffe_id(j->arena, s->trust_domain, j->subject.ns, j->subject.sa),
        .dns = dns_identity(j->arena, s->trust_domain, j->subject.ns, j->subject.sa),
        .now = j->issued = clock_unix_s(),
        .validity = atomic_load(&s->validity_s),
    };
    if (is_own_name(s, r.dns)) {
        err_set(&j->err, "the identity %.*s is the controller's own name", STR_FMT(r.dns));
        job_fail(j, 403);
        return;
    }
    issuer_sign(s->opt.issuer, &r, on_signed, j);
}

static enum pod_state ask_pod(struct job *j)
{
    const struct identity_options *opt = &j->s->opt;
    return opt->pod_state ? opt->pod_state(opt->arg, &j->subject) : POD_ALIVE;
}

static void job_pod(struct job *j);

static void on_pod_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    job_pod(arg);
}

static void job_wait(struct job *j)
{
    struct timeval pause = {.tv_usec = POD_RETRY_MS * 1000};
    if (!j->timer) j->timer = evtimer_new(j->s->thread->base, on_pod_timer, j);
    evtimer_add(j->timer, &pause);
}

/* The token may be known here before the pod is: its object takes its own way. */
static void job_pod(struct job *j)
{
    enum pod_state state = ask_pod(j);
    if (state == POD_ALIVE) {
        job_sign(j);
    } else if (state == POD_UNKNOWN && clock_mono_ns() < j->deadline_ns && !j->s->is_closing) {
        job_wait(j);
    } else {
        err_set(&j->err, state == POD_GONE ? "the pod has ended, or is not in the mesh" : "the pod is not known here");
        job_fail(j, 403);
    }
}

static void job_subject(void *arg)
{
    struct job *j = arg;
    if (j->status) {
        job_fail(j, j->status);
        return;
    }
    int64_t now = clock_mono_ns();
    if (!limiter_allow(&j->s->by_pod, j->subject.uid, now)) {
        err_set(&j->err, "the pod asks too often; wait some seconds");
        job_fail(j, 429);
        return;
    }
    j->deadline_ns = now + (int64_t)POD_WAIT_MS * 1000000;
    job_pod(j);
}

static void on_token(void *arg, const struct token_answer *answer)
{
    struct job *j = arg;
    if (answer->s) {
        j->subject = (struct token_subject){str_dup(j->arena, answer->s->ns), str_dup(j->arena, answer->s->sa),
                                            str_dup(j->arena, answer->s->pod), str_dup(j->arena, answer->s->uid)};
    } else {
        j->status = answer->is_refused ? 401 : 503;
        j->err = *answer->err;
    }
    mailbox_post(j->s->thread->mail, job_subject, j);
}

static bool read_csr(struct job *j, struct str body)
{
    json_error_t why;
    json_t *doc = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, &why);
    const json_t *csr = json_object_get(doc, "csr");
    bool ok = json_is_string(csr) || err_set(&j->err, "the body is not JSON with a member \"csr\"");
    if (ok) j->csr = str_dup(j->arena, str_make(json_string_value(csr), json_string_length(csr)));
    json_decref(doc);
    return ok && (j->key = csr_check(j->csr, &j->err));
}

static struct str host_of(struct str address)
{
    ptrdiff_t colon = str_rfind(address, ':');
    return colon < 0 ? address : str_sub(address, 0, (size_t)colon);
}

static void job_start(void *arg)
{
    struct job *j = arg;
    struct identity_service *s = j->s;
    if ((j->next = s->jobs)) j->next->prev = &j->next;
    j->prev = &s->jobs;
    s->jobs = j;
    if (s->is_closing) {
        err_set(&j->err, "the controller is stopping");
        job_fail(j, 503);
    } else if (!limiter_allow(&s->by_address, host_of(j->address), clock_mono_ns())) {
        err_set(&j->err, "too many requests from this address; wait some seconds");
        job_fail(j, 429);
    } else if (!read_csr(j, j->csr)) {
        job_fail(j, 400);
    } else {
        token_check(s->opt.tokens, j->token, on_token, j);
    }
}

/* Counted before the look at |is_closing|: identity_service_stop sets that first and then waits for the count. */
static bool enter(struct identity_service *s, _Atomic(int) *count, int max)
{
    if (atomic_fetch_add(count, 1) < max && !atomic_load(&s->is_closing)) return true;
    atomic_fetch_sub(count, 1);
    return false;
}

static void take_certificate(struct identity_service *s, struct h2_request *r)
{
    struct str token = token_bearer(h2_header(r, "authorization"));
    if (r->body.n > IDENTITY_MAX_BODY) {
        h2_respond_error(r, 413, "the body is larger than %d bytes", IDENTITY_MAX_BODY);
    } else if (str_empty(token)) {
        h2_respond_error(r, 401, "no bearer token in the Authorization header");
    } else if (!enter(s, &s->open, MAX_OPEN)) {
        h2_respond_error(r, 503, "too many requests for certificates at once, or the end is near; ask again later");
    } else {
        struct job *j = xcalloc(1, sizeof *j);
        j->s = s;
        j->began_ns = clock_mono_ns();
        j->arena = arena_new();
        j->address = str_dup(j->arena, r->peer->address);
        j->token = str_dup(j->arena, token);
        j->csr = str_dup(j->arena, r->body);
        j->later = h2_later_new(r);
        mailbox_post(s->thread->mail, job_start, j);
    }
}

/* ---- the bundle ---- */

struct poll {
    struct identity_service *s;
    struct h2_later *later;
    char after[64];
    bool no_wait;
};

static void answer_bundle(struct identity_service *s, struct h2_later *later)
{
    respond_json(
        later, 200,
        json_pack("{s:s%, s:s%}", "bundle", s->trust.pem.p, s->trust.pem.n, "bundle_id", s->trust.id.p, s->trust.id.n));
}

/* Answers those waiters that |is_due|: everyone when the bundle changed. */
static void sweep_waiters(struct identity_service *s, bool has_changed)
{
    int64_t now = clock_unix_s();
    for (struct waiter **at = &s->waiters; *at;) {
        struct waiter *w = *at;
        bool is_over = w->until <= now || s->is_closing || h2_later_is_gone(w->later);
        if (!has_changed && !is_over) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (has_changed)
            answer_bundle(s, w->later);
        else
            h2_later_respond(w->later, 204, NULL, STR_NULL);
        atomic_fetch_sub(&s->polls, 1);
        s->waiting--;
        free(w);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    sweep_waiters(arg, false);
}

static void poll_start(void *arg)
{
    struct poll *p = arg;
    struct identity_service *s = p->s;
    if (!str_is(s->trust.id, p->after)) {
        answer_bundle(s, p->later);
        atomic_fetch_sub(&s->polls, 1);
    } else if (p->no_wait || s->is_closing || s->waiting == MAX_WAITING) {
        h2_later_respond(p->later, 204, NULL, STR_NULL);
        atomic_fetch_sub(&s->polls, 1);
    } else {
        struct waiter *w = xmalloc(sizeof *w);
        *w = (struct waiter){s->waiters, p->later, clock_unix_s() + BUNDLE_WAIT_S};
        s->waiters = w;
        s->waiting++;
    }
    free(p);
}

static void take_bundle(struct identity_service *s, struct h2_request *r)
{
    if (!enter(s, &s->polls, MAX_POLLS)) {
        h2_respond_error(r, 503, "too many ask for the bundle at once, or the end is near; ask again later");
        return;
    }
    struct str after = h2_query(r, "after");
    struct poll *p = xcalloc(1, sizeof *p);
    p->s = s;
    memcpy(p->after, after.p ? after.p : "", after.n < sizeof p->after ? after.n : 0);
    p->no_wait = str_is(h2_query(r, "wait"), "0");
    p->later = h2_later_new(r);
    mailbox_post(s->thread->mail, poll_start, p);
}

static bool set_trust(struct identity_service *s, struct str extra, struct err *err)
{
    struct arena *a = arena_new();
    struct str both[] = {issuer_roots(s->opt.issuer), extra};
    struct trust t;
    if (!trust_make(a, (struct strs){both, str_empty(extra) ? 1 : 2}, &t, err)) {
        arena_free(a);
        return false;
    }
    bool has_changed = !str_eq(t.id, s->trust.id);
    arena_free(s->trust_arena);
    s->trust_arena = a;
    s->trust = t;
    if (has_changed) sweep_waiters(s, true);
    return true;
}

struct new_roots {
    struct identity_service *s;
    char *pem;
    size_t n;
};

static void take_roots(void *arg)
{
    struct new_roots *r = arg;
    struct err err = {0};
    if (!set_trust(r->s, str_make(r->pem, r->n), &err)) log_error("further trust roots are not used: %s", err.text);
    free(r->pem);
    free(r);
}

void identity_service_set_extra_roots(struct identity_service *s, struct str pem)
{
    struct new_roots *r = xmalloc(sizeof *r);
    *r = (struct new_roots){s, xstrndup(pem.p ? pem.p : "", pem.n), pem.n};
    mailbox_post(s->thread->mail, take_roots, r);
}

/* ---- the handler ---- */

bool identity_service_has(struct str path) { return str_is(path, "/v1/certificate") || str_is(path, "/v1/bundle"); }

void identity_service_request(void *service, struct h2_request *r)
{
    bool is_certificate = str_is(r->path, "/v1/certificate");
    if (!identity_service_has(r->path))
        h2_respond_error(r, 404, "there is nothing at this path");
    else if (!str_is(r->method, is_certificate ? "POST" : "GET"))
        h2_respond_error(r, 405, "this path wants %s", is_certificate ? "POST" : "GET");
    else if (is_certificate)
        take_certificate(service, r);
    else if (!r->peer->has_certificate)
        h2_respond_error(r, 401, "the bundle is given to peers with a certificate only");
    else
        take_bundle(service, r);
}

/* ---- life ---- */

static void release(struct identity_service *s)
{
    if (s->tick) event_free(s->tick);
    limiter_release(&s->by_address);
    limiter_release(&s->by_pod);
    arena_free(s->trust_arena);
    arena_free(s->arena);
    free(s);
}

struct identity_service *identity_service_new(const struct identity_options *opt, struct err *err)
{
    struct identity_service *s = xcalloc(1, sizeof *s);
    struct timeval second = {.tv_sec = 1};
    s->opt = *opt;
    s->arena = arena_new();
    s->trust_domain = str_dup(s->arena, str_of(opt->trust_domain ? opt->trust_domain : NAME_TRUST_DOMAIN));
    metric_register(&issued_count);
    metric_register(&issued_time);
    limiter_init(&s->by_address, 20, 100);
    limiter_init(&s->by_pod, 1, 10);
    identity_service_set_validity(s, opt->validity_s);
    if (!set_trust(s, STR_NULL, err) || !(s->thread = loop_thread_new("osm-identity", err))) {
        release(s);
        return NULL;
    }
    s->tick = event_new(s->thread->base, -1, EV_PERSIST, on_tick, s);
    event_add(s->tick, &second);
    return s;
}

static void close_all(void *arg)
{
    struct identity_service *s = arg;
    sweep_waiters(s, false);
    for (struct job *j = s->jobs, *next; j; j = next) {
        next = j->next;
        if (!j->timer || !evtimer_pending(j->timer, NULL)) continue; /* token checker or issuer still has it */
        err_set(&j->err, "the controller is stopping");
        job_fail(j, 503);
    }
}

void identity_service_stop(struct identity_service *s)
{
    struct timespec moment = {.tv_nsec = 1000000};
    atomic_store(&s->is_closing, true);
    mailbox_post(s->thread->mail, close_all, s);
    while (atomic_load(&s->open) || atomic_load(&s->polls)) nanosleep(&moment, NULL);
}

static void end_ticks(void *arg)
{
    struct identity_service *s = arg;
    event_free(s->tick);
    s->tick = NULL;
}

void identity_service_free(struct identity_service *s)
{
    if (!s) return;
    loop_thread_free(s->thread, end_ticks, s);
    release(s);
}
