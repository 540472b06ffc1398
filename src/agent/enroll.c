#include "agent/enroll.h"

#include <jansson.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "agent/backoff.h"
#include "agent/sds.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/names.h"
#include "identity/cert.h"
#include "identity/csr.h"
#include "identity/key.h"
#include "identity/trust.h"

enum {
    MAX_TOKEN_FILE = 16384,
    MAX_ANSWER = 2 * CERT_MAX_PEM + 65536,
    CALL_TIMEOUT_MS = 10000,
    RETRY_FIRST_MS = 250,
    RETRY_MAX_MS = 5000,
    BUNDLE_RETRY_S = 15,
    BUNDLE_TIMEOUT_MS = 45000, /* the controller holds the question for 30 s */
    BUNDLE_HELD_S = 5,         /* a refusal to hold it comes sooner */
};

struct enroll {
    struct enroll_options opt;
    struct event *renew, *ask_bundle;
    struct http_call *call, *bundle_call;
    struct backoff backoff;
    EVP_PKEY *next_key;    /* of the request under way */
    struct buf key, chain; /* current, PEM */
    struct buf bundle;     /* current roots, PEM */
    char bundle_id[64];
    char identity[512];
    int64_t ends;
    int64_t asked_bundle; /* mono ns */
    struct err last;
};

static void renew_in_ms(struct enroll *e, int64_t ms)
{
    struct timeval pause = timeval_ms(ms > 0 ? ms : 0);
    evtimer_add(e->renew, &pause);
}

static void bundle_in_s(struct enroll *e, int64_t s)
{
    struct timeval pause = timeval_ms(s * 900 + random() % (s * 200 + 1));
    evtimer_add(e->ask_bundle, &pause);
}

static void fail(struct enroll *e, const struct err *err)
{
    int64_t pause = backoff_next_ms(&e->backoff);
    e->last = *err;
    if (e->ends)
        log_warn("the certificate is not renewed: %s; it ends in %lld s, next try in %lld ms", err->text,
                 (long long)(e->ends - clock_unix_s()), (long long)pause);
    else
        log_warn("no certificate yet: %s; next try in %lld ms", err->text, (long long)pause);
    renew_in_ms(e, pause);
}

/* ---- roots ---- */

static bool write_bundle(struct enroll *e, struct str pem, struct str id, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf text SCOPED_BUF = {0};
    struct strs roots;
    if (str_is(id, e->bundle_id)) return true;
    if (str_empty(id) || id.n >= sizeof e->bundle_id) return err_set(err, "the bundle's id has a wrong length");
    if (!cert_split(a, pem, &roots, err) || !sds_bundle(pem, id, &text, err)) return false;
    if (!file_write_atomic(agent_path(e->opt.agent, a, FILE_SDS_BUNDLE), buf_view(&text), 0600, err)) return false;
    buf_reset(&e->bundle);
    buf_str(&e->bundle, pem);
    snprintf(e->bundle_id, sizeof e->bundle_id, "%.*s", STR_FMT(id));
    log_info("trust bundle %s with %zu root%s is in place", e->bundle_id, roots.n, roots.n == 1 ? "" : "s");
    return true;
}

/* The mounted roots and those learned since: the controller may be ahead of the mount, or the mount of us. */
static bool roots_to_trust(struct enroll *e, struct arena *a, struct str *out, struct err *err)
{
    struct buf file SCOPED_BUF = {0};
    const char *path = str_fmt(a, "%s/ca.pem", e->opt.agent->trust_dir).p;
    bool has_file = file_read(path, CERT_MAX_PEM, &file, err);
    if (!has_file && !e->bundle.n) return false;
    err_clear(err);
    *out = str_fmt(a, "%.*s\n%.*s", STR_FMT(buf_view(&file)), STR_FMT(buf_view(&e->bundle)));
    return true;
}

static const char *url(struct arena *a, const char *path)
{
    return str_fmt(a, "https://" NAME_CONTROLLER_DNS ":%d%s", PORT_XDS, path).p;
}

