#include "mesh/workload.h"

#include "base/names.h"
#include "kinds/pod.h"
#include "mesh/platform.h"
#include "mesh/service.h"
#include "mesh/telemetry.h"

static const struct field pod_fields[] = {
    FIELD(struct mesh_pod, ns, "namespace", F_STR),
    FIELD(struct mesh_pod, name, "name", F_STR),
    FIELD(struct mesh_pod, uid, "uid", F_STR),
    FIELD(struct mesh_pod, account, "account", F_STR),
    FIELD(struct mesh_pod, spiffe_id, "spiffeId", F_STR),
    FIELD(struct mesh_pod, owner, "owner", F_STR),
    FIELD(struct mesh_pod, zone, "zone", F_STR),
    FIELD(struct mesh_pod, addresses, "addresses", F_STRS),
    FIELD(struct mesh_pod, in_mesh, "inMesh", F_BOOL),
    FIELD(struct mesh_pod, why, "why", F_STR),
    FIELD(struct mesh_pod, services, "services", F_STRS),
    FIELD(struct mesh_pod, workload, "workload", F_STR),
};
const struct table mesh_pod_table = TABLE("Pod", struct mesh_pod, pod_fields);

static const struct field account_fields[] = {FIELD(struct mesh_account, services, "services", F_STRS)};
const struct table mesh_account_table = TABLE("Account", struct mesh_account, account_fields);

/* ---- one pod --------------------------------------------------------------------------------------------- */

/* A Deployment's pods belong to a ReplicaSet that has its name, a dash and the template's hash. */
static struct str owner_of(struct arena *a, const struct object *o)
{
    const struct meta *m = &o->meta;
    if (!m->owner_kind.n) return str_fmt(a, "Pod/%.*s", STR_FMT(m->name));
    struct str hash = kvs_get(m->labels, S("pod-template-hash"));
    if (str_is(m->owner_kind, "ReplicaSet") && hash.n && str_ends(m->owner_name, hash) &&
        m->owner_name.n > hash.n + 1) {
        struct str name = str_sub(m->owner_name, 0, m->owner_name.n - hash.n - 1);
        return str_fmt(a, "Deployment/%.*s", STR_FMT(name));
    }
    return str_fmt(a, "%.*s/%.*s", STR_FMT(m->owner_kind), STR_FMT(m->owner_name));
}

/* NULL: nothing speaks against it. */
static const char *objection(struct cell *c, const struct object *o)
{
    const struct kube_pod *p = kube_pod_of(o);
    if (!mesh_has_namespace(c, o->meta.ns)) return "its namespace is not in the mesh";
    if (p->spec.host_network) return "it uses the host's network";
    if (!kvs_get(o->meta.labels, S(LABEL_PROXY_UUID)).n) {
        if (kvs_get(o->meta.annotations, S(ANNOTATION_INJECT)).n)
            return "it has no sidecar: see its annotation " ANNOTATION_INJECT;
        return "it has no sidecar: it was made without injection";
    }
    if (kube_pod_is_finished(p)) return "it has ended";
    return NULL;
}

static bool fits(struct cell *c, struct str service, struct kvs labels)
{
    const struct mesh_service *s = mesh_service(c, service);
    return s && s->has_selector && labels_match(s->selector, labels);
}

static struct strs services_of(struct cell *c, const struct object *o, struct arena *a)
{
    struct strs found = {0};
    for (size_t i = 0; i < o->meta.labels.n; i++) {
        struct kv l = o->meta.labels.v[i];
        struct str key = str_fmt(a, "%.*s/%.*s=%.*s", STR_FMT(o->meta.ns), STR_FMT(l.key), STR_FMT(l.value));
        struct strs candidates = store_index(c, INDEX_SERVICES_BY_SELECTOR, key);
        for (each(s, candidates)) {
            struct str ns, name;
            key_split(*s, &ns, &name);
            if (fits(c, *s, o->meta.labels)) list_push(a, &found, name);
        }
    }
    return strs_sort_unique(found);
}

static bool is_plain_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '/' || s.p[i] <= ' ' || s.p[i] == 0x7f) return false;
    return s.n > 0 && s.n <= 63;
}

static struct str generation_of(const struct object *o)
{
    struct str g = kvs_get(o->meta.annotations, S(ANNOTATION_SIDECAR_GENERATION));
    return is_plain_word(g) ? g : S("0");
}

static bool compute_pod(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_POD, key);
    if (!kube_pod_of(o)) return false;
    struct mesh_pod *out = value;
    struct str sa = kube_pod_service_account(kube_pod_of(o)), g = generation_of(o);
    const char *why_not = objection(c, o);
    *out = (struct mesh_pod){.ns = o->meta.ns, .name = o->meta.name, .uid = o->meta.uid, .owner = owner_of(a, o)};
    out->zone = kvs_get(o->meta.labels, S(LABEL_ZONE));
    out->account = key_of(a, out->ns, sa);
    out->spiffe_id = mesh_spiffe(c, a, out->account);
    out->in_mesh = !why_not;
    out->why = str_of(why_not ? why_not : "its namespace is in the mesh and it has a sidecar");
    if (why_not) return true;
    out->addresses = kube_pod_addresses(kube_pod_of(o), a);
    out->services = services_of(c, o, a);
    struct str names = str_join(a, out->services, S(","));
    struct str log = mesh_telemetry_of_labels(c, out->ns, o->meta.labels);
    out->workload = str_fmt(a, "%.*s/%.*s/%.*s%s%.*s", STR_FMT(out->account), STR_FMT(names), STR_FMT(g),
                            log.n ? "/" : "", STR_FMT(log));
    return true;
}
const struct cell_kind mesh_pod_cell = {"pod", &mesh_pod_table, compute_pod};

const struct mesh_pod *mesh_pod(struct cell *c, struct str key) { return sheet_read(c, &mesh_pod_cell, key); }

/* ---- workloads and accounts ------------------------------------------------------------------------------ */

bool workload_parse(struct arena *a, struct str key, struct workload *out)
{
    *out = (struct workload){0};
    struct str rest = key;
    out->ns = str_cut(&rest, '/');
    out->sa = str_cut(&rest, '/');
    struct str names = str_cut(&rest, '/');
    out->generation = str_cut(&rest, '/');
    out->telemetry = rest;
    if (!out->ns.n || !out->sa.n || !out->generation.n || (rest.p && !rest.n)) return false;
    out->account = str_sub(key, 0, out->ns.n + 1 + out->sa.n);
    while (names.n) list_push(a, &out->services, str_cut(&names, ','));
    return true;
}

static bool compute_account(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct strs found = {0};
    struct strs pods = store_index(c, INDEX_PODS_BY_ACCOUNT, key);
    for (each(k, pods)) {
        const struct mesh_pod *p = mesh_pod(c, *k);
        for (size_t i = 0; p && i < p->services.n; i++) list_push(a, &found, key_of(a, p->ns, p->services.v[i]));
    }
    ((struct mesh_account *)value)->services = strs_sort_unique(found);
    return pods.n > 0;
}
const struct cell_kind mesh_account_cell = {"account", &mesh_account_table, compute_account};

const struct mesh_account *mesh_account(struct cell *c, struct str account)
{
    return sheet_read(c, &mesh_account_cell, account);
}
