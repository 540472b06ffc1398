/* cluster_node.c - the pods of an API's node, in place of those that manifests want. */
#include "kinds/pod.h"
#include "platform/local/cluster.h"

void cluster_node_start(struct cluster *c, void (*on_batch)(void *cluster))
{
    struct node_options o = {.base = c->opt.base,
                             .store = c->store,
                             .client = c->opt.client,
                             .name = c->opt.node,
                             .on_batch = on_batch,
                             .arg = c};
    c->node = node_new(&o);
    c->host.tokens = (struct token_issuer){node_token, c->node};
}

bool cluster_is_up(const struct cluster *c) { return c->round_number && (!c->node || node_is_ready(c->node)); }

static struct str uid_of(const struct entry *e) { return doc_text(pod_document(e->pod), "metadata.uid"); }

/* What the object |o| of a pod of this node means for what runs. */
static void follow(struct cluster *c, struct str key, const struct object *o)
{
    const struct entry *e = map_get(&c->entries, key);
    if (e && !str_eq(uid_of(e), o->meta.uid)) return pod_hurry(e->pod); /* another of that name; this one follows */
    if (e && o->meta.deleted) return pod_delete(e->pod);
    if (e || kube_pod_is_finished(kube_pod_of(o))) return;
    if (o->meta.deleted) return node_gone(c->node, o->meta.ns, o->meta.name, o->meta.uid); /* it never was here */
    struct pod_plan plan = {
        .doc = json_deep_copy(o->raw), .ns = o->meta.ns, .name = o->meta.name, .revision = o->meta.uid, .ordinal = -1};
    cluster_start_pod(c, &plan);
}

void cluster_node_round(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = store_keys(c->store, KIND_POD, a);
    c->host.env = node_env(c->node);
    if (!cluster_is_up(c) || !c->host.env.n) return; /* pods find the API from their beginning */
    for (each(k, keys)) {
        const struct object *o = store_peek(c->store, KIND_POD, *k);
        if (node_has(c->node, o))
            follow(c, *k, o);
        else
            node_bind(c->node, o);
    }
}
