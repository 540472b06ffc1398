#include <stdlib.h>

#include <stdatomic.h>

#include "xds/discovery.h"

static const char *const urls[XDS_TYPE_COUNT] = {
    [XDS_CLUSTER] = "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    [XDS_ENDPOINT] = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    [XDS_LISTENER] = "type.googleapis.com/envoy.config.listener.v3.Listener",
    [XDS_ROUTE] = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    [XDS_SECRET] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
};

const char *xds_type_url(enum xds_type t) { return urls[t]; }

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) n++;
    return n;
}

static size_t field_size(size_t n) { return 1 + varint_size(n) + n; }

/* Resource{1 version, 2 resource: Any{1 type_url, 2 value}, 3 name} as field 2 of the response, the value last. */
static void write_wire(struct buf *out, const struct xds_resource *r, struct str bytes)
{
    char version[33];
    hash128_hex(r->version, version);
    struct str url = str_of(xds_type_url(r->type));
    size_t any = field_size(url.n) + field_size(bytes.n);
    discovery_write_varint(out, 2 << 3 | 2);
    discovery_write_varint(out, field_size(32) + field_size(r->name.n) + field_size(any));
    discovery_write_field(out, 3, r->name);
    discovery_write_field(out, 1, str_make(version, 32));
    discovery_write_varint(out, 2 << 3 | 2);
    discovery_write_varint(out, any);
    discovery_write_field(out, 1, url);
    discovery_write_field(out, 2, bytes);
}

static struct str place(char **at, struct str s)
{
    struct str copy = {memcpy(*at, s.p ? s.p : "", s.n), s.n};
    *at += s.n;
    return copy;
}

struct xds_resource *xds_resource_new(enum xds_type type, struct str name, struct str bytes, struct str origin,
                                      struct strs clusters)
{
    struct buf wire SCOPED_BUF = {0};
    struct xds_resource head = {.type = type, .name = name, .version = hash128_of(bytes.p, bytes.n)};
    write_wire(&wire, &head, bytes);
    size_t names = 0;
    for (size_t i = 0; i < clusters.n; i++) names += clusters.v[i].n;
    size_t lists = sizeof(struct xds_resource) + clusters.n * sizeof(struct str);
    struct xds_resource *r = xmalloc(lists + name.n + wire.n + origin.n + names);
    char *at = (char *)r + lists;
    *r = (struct xds_resource){
        .type = type, .version = head.version, .clusters = (struct str *)(r + 1), .n_clusters = clusters.n, .refs = 1};
    r->name = place(&at, name);
    r->wire = place(&at, buf_view(&wire));
    r->bytes = str_sub(r->wire, wire.n - bytes.n, wire.n);
    r->origin = place(&at, origin);
    for (size_t i = 0; i < clusters.n; i++) r->clusters[i] = place(&at, clusters.v[i]);
    return r;
}

struct xds_resource *xds_resource_ref(struct xds_resource *r)
{
    if (r) atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void xds_resource_unref(struct xds_resource *r)
{
    if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1) free(r);
}
