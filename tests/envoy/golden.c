/* envoy_golden CASE: the resources of every proxy of a golden case, computed by the real cells, as JSON:
 *   {"<workload>": {"<cell> <key>": bundle, ...}, ...}
 * CASE is a folder with in.yaml. A workload's bundles are those of its view, as the controller would send them. */
#include <stdio.h>

#include "base/file.h"
#include "envoy/envoy.h"
#include "golden/world.h"

struct printer {
    struct sheet *sheet;
    struct buf *out;
    bool is_first;
};

static void settle(struct sheet *s)
{
    SCOPED_ARENA struct arena *a = arena_new();
    struct sheet_delta delta = {0};
    while (!sheet_run(s, 0, a, &delta)) {}
}

static void begin(struct printer *p, struct str name)
{
    if (!p->is_first) buf_c(p->out, ",\n");
    p->is_first = false;
    buf_json_str(p->out, name);
    buf_c(p->out, ": ");
}

static void bundle(struct printer *p, struct arena *a, const struct cell_kind *k, struct str key)
{
    sheet_observe(p->sheet, k, key);
    settle(p->sheet);
    const struct envoy_bundle *b = sheet_value(p->sheet, k, key);
    if (!b) return;
    begin(p, str_fmt(a, "%s %.*s", k->name, STR_FMT(key)));
    envoy_bundle_to_json(b, p->out);
}

static void part(struct printer *p, struct arena *a, struct str name)
{
    if (str_starts(name, S("base"))) {
        bundle(p, a, &envoy_base_cell, name.n > 5 ? str_sub(name, 5, name.n) : S(""));
    } else if (str_starts(name, S("in:"))) {
        bundle(p, a, &envoy_inbound_cell, str_sub(name, 3, name.n));
    } else {
        struct strs keys = sheet_set(p->sheet, name, a);
        bool ears = str_starts(name, S("ear:"));
        for (each(key, keys)) {
            if (str_starts(name, S("egress:"))) {
                bundle(p, a, &envoy_egress_cell, *key);
                continue;
            }
            bundle(p, a, ears ? &envoy_listeners_cell : &envoy_outbound_cell, *key);
            if (!ears) bundle(p, a, &envoy_endpoints_cell, *key);
        }
    }
}

static void workload(struct printer *p, struct arena *a, struct str key)
{
    const struct plan_view *view = sheet_value(p->sheet, &plan_view_cell, key);
    if (!view) return;
    struct strs parts = {0}, all = plan_view_parts(a, view);
    for (each(name, all)) list_push(a, &parts, str_dup(a, *name));
    begin(p, key);
    buf_c(p->out, "{\n");
    p->is_first = true;
    for (each(name, parts)) part(p, a, *name);
    p->is_first = false;
    buf_c(p->out, "}");
}

static bool print_case(const char *dir, struct buf *out, struct err *err)
{
    SCOPED_ARENA struct arena *a = arena_new();
    SCOPED_BUF struct buf yaml = {0};
    if (!file_read(str_fmt(a, "%s/in.yaml", dir).p, 8 << 20, &yaml, err)) return false;
    struct world *w = world_new();
    bool ok = world_load(w, buf_view(&yaml), NULL, err);
    if (ok) {
        world_settle(w);
        struct printer p = {.sheet = world_sheet(w), .out = out, .is_first = true};
        struct strs all = world_workloads(w, a);
        buf_c(out, "{\n");
        for (each(key, all)) workload(&p, a, *key);
        buf_c(out, "}\n");
    }
    world_free(w);
    return ok;
}

int main(int argc, char **argv)
{
    SCOPED_BUF struct buf out = {0};
    struct err err = {0};
    if (argc != 2 || !print_case(argv[1], &out, &err)) {
        fprintf(stderr, "envoy_golden: %s\n", argc == 2 ? err.text : "which case?");
        return 1;
    }
    fwrite(out.p, 1, out.n, stdout);
    return 0;
}
