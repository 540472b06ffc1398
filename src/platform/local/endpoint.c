#include "platform/local/endpoint.h"

#include "base/hash.h"
#include "base/map.h"
#include "kinds/endpoint_slice.h"

enum { SERVICE_HOSTS = 1 << 20 }; /* 10.96.0.0/12 */

static bool selects(struct kvs selector, const json_t *pod)
{
    const json_t *labels = doc_at(pod, "metadata.labels");
    for (each(kv, selector))
        if (!str_eq(str_of(json_string_value(json_object_getn(labels, kv->key.p, kv->key.n))), kv->value)) return false;
    return selector.n > 0;
}

/* 0: the pod has no such port. */
static int64_t port_in(const json_t *pod, struct int_or_str target)
{
    size_t i, k;
    json_t *c, *p;
    if (!target.s.n) return target.i;
    json_array_foreach(doc_at(pod, "spec.containers"), i, c) json_array_foreach(
        doc_at(c, "ports"), k, p) if (str_eq(doc_text(p, "name"), target.s)) return doc_int(p, "containerPort", 0);
    return 0;
}

static json_t *ports_in(const struct kube_service *service, const json_t *pod)
{
    static const char *const protocols[] = {"TCP", "UDP", "SCTP"};
    json_t *ports = json_array();
    for (each(p, service->spec.ports)) {
        int64_t number = port_in(pod, kube_service_target_port(p));
        if (!number) continue;
        json_t *port = json_pack("{s:o, s:I, s:s}", "name", doc_str(p->name), "port", (json_int_t)number, "protocol",
                                 protocols[p->protocol]);
        if (p->app_protocol.n) json_object_set_new(port, "appProtocol", doc_str(p->app_protocol));
        json_array_append_new(ports, port);
    }
    return ports;
}

static json_t *endpoint_of(const struct meta *meta, const struct kube_service *service, const struct endpoint_pod *p)
{
    struct str host = doc_text(p->doc, "spec.hostname"), sub = doc_text(p->doc, "spec.subdomain");
    bool ready = (p->ready && !p->deleting) || service->spec.publish_not_ready;
    json_t *e = json_pack("{s:[s], s:{s:b, s:b, s:b}, s:s, s:{s:s, s:o, s:o, s:o}}", "addresses",
                          doc_cstr(p->doc, "status.podIP"), "conditions", "ready", ready, "serving",
                          p->ready || service->spec.publish_not_ready, "terminating", p->deleting, "nodeName", "local",
                          "targetRef", "kind", "Pod", "namespace", doc_str(meta->ns), "name",
                          doc_str(doc_text(p->doc, "metadata.name")), "uid", doc_str(doc_text(p->doc, "metadata.uid")));
    if (host.n && str_eq(sub, meta->name)) json_object_set_new(e, "hostname", doc_str(host));
    return e;
}

static json_t *slice_for(const struct meta *meta, json_t *ports, struct docs *out, struct arena *a)
{
    for (each(d, *out))
        if (json_equal(doc_at(*d, "ports"), ports)) return json_decref(ports), *d;
    struct str text = doc_line(a, ports);
    char hex[33];
    hash128_hex(hash128_of(text.p, text.n), hex);
    json_t *slice =
        json_pack("{s:s, s:s, s:{s:o, s:o, s:{s:o}}, s:s, s:[], s:o}", "apiVersion", "discovery.k8s.io/v1", "kind",
                  "EndpointSlice", "metadata", "name", doc_str(str_fmt(a, "%.*s-%.5s", STR_FMT(meta->name), hex)),
                  "namespace", doc_str(meta->ns), "labels", LABEL_SERVICE_NAME, doc_str(meta->name), "addressType",
                  "IPv4", "endpoints", "ports", ports);
    list_push(a, out, slice);
    return slice;
}

struct docs endpoint_slices(const struct meta *meta, const struct kube_service *service, struct endpoint_pods pods,
                            struct arena *a)
{
    struct docs out = {0};
    for (each(p, pods)) {
        if (p->finished || !str_eq(doc_text(p->doc, "metadata.namespace"), meta->ns) ||
            !selects(service->spec.selector, p->doc))
            continue;
        json_t *ports = ports_in(service, p->doc);
        json_t *slice = slice_for(meta, ports, &out, a);
        json_array_append_new(doc_at(slice, "endpoints"), endpoint_of(meta, service, p));
    }
    return out;
}

struct str endpoint_cluster_ip(struct str key, struct map *used, struct arena *a)
{
    uint64_t host = hash128_of(key.p, key.n).lo;
    for (int i = 0; i < SERVICE_HOSTS; i++, host++) {
        unsigned h = 1 + (unsigned)(host % (SERVICE_HOSTS - 2));
        struct str ip = str_fmt(a, "10.%u.%u.%u", 96 + (h >> 16), h >> 8 & 255, h & 255);
        if (map_get(used, ip)) continue;
        map_put(used, ip, (void *)key.p);
        return ip;
    }
    return STR_NULL;
}
