/* cluster_services.c - namespaces and accounts that nobody declared; addresses, slices, names, ruleset. */
#include <stdlib.h>

#include "base/names.h"
#include "kinds/endpoint_slice.h"
#include "platform/local/cluster.h"
#include "platform/local/net.h"

/* ---- namespaces ---- */

static void make_namespace(struct cluster *c, struct str ns, bool in_mesh)
{
    json_t *labels = json_pack("{s:o}", "kubernetes.io/metadata.name", doc_str(ns)), *annotations = json_object();
    if (in_mesh) {
        json_object_set_new(labels, LABEL_MONITORED_BY, json_string(NAME_MESH));
        json_object_set_new(annotations, ANNOTATION_INJECT, json_string("enabled"));
    }
    made_set(c->made, KIND_NAMESPACE, STR_NULL, ns,
             json_pack("{s:{s:o, s:o}}", "metadata", "labels", labels, "annotations", annotations));
}

static struct strs used_namespaces(struct cluster *c, struct arena *a)
{
    struct strs all = {0};
    list_push(a, &all, S("default"));
    list_push(a, &all, S(NAME_SYSTEM_NAMESPACE));
    for (int k = 0; k < KIND_COUNT; k++) {
        struct strs keys = store_keys(c->store, k, a);
        for (each(key, keys)) {
            struct str ns, name;
            key_split(*key, &ns, &name);
            if (k == KIND_NAMESPACE)
                list_push(a, &all, *key);
            else if (ns.n)
                list_push(a, &all, ns);
        }
    }
    return strs_sort_unique(all);
}

void cluster_namespaces(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs all = used_namespaces(c, a);
    for (each(ns, all)) {
        bool in_mesh = !str_is(*ns, NAME_SYSTEM_NAMESPACE) && !strs_has(c->opt.no_mesh, *ns);
        if (!store_peek(c->store, KIND_NAMESPACE, *ns)) make_namespace(c, *ns, in_mesh);
        if (!store_peek(c->store, KIND_SERVICE_ACCOUNT, key_of(a, *ns, S("default"))))
            made_set(c->made, KIND_SERVICE_ACCOUNT, *ns, S("default"), json_object());
    }
}

/* ---- Services ---- */

/* What one round knows of one Service. */
struct service {
    const struct object *o;
    const struct kube_service *body;
    struct str address; /* empty: headless, ExternalName */
    LIST(const json_t *) slices;
};
struct services {
    struct service *v;
    size_t n;
};

static bool wants_address(const struct kube_service *s)
{
    return !kube_service_is_headless(s) && s->spec.type != KUBE_SERVICE_EXTERNAL_NAME && !kube_service_addresses(s).n;
}

/* The Service with its address, for the controller. */
static void publish(struct cluster *c, const struct service *s)
{
    json_t *doc = table_to_json(kind_info(KIND_SERVICE)->table, s->body);
    json_object_set_new(doc, "metadata", table_to_json(&meta_table, &s->o->meta));
    doc_put(doc, "spec.clusterIP", doc_str(s->address));
    doc_put(doc, "spec.clusterIPs", json_pack("[o]", doc_str(s->address)));
    made_set(c->made, KIND_SERVICE, s->o->meta.ns, s->o->meta.name, doc);
}

static void give_addresses(struct cluster *c, struct services all, struct arena *a)
{
    struct map used = {0};
    for (each(s, all)) {
        struct strs given = kube_service_addresses(s->body);
        char *kept = map_get(&c->addresses, key_of(a, s->o->meta.ns, s->o->meta.name));
        if (given.n)
            s->address = given.v[0];
        else if (wants_address(s->body) && kept)
            s->address = str_of(kept);
        if (s->address.n) map_put(&used, s->address, s);
    }
    for (each(s, all)) {
        if (!wants_address(s->body)) continue;
        struct str key = key_of(a, s->o->meta.ns, s->o->meta.name);
        if (!s->address.n) {
            s->address = endpoint_cluster_ip(key, &used, a);
            map_put(&c->addresses, key, xstrndup(s->address.p, s->address.n));
        }
        publish(c, s);
    }
    map_release(&used);
}

