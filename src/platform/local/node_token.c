/* node_token.c - tokens of pods, by TokenRequest. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "platform/local/node_internal.h"

struct node_token {
    struct local_node *node;
    struct kube_call *call;
    char *text; /* NULL: not yet */
    int64_t expires, life;
};

static void token_free(struct node_token *t)
{
    kube_call_cancel(t->call);
    free(t->text);
    free(t);
}

static void on_token(void *arg, const struct kube_answer *answer)
{
    struct node_token *t = arg;
    struct local_node *n = t->node;
    const char *text = doc_cstr(answer->json, "status.token");
    t->call = NULL;
    if (!answer->is_ok || !text) {
        log_warn("no token: %s", answer->is_ok ? "the answer has none" : answer->err.text);
        return; /* the pod asks again */
    }
    free(t->text);
    t->text = xstrdup(text);
    t->expires = clock_unix_s() + t->life;
    n->opt.on_batch(n->opt.arg);
}

static void ask(struct node_token *t, const struct token_claims *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_ref ref = {
        .version = "v1", .plural = "serviceaccounts", .ns = c->ns, .name = c->account, .sub = "token"};
    json_t *audiences = c->audience.n ? json_pack("[o]", doc_str(c->audience)) : json_array();
    json_t *o SCOPED_JSON =
        json_pack("{s:s, s:s, s:{s:o, s:I, s:{s:s, s:s, s:o, s:o}}}", "apiVersion", "authentication.k8s.io/v1", "kind",
                  "TokenRequest", "spec", "audiences", audiences, "expirationSeconds", (json_int_t)t->life,
                  "boundObjectRef", "apiVersion", "v1", "kind", "Pod", "name", doc_str(c->pod), "uid", doc_str(c->uid));
    struct kube_request r = {.method = "POST", .path = kube_path(a, ref), .body = doc_line(a, o)};
    t->call = kube_call_start(t->node->opt.client, &r, on_token, t);
}

bool node_token(void *node, const struct token_claims *claims, struct arena *a, struct str *text, struct str *file,
                struct err *err)
{
    struct local_node *n = node;
    int64_t now = clock_unix_s(), life = claims->expires - now;
    struct str key = str_fmt(a, "%.*s %.*s", STR_FMT(claims->uid), STR_FMT(claims->audience));
    struct node_token *t = map_get(&n->tokens, key);
    if (!t) {
        t = xcalloc(1, sizeof *t);
        t->node = n;
        map_put(&n->tokens, key, t);
    }
    *file = STR_NULL;
    if (t->text && t->expires - now > life / 2) return *text = str_dup(a, str_of(t->text)), true;
    t->life = life;
    if (!t->call) ask(t, claims);
    return err_set(err, "its token for %.*s is not there yet",
                   STR_FMT(claims->audience.n ? claims->audience : S("the API")));
}

void node_tokens_forget(struct local_node *n, struct str uid)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = map_keys(&n->tokens, a);
    for (each(k, keys))
        if (str_starts(*k, uid)) token_free(map_del(&n->tokens, *k));
}

void node_tokens_release(struct local_node *n)
{
    void *t;
    for (size_t it = 0; map_next(&n->tokens, &it, NULL, &t);) token_free(t);
    map_release(&n->tokens);
}