static void take_bundle(struct enroll *e, struct str body)
{
    struct err err = {0};
    json_error_t why;
    json_t *j = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, &why);
    bool ok =
        j ? write_bundle(e, json_text(j, "bundle"), json_text(j, "bundle_id"), &err) : err_set(&err, "%s", why.text);
    if (!ok) log_warn("the controller's trust bundle is not used: %s", err.text);
    json_decref(j);
}

static void on_bundle(void *arg, const struct http_answer *answer)
{
    struct enroll *e = arg;
    e->bundle_call = NULL;
    if (answer->ok && answer->status == 200) take_bundle(e, answer->body);
    bool is_fine = answer->ok && answer->status < 300;
    bool was_held = clock_mono_ns() - e->asked_bundle > INT64_C(1000000000) * BUNDLE_HELD_S;
    if (!is_fine) log_debug("the trust bundle could not be asked for: %s", answer->err.text);
    bundle_in_s(e, !is_fine ? BUNDLE_RETRY_S : answer->status == 200 || was_held ? 0 : e->opt.agent->bundle_every_s);
}

static void ask_bundle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct enroll *e = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct http_call_options o = {
        .url = url(a, str_fmt(a, "/v1/bundle?after=%s", e->bundle_id).p),
        .connect_to = e->opt.agent->controller,
        .chain = buf_view(&e->chain),
        .key = buf_view(&e->key),
        .timeout_ms = BUNDLE_TIMEOUT_MS,
        .max_body = MAX_ANSWER,
    };
    e->asked_bundle = clock_mono_ns();
    if (e->bundle_call || !roots_to_trust(e, a, &o.roots, &err)) return;
    e->bundle_call = http_call_start(e->opt.http, &o, on_bundle, e);
}

/* ---- the certificate ---- */

static bool check_chain(struct enroll *e, struct str chain, struct cert_info *info, struct arena *a, struct err *err)
{
    X509 *leaf = cert_of_pem(chain, err);
    bool fits = leaf && X509_check_private_key(leaf, e->next_key) == 1;
    X509_free(leaf);
    if (err->is_set) return false;
    if (!fits) return err_set(err, "the controller's answer is for another key");
    struct str td, ns, sa;
    if (!cert_inspect(a, chain, info, err)) return false;
    if (info->uris.n != 1 || !spiffe_parse(info->uris.v[0], &td, &ns, &sa))
        return err_set(err, "the certificate has no SPIFFE identity");
    return info->not_after > clock_unix_s() || err_set(err, "the certificate has ended already; compare the clocks");
}

static bool write_certificate(struct enroll *e, struct str chain, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf key __attribute__((cleanup(key_wipe))) = {0};
    struct buf text __attribute__((cleanup(key_wipe))) = {0};
    const char *path = agent_path(e->opt.agent, a, FILE_SDS_CERTIFICATE);
    if (!key_to_pem(e->next_key, &key, err) || !sds_certificate(chain, buf_view(&key), &text, err) ||
        !file_write_atomic(path, buf_view(&text), 0600, err))
        return false;
    key_wipe(&e->key);
    e->key = key;
    key = (struct buf){0};
    buf_reset(&e->chain);
    buf_str(&e->chain, chain);
    return true;
}

/* Not before the certificate is a moment old, not after it ended, whatever the answer says. */
static int64_t renewal_ms(int64_t renew_after, int64_t ends)
{
    int64_t now = clock_unix_s();
    int64_t at = renew_after > now && renew_after < ends ? renew_after : now + (ends - now) * 2 / 3;
    return (at > now ? at - now : 1) * 1000;
}

static bool take_certificate(struct enroll *e, const json_t *j, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct cert_info info;
    struct str chain = json_text(j, "chain");
    if (!check_chain(e, chain, &info, a, err)) return false;
    if (!write_bundle(e, json_text(j, "bundle"), json_text(j, "bundle_id"), err)) return false;
    if (!write_certificate(e, chain, err)) return false;
    e->ends = info.not_after;
    snprintf(e->identity, sizeof e->identity, "%.*s", STR_FMT(info.uris.v[0]));
    int64_t pause = renewal_ms(json_integer_value(json_object_get(j, "renew_after")), e->ends);
    log_info("certificate %.*s for %s is in place; it ends in %lld s and is renewed in %lld s", STR_FMT(info.serial),
             e->identity, (long long)(e->ends - clock_unix_s()), (long long)pause / 1000);
    renew_in_ms(e, pause);
    return true;
}

