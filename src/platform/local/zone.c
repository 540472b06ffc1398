#include "platform/local/zone.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "kinds/endpoint_slice.h"

#define SUFFIX "cluster.local"

struct zone *zone_new(void)
{
    struct zone *z = xcalloc(1, sizeof *z);
    z->arena = arena_new();
    return z;
}

void zone_free(struct zone *z)
{
    if (!z) return;
    map_release(&z->names);
    arena_free(z->arena);
    free(z);
}

static struct dns_name *name_of(struct zone *z, struct str name)
{
    struct dns_name *n = map_get(&z->names, name);
    if (n) return n;
    n = arena_make(z->arena, struct dns_name);
    map_put(&z->names, name, n);
    return n;
}

static bool parse(struct str address, uint32_t *out)
{
    char text[INET_ADDRSTRLEN];
    snprintf(text, sizeof text, "%.*s", STR_FMT(str_sub(address, 0, INET_ADDRSTRLEN - 1)));
    return inet_pton(AF_INET, text, out) == 1;
}

static void add_address(struct zone *z, struct str name, struct str address)
{
    uint32_t binary;
    struct dns_name *n = name_of(z, name);
    if (!parse(address, &binary)) return;
    for (each(a, n->addresses))
        if (*a == binary) return;
    list_push(z->arena, &n->addresses, binary);
}

static void add_pointer(struct zone *z, struct str address, struct str name)
{
    uint32_t ip;
    if (!parse(address, &ip)) return;
    const unsigned char *b = (const unsigned char *)&ip;
    struct dns_name *n = name_of(z, str_fmt(z->arena, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]));
    if (!n->pointer.n) n->pointer = name;
}

static void add_srv(struct zone *z, struct str port_name, const char *protocol, struct str service, struct dns_srv srv)
{
    list_push(z->arena, &name_of(z, service)->services, srv);
    if (!port_name.n) return;
    struct str name =
        str_lower(z->arena, str_fmt(z->arena, "_%.*s._%s.%.*s", STR_FMT(port_name), protocol, STR_FMT(service)));
    list_push(z->arena, &name_of(z, name)->services, srv);
}

static struct str service_name(struct zone *z, struct str ns, struct str name)
{
    return str_fmt(z->arena, "%.*s.%.*s.svc." SUFFIX, STR_FMT(name), STR_FMT(ns));
}

void zone_add_service(struct zone *z, const struct meta *meta, const struct kube_service *service, struct str address)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    struct str name = service_name(z, meta->ns, meta->name);
    if (service->spec.type == KUBE_SERVICE_EXTERNAL_NAME)
        name_of(z, name)->alias = str_dup(z->arena, service->spec.external_name);
    if (!address.n) return;
    add_address(z, name, address);
    add_pointer(z, address, name);
    for (each(p, service->spec.ports))
        add_srv(z, p->name, protocols[p->protocol], name, (struct dns_srv){(uint16_t)p->port, name});
}

static void add_endpoint(struct zone *z, const json_t *slice, const json_t *endpoint, struct str service)
{
    struct str address = str_of(json_string_value(json_array_get(doc_at(endpoint, "addresses"), 0)));
    struct str host = doc_text(endpoint, "hostname");
    char *dashed = (char *)str_dup(z->arena, address).p;
    for (char *c = dashed; *c; c++)
        if (*c == '.' || *c == ':') *c = '-';
    struct str name = str_fmt(z->arena, "%.*s.%.*s", STR_FMT(host.n ? host : str_of(dashed)), STR_FMT(service));
    add_address(z, service, address);
    add_address(z, name, address);
    add_pointer(z, address, name);
    size_t i;
    json_t *p;
    json_array_foreach(doc_at(slice, "ports"), i, p)
    {
        struct str protocol = str_lower(z->arena, doc_text(p, "protocol"));
        add_srv(z, doc_text(p, "name"), protocol.n ? str_c(z->arena, protocol) : "tcp", service,
                (struct dns_srv){(uint16_t)doc_int(p, "port", 0), name});
    }
}

void zone_add_slice(struct zone *z, const json_t *slice, bool headless, bool publish_not_ready)
{
    struct str ns = doc_text(slice, "metadata.namespace");
    const json_t *label = json_object_get(doc_at(slice, "metadata.labels"), LABEL_SERVICE_NAME);
    struct str service = service_name(z, ns.n ? ns : S("default"), str_of(json_string_value(label)));
    size_t i;
    json_t *e;
    if (!headless) return;
    json_array_foreach(doc_at(slice, "endpoints"), i, e) if (publish_not_ready || doc_flag(e, "conditions.ready", true))
        add_endpoint(z, slice, e, service);
}

void zone_add_pod(struct zone *z, const json_t *pod)
{
    struct str address = doc_text(pod, "status.podIP"), ns = doc_text(pod, "metadata.namespace");
    char *dashed = (char *)str_dup(z->arena, address).p;
    for (char *c = dashed; *c; c++)
        if (*c == '.') *c = '-';
    add_address(z, str_fmt(z->arena, "%s.%.*s.pod." SUFFIX, dashed, STR_FMT(ns)), address);
}

const struct dns_name *zone_find(const struct zone *z, struct str name)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (str_ends(name, S("."))) name.n--;
    name = str_lower(a, name);
    if (str_ends(name, S(".svc.cluster"))) name = str_fmt(a, "%.*s.local", STR_FMT(name));
    return map_get(&z->names, name);
}

bool zone_owns(struct str name)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (str_ends(name, S("."))) name.n--;
    name = str_lower(a, name);
    return str_ends(name, S(SUFFIX)) || str_ends(name, S(".svc.cluster")) || str_ends(name, S(".10.in-addr.arpa"));
}
