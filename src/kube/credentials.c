#include "kube/credentials.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "kube/exec.h"

enum { MAX_FILE = 1 << 20, FRESH_S = 60, EARLY_S = 10 };

/* One text that a file holds and that may change. */
struct secret_file {
    struct str path;
    const char *what;
    bool is_pem;
    struct buf text;
};

struct credentials {
    struct event_base *base;
    const struct kube_config *config;
    struct secret_file token, roots, cert, key;
    int64_t read_ns;
    struct exec_run *run;
    struct arena *exec_arena; /* of |exec| */
    struct exec_credential exec;
    bool has_exec;
    struct credentials_wait *first, *last;
};

static bool read_one(struct secret_file *f, struct err *err)
{
    SCOPED_BUF struct buf text = {0};
    if (!f->path.n) return true;
    if (!file_read(f->path.p, MAX_FILE, &text, err)) return err_wrap(err, "the %s", f->what);
    struct str s = str_trim(buf_view(&text));
    if (!s.n) return err_set(err, "the %s: %s is empty", f->what, f->path.p);
    if (f->is_pem && !memmem(s.p, s.n, "-----BEGIN", 10))
        return err_set(err, "the %s: %s holds no PEM", f->what, f->path.p);
    for (size_t i = 0; i < s.n && !f->is_pem; i++)
        if ((unsigned char)s.p[i] <= ' ') return err_set(err, "the %s: %s holds no token", f->what, f->path.p);
    buf_reset(&f->text);
    buf_str(&f->text, s);
    return true;
}

static bool read_files(struct credentials *c, struct err *err)
{
    c->read_ns = clock_mono_ns();
    struct secret_file *all[] = {&c->roots, &c->cert, &c->key, &c->token};
    bool ok = true;
    for (size_t i = 0; i < 4; i++) ok = read_one(all[i], err) && ok;
    return ok;
}

static void read_files_again(struct credentials *c)
{
    struct err err = {0};
    if (!read_files(c, &err)) log_warn("the credentials stay as they were: %s", err.text);
}

static bool check_pem(struct str text, const char *what, const struct kube_config *config, struct err *err)
{
    if (!text.n || memmem(text.p, text.n, "-----BEGIN", 10)) return true;
    return err_set(err, "%.*s: the %s holds no PEM", STR_FMT(config->from), what);
}

struct credentials *credentials_new(struct event_base *base, const struct kube_config *config, struct err *err)
{
    struct credentials *c = xcalloc(1, sizeof *c);
    *c = (struct credentials){.base = base,
                              .config = config,
                              .token = {.path = config->token_file, .what = "token file"},
                              .roots = {.path = config->roots_file, .what = "certificate-authority", .is_pem = true},
                              .cert = {.path = config->cert_file, .what = "client-certificate", .is_pem = true},
                              .key = {.path = config->key_file, .what = "client-key", .is_pem = true}};
    bool ok = check_pem(config->roots, "certificate-authority-data", config, err) &&
              check_pem(config->cert, "client-certificate-data", config, err) &&
              check_pem(config->key, "client-key-data", config, err);
    if (ok && !read_files(c, err)) ok = err_wrap(err, "%.*s", STR_FMT(config->from));
    if (ok) return c;
    credentials_free(c);
    return NULL;
}

void credentials_free(struct credentials *c)
{
    if (!c) return;
    struct secret_file *all[] = {&c->roots, &c->cert, &c->key, &c->token};
    for (size_t i = 0; i < 4; i++) buf_free(&all[i]->text);
    exec_run_cancel(c->run);
    arena_free(c->exec_arena);
    free(c);
}

/* ---- the plugin ---- */

static void plugin_done(void *arg, const struct exec_credential *x, const struct err *err)
{
    struct credentials *c = arg;
    c->run = NULL;
    arena_free(c->exec_arena);
    c->exec_arena = arena_new();
    c->has_exec = x != NULL;
    if (x)
        c->exec = (struct exec_credential){str_dup(c->exec_arena, x->token), str_dup(c->exec_arena, x->cert),
                                           str_dup(c->exec_arena, x->key), x->expires};
    while (c->first) {
        struct credentials_wait *w = c->first;
        credentials_stop_waiting(c, w);
        w->ready(w->arg, x ? NULL : err);
    }
}

/* A token in the kubeconfig goes before the plugin, as with kubectl. */
static bool needs_plugin(const struct credentials *c)
{
    const struct kube_config *k = c->config;
    if (!k->exec || k->token.n || k->token_file.n || k->username.n) return false;
    return !c->has_exec || (c->exec.expires && c->exec.expires <= clock_unix_s() + EARLY_S);
}

bool credentials_get(struct credentials *c, struct credentials_wait *w)
{
    if (clock_mono_ns() - c->read_ns > FRESH_S * INT64_C(1000000000)) read_files_again(c);
    if (!needs_plugin(c)) return true;
    if (!c->run) c->run = exec_run_start(c->base, c->config, plugin_done, c);
    w->is_waiting = true;
    w->next = NULL;
    w->prev = c->last;
    *(c->last ? &c->last->next : &c->first) = w;
    c->last = w;
    return false;
}

void credentials_stop_waiting(struct credentials *c, struct credentials_wait *w)
{
    if (!w->is_waiting) return;
    w->is_waiting = false;
    *(w->prev ? &w->prev->next : &c->first) = w->next;
    *(w->next ? &w->next->prev : &c->last) = w->prev;
}

void credentials_refused(struct credentials *c)
{
    c->has_exec = false;
    read_files_again(c);
}

/* ---- what goes out ---- */

static void add_header(struct arena *a, struct http_call_options *o, const char *name, struct str value)
{
    if (value.n) list_push(a, &o->headers, str_fmt(a, "%s: %.*s", name, STR_FMT(value)));
}

static struct str basic(struct arena *a, const struct kube_config *k)
{
    SCOPED_BUF struct buf out = {0};
    struct str plain = str_fmt(a, "%.*s:%.*s", STR_FMT(k->username), STR_FMT(k->password));
    base64_write(plain, &out);
    return str_fmt(a, "Basic %.*s", (int)out.n, out.p);
}

static struct str authorization(const struct credentials *c, struct arena *a)
{
    struct str token = c->token.text.n ? buf_view(&c->token.text) : c->config->token;
    if (!token.n && c->config->username.n) return basic(a, c->config);
    if (!token.n && c->has_exec) token = c->exec.token;
    return token.n ? str_fmt(a, "Bearer %.*s", STR_FMT(token)) : STR_NULL;
}

void credentials_fill(const struct credentials *c, struct arena *a, struct http_call_options *o)
{
    const struct kube_config *k = c->config;
    o->roots = k->roots.n ? k->roots : buf_view(&c->roots.text);
    o->no_verify = k->no_verify;
    o->chain = k->cert.n ? k->cert : buf_view(&c->cert.text);
    o->key = k->key.n ? k->key : buf_view(&c->key.text);
    if (c->has_exec && c->exec.cert.n) o->chain = c->exec.cert, o->key = c->exec.key;
    add_header(a, o, "Authorization", authorization(c, a));
    add_header(a, o, "Impersonate-User", k->as_user);
    add_header(a, o, "Impersonate-Uid", k->as_uid);
    for (size_t i = 0; i < k->as_groups.n; i++) add_header(a, o, "Impersonate-Group", k->as_groups.v[i]);
}
