#include "store/index.h"

#include "base/names.h"
#include "kinds/egress.h"
#include "kinds/endpoint_slice.h"
#include "kinds/ingress_backend.h"
#include "kinds/pod.h"
#include "kinds/retry.h"
#include "kinds/service.h"
#include "kinds/traffic_split.h"
#include "kinds/traffic_target.h"
#include "kinds/upstream_traffic_setting.h"

struct terms {
    const struct object *o;
    struct arena *a;
    LIST(struct index_term) l;
};

static void add(struct terms *t, enum store_index i, struct str key)
{
    list_push(t->a, &t->l, ((struct index_term){i, key}));
}

static struct str in_ns(struct terms *t, struct str name) { return key_of(t->a, t->o->meta.ns, name); }

static void service_terms(struct terms *t, const struct kube_service *s)
{
    struct strs addresses = kube_service_addresses(s);
    for (size_t i = 0; i < addresses.n; i++) add(t, INDEX_SERVICES_BY_ADDRESS, addresses.v[i]);
    if (!s->spec.selector.n) return;
    struct kv first = s->spec.selector.v[0];
    struct str pair = str_fmt(t->a, "%.*s=%.*s", STR_FMT(first.key), STR_FMT(first.value));
    add(t, INDEX_SERVICES_BY_SELECTOR, in_ns(t, pair));
}

static void slice_terms(struct terms *t)
{
    struct str service = kvs_get(t->o->meta.labels, S(LABEL_SERVICE_NAME));
    if (service.n) add(t, INDEX_SLICES_BY_SERVICE, in_ns(t, service));
}

static void subject_term(struct terms *t, enum store_index i, const struct subject *s)
{
    if (!str_is(s->kind, "ServiceAccount")) return;
    add(t, i, key_of(t->a, s->ns.n ? s->ns : t->o->meta.ns, s->name));
}

static void target_terms(struct terms *t, const struct traffic_target *tt)
{
    subject_term(t, INDEX_TARGETS_BY_DESTINATION, &tt->spec.destination);
    for (each(s, tt->spec.sources)) subject_term(t, INDEX_TARGETS_BY_SOURCE, s);
}

static void egress_terms(struct terms *t, const struct egress *e)
{
    for (each(s, e->spec.sources)) subject_term(t, INDEX_EGRESSES_BY_SOURCE, s);
}

static struct str short_name(struct str service) { return str_cut(&service, '.'); }

static void split_terms(struct terms *t, const struct traffic_split *s)
{
    add(t, INDEX_SPLITS_BY_NAMESPACE, t->o->meta.ns);
    add(t, INDEX_SPLITS_BY_SERVICE, in_ns(t, short_name(s->spec.service)));
    for (each(b, s->spec.backends)) add(t, INDEX_SPLITS_BY_SERVICE, in_ns(t, short_name(b->service)));
}

static void upstream_terms(struct terms *t, const struct upstream_traffic_setting *u)
{
    struct str name, ns;
    if (upstream_host_is_service(u->spec.host, &name, &ns) && str_eq(ns, t->o->meta.ns))
        add(t, INDEX_UPSTREAMS_BY_SERVICE, in_ns(t, name));
}

static void ingress_terms(struct terms *t, const struct ingress_backend *i)
{
    for (each(b, i->spec.backends)) add(t, INDEX_INGRESS_BY_BACKEND, in_ns(t, b->name));
}

static int by_index_and_key(const void *a, const void *b)
{
    const struct index_term *x = a, *y = b;
    return x->index != y->index ? (int)x->index - (int)y->index : str_cmp(x->key, y->key);
}

static struct index_terms sort_unique(struct terms *t)
{
    struct index_terms out = {t->l.v, 0};
    list_sort(&t->l, by_index_and_key);
    for (size_t i = 0; i < t->l.n; i++)
        if (!i || by_index_and_key(&t->l.v[i - 1], &t->l.v[i]) != 0) out.v[out.n++] = t->l.v[i];
    return out;
}

bool index_all_allowed(enum kind k)
{
    return k == KIND_MESH_CONFIG || k == KIND_TRAFFIC_SPLIT || k == KIND_NAMESPACE || k == KIND_TELEMETRY;
}

struct index_terms index_terms_of(const struct object *o, struct arena *a)
{
    struct terms t = {.o = o, .a = a};
    struct str kind = str_of(kind_info(o->kind)->name);
    if (index_all_allowed(o->kind)) add(&t, INDEX_ALL, kind);
    if (!(kind_info(o->kind)->flags & KIND_CLUSTER_SCOPED)) add(&t, INDEX_BY_NAMESPACE, key_of(a, kind, o->meta.ns));
    switch (o->kind) {
    case KIND_SERVICE:
        service_terms(&t, kube_service_of(o));
        break;
    case KIND_ENDPOINT_SLICE:
        slice_terms(&t);
        break;
    case KIND_TRAFFIC_TARGET:
        target_terms(&t, traffic_target_of(o));
        break;
    case KIND_TRAFFIC_SPLIT:
        split_terms(&t, traffic_split_of(o));
        break;
    case KIND_UPSTREAM_TRAFFIC_SETTING:
        upstream_terms(&t, upstream_traffic_setting_of(o));
        break;
    case KIND_INGRESS_BACKEND:
        ingress_terms(&t, ingress_backend_of(o));
        break;
    case KIND_EGRESS:
        egress_terms(&t, egress_of(o));
        break;
    case KIND_RETRY:
        subject_term(&t, INDEX_RETRIES_BY_SOURCE, &retry_of(o)->spec.source);
        break;
    case KIND_POD:
        add(&t, INDEX_PODS_BY_ACCOUNT, in_ns(&t, kube_pod_service_account(kube_pod_of(o))));
        break;
    default:
        break;
    }
    return sort_unique(&t);
}
