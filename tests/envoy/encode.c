/* Plan in, Envoy resources out, for the tests of this directory:
 *   envoy_encode outbound|endpoints|inbound|egress|base [HOP] < plan.json   the bundle as JSON; HOP: a plan_hop as JSON
 *   envoy_encode bootstrap < bootstrap.json                    Envoy's bootstrap
 * The plan is written as its field tables read it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/node.h"
#include "envoy/bootstrap.h"
#include "envoy/envoy.h"

typedef void encode_fn(struct arena *a, const void *plan, struct buf *out);

static struct plan_hop hop;

static void outbound(struct arena *a, const void *plan, struct buf *out)
{
    struct envoy_bundle b = {0};
    envoy_encode_listeners(a, plan, &hop, &b);
    envoy_encode_outbound(a, plan, &b);
    envoy_bundle_to_json(&b, out);
}

static void endpoints(struct arena *a, const void *plan, struct buf *out)
{
    struct envoy_bundle b = {0};
    envoy_encode_endpoints(a, plan, &b);
    envoy_bundle_to_json(&b, out);
}

static void inbound(struct arena *a, const void *plan, struct buf *out)
{
    struct envoy_bundle b = {0};
    envoy_encode_inbound(a, plan, &hop, &b);
    envoy_bundle_to_json(&b, out);
}

static void base(struct arena *a, const void *plan, struct buf *out)
{
    struct envoy_bundle b = {0};
    envoy_encode_base(a, plan, &hop, &b);
    envoy_bundle_to_json(&b, out);
}

static void egress(struct arena *a, const void *plan, struct buf *out)
{
    struct envoy_bundle b = {0};
    envoy_encode_egress(a, plan, &hop, &b);
    envoy_bundle_to_json(&b, out);
}

static void bootstrap(struct arena *a, const void *v, struct buf *out)
{
    (void)a;
    envoy_bootstrap_json(v, out);
}

#define ROW(m, t) FIELD(struct envoy_bootstrap, m, #m, t)
static const struct field bootstrap_fields[] = {
    ROW(node_id, F_STR),
    ROW(pod, F_STR),
    ROW(namespace, F_STR),
    ROW(kind, F_STR),
    ROW(zone, F_STR),
    ROW(name, F_STR),
    ROW(controller_address, F_STR),
    ROW(controller_port, F_INT),
    ROW(controller_dns, F_STR),
    ROW(certificate_file, F_STR),
    ROW(bundle_file, F_STR),
    ROW(admin_socket, F_STR),
    ROW(mark, F_INT),
    ROW(max_heap_bytes, F_INT),
    ROW(max_connections, F_INT),
};
static const struct table bootstrap_table = TABLE("Bootstrap", struct envoy_bootstrap, bootstrap_fields);

static const struct {
    const char *name;
    const struct table *table;
    encode_fn *encode;
} kinds[] = {
    {"outbound", &plan_outbound_table, outbound}, {"endpoints", &plan_endpoints_table, endpoints},
    {"inbound", &plan_inbound_table, inbound},    {"base", &plan_base_table, base},
    {"egress", &plan_egress_table, egress},       {"bootstrap", &bootstrap_table, bootstrap},
};

static int fail(const char *what)
{
    fprintf(stderr, "envoy_encode: %s\n", what);
    return 1;
}

static void read_all(FILE *f, struct buf *b)
{
    for (size_t n; (n = fread(buf_reserve(b, 65536), 1, 65536, f)) > 0;) buf_commit(b, n);
}

static int decode(struct arena *a, const struct table *t, struct str text, void *out)
{
    struct err err = {0};
    struct problems probs = {0};
    const struct node *n = node_parse_json(a, text, &node_limits_default, &err);
    if (!n) return fail(err.text);
    if (table_decode(t, n, S(""), a, out, &probs)) return 0;
    for (each(p, probs)) fprintf(stderr, "%.*s: %.*s\n", STR_FMT(p->path), STR_FMT(p->text));
    return fail("not a plan");
}

static int run(struct arena *a, size_t kind, struct str text)
{
    SCOPED_BUF struct buf out = {0};
    void *plan = arena_alloc(a, kinds[kind].table->size);
    if (decode(a, kinds[kind].table, text, plan)) return 1;
    kinds[kind].encode(a, plan, &out);
    fwrite(out.p, 1, out.n, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    SCOPED_ARENA struct arena *a = arena_new();
    SCOPED_BUF struct buf in = {0};
    read_all(stdin, &in);
    if (argc > 2 && decode(a, &plan_hop_table, str_of(argv[2]), &hop)) return 1;
    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(argv[1], kinds[i].name)) return run(a, i, buf_view(&in));
    return fail("outbound, endpoints, inbound, egress, base or bootstrap");
}
