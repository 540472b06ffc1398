#include "status/webhooks.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/node.h"

#define GROUP "admissionregistration.k8s.io"

struct webhook_keeper {
    struct webhook_keeper_options opt;
    struct arena *arena;
    struct str key, bundle; /* base64 of the roots */
    struct kube_watch *watch;
};

static bool is_right(const struct webhook_keeper *k, const struct node *hook)
{
    return str_eq(node_get_str(node_get(hook, S("clientConfig")), S("caBundle")), k->bundle);
}

/* Server-side apply merges by the webhooks' names: only what we own is named. */
static json_t *wish_of(const struct webhook_keeper *k, const struct node *hooks)
{
    json_t *list = json_array();
    for (size_t i = 0; i < hooks->items.n; i++) {
        struct str name = node_get_str(hooks->items.v[i], S("name"));
        json_array_append_new(list, json_pack("{s:s%, s:{s:s%}}", "name", name.p ? name.p : "", name.n, "clientConfig",
                                              "caBundle", k->bundle.p, k->bundle.n));
    }
    return json_pack("{s:s, s:s, s:{s:s%}, s:o}", "apiVersion", GROUP "/v1", "kind", k->opt.kind, "metadata", "name",
                     k->opt.name.p, k->opt.name.n, "webhooks", list);
}

static void on_event(void *arg, enum kube_event_type type, const struct node *o)
{
    struct webhook_keeper *k = arg;
    const struct node *hooks = node_get(o, S("webhooks"));
    if (type == KUBE_GONE || !hooks || hooks->type != NODE_LIST) {
        writer_drop(k->opt.writer, k->key, false);
        return;
    }
    bool right = true;
    for (size_t i = 0; i < hooks->items.n; i++) right = right && is_right(k, hooks->items.v[i]);
    struct kube_ref ref = {.group = GROUP, .version = "v1", .plural = k->opt.plural, .name = k->opt.name};
    writer_want(k->opt.writer, k->key, ref, wish_of(k, hooks));
    if (!right) writer_again(k->opt.writer, k->key);
}

static void ignore(void *arg) { (void)arg; }

static void on_state(void *arg, enum kube_watch_state state, struct str why) { (void)arg, (void)state, (void)why; }

static const struct kube_watch_ops ops = {.begin = ignore, .event = on_event, .whole = ignore, .state = on_state};

struct webhook_keeper *webhook_keeper_new(const struct webhook_keeper_options *opt)
{
    struct webhook_keeper *k = xcalloc(1, sizeof *k);
    struct arena *a = k->arena = arena_new();
    struct buf text SCOPED_BUF = {0};
    k->opt = *opt;
    k->opt.name = str_dup(a, opt->name);
    base64_write(opt->pem, &text);
    k->bundle = str_dup(a, buf_view(&text));
    k->key = str_fmt(a, "%s %.*s", opt->kind, STR_FMT(opt->name));
    struct str selected = kube_escape(a, str_fmt(a, "metadata.name=%.*s", STR_FMT(opt->name)));
    k->watch = kube_watch_new(
        opt->client, &(struct kube_watch_options){.path = str_fmt(a, "/apis/" GROUP "/v1/%s", opt->plural).p,
                                                  .query = str_fmt(a, "fieldSelector=%.*s", STR_FMT(selected)).p,
                                                  .name = opt->kind,
                                                  .ops = &ops,
                                                  .arg = k});
    return k;
}

void webhook_keeper_free(struct webhook_keeper *k)
{
    if (!k) return;
    kube_watch_free(k->watch);
    arena_free(k->arena);
    free(k);
}
