#include "base/names.h"
#include "source/kube/internal.h"

/* What of a document is read. Lists stand for each of their items. */
struct keep {
    const char *name;
    const struct keep *below; /* NULL: all of it */
};

static const struct keep container[] = {{"name", NULL}, {"ports", NULL}, {"restartPolicy", NULL}, {0}};
static const struct keep pod_spec[] = {{"serviceAccountName", NULL},
                                       {"serviceAccount", NULL},
                                       {"hostNetwork", NULL},
                                       {"nodeName", NULL},
                                       {"containers", container},
                                       {"initContainers", container},
                                       {0}};
static const struct keep waiting[] = {{"reason", NULL}, {"message", NULL}, {0}};
static const struct keep state[] = {{"waiting", waiting}, {0}};
static const struct keep container_status[] = {
    {"name", NULL}, {"ready", NULL}, {"restartCount", NULL}, {"state", state}, {0}};
static const struct keep condition[] = {{"type", NULL}, {"status", NULL}, {0}};
static const struct keep pod_status[] = {{"phase", NULL},
                                         {"podIP", NULL},
                                         {"podIPs", NULL},
                                         {"reason", NULL},
                                         {"message", NULL},
                                         {"conditions", condition},
                                         {"containerStatuses", container_status},
                                         {"initContainerStatuses", container_status},
                                         {0}};
static const struct keep pod[] = {{"spec", pod_spec}, {"status", pod_status}, {0}};
static const struct keep nothing[] = {{0}};

static const struct keep *keep_of(enum kind k)
{
    return k == KIND_POD ? pod : k == KIND_SERVICE_ACCOUNT ? nothing : NULL;
}

static struct node *lean(const struct node *n, const struct keep *keep, struct arena *a)
{
    if (!keep || (n->type != NODE_MAP && n->type != NODE_LIST)) return (struct node *)n;
    struct node *out = arena_make(a, struct node);
    *out = (struct node){.type = n->type};
    for (each(item, n->items)) list_push(a, &out->items, lean(*item, keep, a));
    for (each(p, n->pairs))
        for (const struct keep *k = keep; k->name; k++)
            if (str_is(p->key, k->name))
                list_push(a, &out->pairs, ((struct node_pair){.key = p->key, .value = lean(p->value, k->below, a)}));
    return out;
}

/* Annotations are texts for programs, and often long; only ours mean something to us. */
static struct node *our_annotations(const struct node *n, struct arena *a)
{
    struct node *out = arena_make(a, struct node);
    *out = (struct node){.type = NODE_MAP};
    if (n->type != NODE_MAP) return (struct node *)n;
    for (each(p, n->pairs))
        if (memmem(p->key.p, p->key.n, "openservicemesh.io/", 19)) list_push(a, &out->pairs, *p);
    return out;
}

static struct node *lean_meta(const struct node *n, struct arena *a)
{
    struct node *out = arena_make(a, struct node);
    if (n->type != NODE_MAP) return (struct node *)n;
    *out = (struct node){.type = NODE_MAP};
    for (each(p, n->pairs)) {
        struct node_pair copy = *p;
        if (str_is(p->key, "managedFields") || str_is(p->key, "resourceVersion")) continue;
        if (str_is(p->key, "annotations")) copy.value = our_annotations(p->value, a);
        list_push(a, &out->pairs, copy);
    }
    return out;
}

static void add_text(struct node *out, const char *key, struct str text, struct arena *a)
{
    struct node *v = arena_make(a, struct node);
    *v = (struct node){.type = NODE_STR, .text = text};
    list_push(a, &out->pairs, ((struct node_pair){.key = str_of(key), .value = v}));
}

const struct node *lean_document(const struct node *doc, enum kind k, struct arena *a)
{
    const struct kind_info *info = kind_info(k);
    struct str version = node_get_str(doc, S("apiVersion"));
    struct node *out = arena_make(a, struct node);
    *out = (struct node){.type = NODE_MAP};
    if (!version.n)
        version = *info->group ? str_fmt(a, "%s/%s", info->group, info->versions[0]) : str_of(info->versions[0]);
    add_text(out, "apiVersion", version, a);
    add_text(out, "kind", str_of(info->name), a);
    for (each(p, doc->pairs)) {
        struct node_pair copy = *p;
        if (str_is(p->key, "apiVersion") || str_is(p->key, "kind")) continue;
        if (str_is(p->key, "metadata")) {
            copy.value = lean_meta(p->value, a);
            list_push(a, &out->pairs, copy);
        }
    }
    struct node *rest = lean(doc, keep_of(k), a);
    for (each(p, rest->pairs))
        if (!str_is(p->key, "apiVersion") && !str_is(p->key, "kind") && !str_is(p->key, "metadata"))
            list_push(a, &out->pairs, *p);
    return out;
}

struct str lean_key(const struct node *doc, enum kind k, struct arena *a)
{
    const struct node *meta = node_get(doc, S("metadata"));
    struct str ns = node_get_str(meta, S("namespace")), name = node_get_str(meta, S("name"));
    if (!is_dns_subdomain(name)) return STR_NULL;
    if (kind_info(k)->flags & KIND_CLUSTER_SCOPED) return name;
    return is_dns_label(ns) ? key_of(a, ns, name) : STR_NULL;
}
