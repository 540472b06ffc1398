#include "kinds/meta.h"

#include "base/names.h"

#define META_FIELDS(F)                                                                                                 \
    F(name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,                                                  \
      .doc = "Name, unique among the kind's objects in a namespace."),                                                 \
        F(ns, "namespace", F_STR, .doc = "Namespace; default when absent."),                                           \
        F(uid, "uid", F_STR, .doc = "Given by the cluster: unique for all time."),                                     \
        F(generation, "generation", F_INT, .doc = "Given by the cluster: counts changes of what is wanted."),          \
        F(created, "creationTimestamp", F_TIME, .doc = "Given by the cluster: when the object was made."),             \
        F(deleted, "deletionTimestamp", F_TIME, .doc = "Given by the cluster: when deleting began."),                  \
        F(labels, "labels", F_MAP, .doc = "Short texts by which objects are selected."),                               \
        F(annotations, "annotations", F_MAP, .doc = "Texts for programs.")

#define PLAIN(m, name, type, ...) FIELD(struct meta, m, name, type, __VA_ARGS__)
static const struct field fields[] = {
    META_FIELDS(PLAIN),
    PLAIN(owner_kind, "ownerKind", F_STR, .doc = "Kind of the object that controls this one."),
    PLAIN(owner_name, "ownerName", F_STR, .doc = "Name of the object that controls this one."),
};
const struct table meta_table =
    TABLE("ObjectMeta", struct meta, fields, .flags = TABLE_OPEN, .doc = "What every object has.");

/* As it stands in documents: the owner is one of a list. */
struct owner {
    struct str kind, name;
    bool controls;
};
struct meta_document {
    struct meta meta;
    LIST(struct owner) owners;
};
static const struct field owner_fields[] = {
    FIELD(struct owner, kind, "kind", F_STR, .doc = "Kind of the owner."),
    FIELD(struct owner, name, "name", F_STR, .doc = "Name of the owner."),
    FIELD(struct owner, controls, "controller", F_BOOL, .doc = "Whether it is the one that manages the object."),
};
static const struct table owner_table =
    TABLE("OwnerReference", struct owner, owner_fields, .doc = "An object that this one belongs to.");

#define DOCUMENT(m, name, type, ...) FIELD(struct meta_document, meta.m, name, type, __VA_ARGS__)
static const struct field document_fields[] = {
    META_FIELDS(DOCUMENT),
    FIELD(struct meta_document, owners, "ownerReferences", F_LIST, .sub = &owner_table,
          .doc = "Objects that this one belongs to; it is deleted with them."),
};
const struct table meta_document_table =
    TABLE("ObjectMeta", struct meta_document, document_fields, .flags = TABLE_OPEN, .doc = "What every object has.");

static void check_name(const struct kind_info *info, const struct meta *m, const struct node *at, struct arena *a,
                       struct problems *out)
{
    bool is_label = str_is(str_of(info->name), "Namespace") || str_is(str_of(info->name), "Service");
    if (is_label ? is_dns_label(m->name) : is_dns_subdomain(m->name)) return;
    problem_add(a, out, true, at, S("metadata.name"),
                "\"%.*s\" is not a name: small letters, digits%s only, at most %d", STR_FMT(m->name),
                is_label ? " and \"-\"" : ", \"-\" and \".\"", is_label ? 63 : 253);
}

static bool has_error(const struct problems *p)
{
    for (each(x, *p))
        if (x->is_error) return true;
    return false;
}

bool meta_decode(const struct kind_info *info, const struct node *n, struct arena *a, struct meta *out,
                 struct problems *probs)
{
    struct meta_document d = {0};
    if (!table_decode(&meta_document_table, n, S("metadata"), a, &d, probs)) return false;
    for (each(o, d.owners))
        if (o->controls) d.meta.owner_kind = o->kind, d.meta.owner_name = o->name;
    check_name(info, &d.meta, node_get(n, S("name")), a, probs);
    if (info->flags & KIND_CLUSTER_SCOPED)
        d.meta.ns = STR_NULL;
    else if (d.meta.ns.n == 0)
        d.meta.ns = S("default");
    else if (!is_dns_label(d.meta.ns))
        problem_add(a, probs, true, node_get(n, S("namespace")), S("metadata.namespace"),
                    "\"%.*s\" is not a namespace's name", STR_FMT(d.meta.ns));
    *out = d.meta;
    return !has_error(probs);
}