static bool take_answer(struct enroll *e, const struct http_answer *answer, struct err *err)
{
    json_error_t why;
    if (!answer->ok) return err_set(err, "%s", answer->err.text);
    json_t *j = json_loadb(answer->body.p ? answer->body.p : "", answer->body.n, JSON_REJECT_DUPLICATES, &why);
    struct str said = json_text(j, "error");
    bool ok;
    if (answer->status != 200)
        ok = err_set(err, "the controller answers %d: %.*s", answer->status, STR_FMT(said));
    else
        ok = j ? take_certificate(e, j, err) : err_set(err, "the controller's answer is not JSON");
    json_decref(j);
    return ok;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct enroll *e = arg;
    struct err err = {0};
    e->call = NULL;
    if (!take_answer(e, answer, &err)) {
        fail(e, &err);
        return;
    }
    bool is_first = !evtimer_pending(e->ask_bundle, NULL) && !e->bundle_call;
    if (is_first) bundle_in_s(e, 0);
    backoff_reset(&e->backoff);
    err_clear(&e->last);
    e->opt.changed(e->opt.arg);
}

static bool read_token(struct enroll *e, struct arena *a, struct str *out, struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    if (!file_read(e->opt.agent->token_file, MAX_TOKEN_FILE, &text, err)) return false;
    *out = str_fmt(a, "Authorization: Bearer %.*s", STR_FMT(str_trim(buf_view(&text))));
    return true;
}

static bool make_body(struct enroll *e, struct arena *a, struct str *body, struct err *err)
{
    struct buf csr SCOPED_BUF = {0}, json SCOPED_BUF = {0};
    EVP_PKEY_free(e->next_key);
    e->next_key = key_new(err);
    if (!e->next_key || !csr_make(e->next_key, &csr, err)) return false;
    buf_c(&json, "{\"csr\":");
    buf_json_str(&json, buf_view(&csr));
    buf_char(&json, '}');
    *body = str_dup(a, buf_view(&json));
    return true;
}

static void ask(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct enroll *e = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct str bearer;
    struct http_call_options o = {
        .url = url(a, "/v1/certificate"),
        .connect_to = e->opt.agent->controller,
        .timeout_ms = CALL_TIMEOUT_MS,
        .no_reuse = true, /* the next call is hours away */
        .max_body = MAX_ANSWER,
    };
    if (!roots_to_trust(e, a, &o.roots, &err) || !read_token(e, a, &bearer, &err) || !make_body(e, a, &o.body, &err)) {
        fail(e, &err);
        return;
    }
    o.headers = (struct strs){&bearer, 1};
    e->call = http_call_start(e->opt.http, &o, on_answer, e);
}

struct enroll *enroll_new(const struct enroll_options *opt)
{
    struct enroll *e = xcalloc(1, sizeof *e);
    e->opt = *opt;
    e->backoff = (struct backoff){.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    e->renew = evtimer_new(opt->base, ask, e);
    e->ask_bundle = evtimer_new(opt->base, ask_bundle, e);
    renew_in_ms(e, 0);
    return e;
}

void enroll_free(struct enroll *e)
{
    if (!e) return;
    http_call_cancel(e->call);
    http_call_cancel(e->bundle_call);
    event_free(e->renew);
    event_free(e->ask_bundle);
    EVP_PKEY_free(e->next_key);
    key_wipe(&e->key);
    buf_free(&e->chain);
    buf_free(&e->bundle);
    free(e);
}

struct enroll_state enroll_state(const struct enroll *e)
{
    return (struct enroll_state){e->ends != 0, e->ends, e->identity, e->bundle_id, e->last.text};
}