static struct endpoint_pods pods_of(struct cluster *c, struct arena *a)
{
    struct endpoint_pods out = {0};
    struct strs keys = map_keys(&c->entries, a);
    for (each(k, keys)) {
        const struct entry *e = map_get(&c->entries, *k);
        if (!e->pod) continue;
        struct endpoint_pod p = {pod_document(e->pod), pod_is_ready(e->pod), pod_is_deleting(e->pod),
                                 pod_is_finished(e->pod)};
        list_push(a, &out, p);
    }
    return out;
}

static void make_slices(struct cluster *c, struct service *s, struct endpoint_pods pods, struct arena *a)
{
    struct docs slices = endpoint_slices(&s->o->meta, s->body, pods, a);
    for (each(d, slices)) {
        struct str name = str_dup(a, doc_text(*d, "metadata.name"));
        made_set(c->made, KIND_ENDPOINT_SLICE, s->o->meta.ns, name, *d);
        list_push(a, &s->slices, made_get(c->made, KIND_ENDPOINT_SLICE, s->o->meta.ns, name));
    }
}

static void json_drop(void *j) { json_decref(j); }

/* Slices made by hand, for Services without a selector; an API has all of them. */
static void find_slices(struct cluster *c, struct services all, struct arena *a)
{
    struct strs keys = store_keys(c->store, KIND_ENDPOINT_SLICE, a);
    for (each(k, keys)) {
        const struct object *o = store_peek(c->store, KIND_ENDPOINT_SLICE, *k);
        struct str service = kvs_get(o->meta.labels, S(LABEL_SERVICE_NAME));
        for (each(s, all)) {
            if (!str_eq(s->o->meta.ns, o->meta.ns) || !str_eq(s->o->meta.name, service)) continue;
            json_t *doc = table_to_json(kind_info(KIND_ENDPOINT_SLICE)->table, o->body);
            json_object_set_new(doc, "metadata", table_to_json(&meta_table, &o->meta));
            arena_on_free(a, json_drop, doc);
            list_push(a, &s->slices, doc);
        }
    }
}

/* ---- names ---- */

static void publish_names(struct cluster *c, struct services all, struct endpoint_pods pods)
{
    struct zone *z = zone_new();
    for (each(s, all)) {
        zone_add_service(z, &s->o->meta, s->body, s->address);
        for (each(slice, s->slices)) zone_add_slice(z, *slice, !s->address.n, s->body->spec.publish_not_ready);
    }
    for (each(p, pods))
        if (!p->finished) zone_add_pod(z, p->doc);
    dns_set_zone(c->dns, z);
}

/* ---- ruleset ---- */

static void add_targets(struct nft_service *out, const json_t *slice, struct str port_name, struct arena *a)
{
    size_t i, k;
    json_t *p, *e;
    json_array_foreach(doc_at(slice, "ports"), i, p)
    {
        if (!str_eq(doc_text(p, "name"), port_name)) continue;
        json_array_foreach(doc_at(slice, "endpoints"), k, e) if (doc_flag(e, "conditions.ready", true))
            list_push(a, &out->targets,
                      ((struct nft_target){str_of(json_string_value(json_array_get(doc_at(e, "addresses"), 0))),
                                           doc_int(p, "port", 0)}));
    }
}

static void publish_rules(struct cluster *c, struct services all, struct arena *a)
{
    struct nft_services rules = {0};
    struct buf text SCOPED_BUF = {0};
    for (each(s, all)) {
        if (!s->address.n) continue;
        for (each(p, s->body->spec.ports)) {
            struct nft_service rule = {.address = s->address, .port = p->port, .protocol = p->protocol};
            for (each(slice, s->slices)) add_targets(&rule, *slice, p->name, a);
            list_push(a, &rules, rule);
        }
    }
    nft_ruleset(rules, &text);
    nft_load(c->nft, buf_view(&text));
}

void cluster_services(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct services all = {0};
    struct strs keys = store_keys(c->store, KIND_SERVICE, a);
    for (each(k, keys)) {
        const struct object *o = store_peek(c->store, KIND_SERVICE, *k);
        list_push(a, &all, ((struct service){.o = o, .body = kube_service_of(o)}));
    }
    give_addresses(c, all, a);
    struct endpoint_pods pods = pods_of(c, a);
    for (each(s, all))
        if (s->body->spec.selector.n && !c->node) make_slices(c, s, pods, a);
    find_slices(c, all, a);
    publish_names(c, all, pods);
    publish_rules(c, all, a);
}
