/* golden_runner: every folder of tests/golden that has an in.yaml is a case; its name is a sentence. The plans of all
 * its workloads are compared with plan.txt, and what Envoy is told with xds.json. `golden_runner DIR [PART OF A NAME]`
 * tests, `golden_runner --refresh DIR [PART]` rewrites. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "envoy/envoy.h"
#include "golden/world.h"

enum { MAX_FILE = 8 << 20 };

struct made {
    struct buf plan, xds;
};

/* ---- what Envoy is told ---------------------------------------------------------------------------------- */

static void settle(struct world *w)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct sheet_delta d = {0};
    if (!sheet_run(world_sheet(w), 0, a, &d)) abort();
}

/* The access log is the longest part of a listener and the same in all of them: its hash stands for it. */
static void shorten(json_t *j)
{
    const char *key;
    json_t *v;
    size_t i;
    void *next;
    json_array_foreach(j, i, v) shorten(v);
    json_object_foreach_safe(j, next, key, v)
    {
        if (strcmp(key, "access_log") != 0) {
            shorten(v);
            continue;
        }
        char *text = json_dumps(v, JSON_COMPACT), brief[64];
        struct hash128 h = hash128_of(text, strlen(text));
        snprintf(brief, sizeof brief, "%zu, %016llx", json_array_size(v), (unsigned long long)h.hi);
        json_object_set_new(j, key, json_string(brief));
        free(text);
    }
}

/* One resource a line: a difference shows which. */
static void write_bundle(const struct envoy_bundle *b, struct buf *out)
{
    struct buf full SCOPED_BUF = {0};
    envoy_bundle_to_json(b, &full);
    json_t *j = json_loadb(full.p, full.n, 0, NULL), *list, *item;
    const char *kind, *comma = "";
    size_t i;
    if (!j) abort();
    shorten(j);
    buf_c(out, "{");
    json_object_foreach(j, kind, list)
    {
        buf_fmt(out, "%s\n  \"%s\": [", comma, kind);
        json_array_foreach(list, i, item)
        {
            char *text = json_dumps(item, JSON_COMPACT);
            buf_fmt(out, "%s\n    %s", i ? "," : "", text);
            free(text);
        }
        buf_c(out, "]");
        comma = ",";
    }
    buf_c(out, "}");
    json_decref(j);
}

static const struct envoy_bundle *compute(struct world *w, const struct cell_kind *k, struct str key)
{
    sheet_observe(world_sheet(w), k, key);
    settle(w);
    return sheet_value(world_sheet(w), k, key);
}

static void add(const char *title, struct str key, const struct envoy_bundle *b, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (!b) return;
    buf_c(out, out->n ? ",\n" : "{\n");
    buf_json_str(out, str_fmt(a, "%s %.*s", title, STR_FMT(key)));
    buf_c(out, ": ");
    write_bundle(b, out);
}

static void add_bundle(struct world *w, const struct cell_kind *k, struct str key, struct buf *out)
{
    add(k->name, key, compute(w, k, key), out);
}

/* A Service's clusters, routes and, as most proxies have them, listeners. */
static void add_outbound(struct world *w, struct str key, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct cell_kind *const kinds[] = {&envoy_outbound_cell, &envoy_listeners_cell};
    struct envoy_bundle all = {0};
    for (size_t i = 0; i < 2; i++) {
        struct envoy_bundle b = {0};
        const struct envoy_bundle *v = compute(w, kinds[i], key);
        if (!v) return;
        table_copy(&envoy_bundle_table, v, a, &b);
        for (each(r, b.resources)) list_push(a, &all.resources, *r);
    }
    add("envoy.outbound", key, &all, out);
}

/* What every proxy has is the same in almost all cases: it is written where it differs from an empty mesh's. */
static void add_base(struct world *w, struct buf *out)
{
    struct buf mine SCOPED_BUF = {0}, empty SCOPED_BUF = {0};
    struct world *none = world_new();
    world_settle(none);
    add_bundle(none, &envoy_base_cell, STR_NULL, &empty);
    add_bundle(w, &envoy_base_cell, STR_NULL, &mine);
    if (!str_eq(buf_view(&mine), buf_view(&empty))) buf_str(out, buf_view(&mine));
    world_free(none);
}

/* What differs for proxies that another Telemetry rules than the mesh's. */
static void add_variants(struct world *w, struct strs parts, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs logs = world_logs(w, a);
    for (each(log, logs)) {
        if (!log->n) continue;
        add_bundle(w, &envoy_base_cell, *log, out);
        for (each(p, parts)) {
            struct strs members =
                sheet_set(world_sheet(w), str_fmt(a, "ear:%.*s|%.*s", STR_FMT(str_sub(*p, 4, p->n)), STR_FMT(*log)), a);
            for (each(m, members)) add_bundle(w, &envoy_listeners_cell, *m, out);
        }
    }
}

static void make_xds(struct world *w, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs workloads = world_workloads(w, a), parts = world_parts(w, a), keys = {0}, egress = {0};
    for (each(p, parts)) {
        struct strs members = sheet_set(world_sheet(w), *p, a);
        for (each(m, members)) list_push(a, str_starts(*p, S("egress:")) ? &egress : &keys, *m);
    }
    keys = strs_sort_unique(keys);
    egress = strs_sort_unique(egress);
    add_base(w, out);
    for (each(k, workloads)) add_bundle(w, &envoy_inbound_cell, *k, out);
    for (each(k, egress)) add_bundle(w, &envoy_egress_cell, *k, out);
    for (each(k, keys)) {
        add_outbound(w, *k, out);
        add_bundle(w, &envoy_endpoints_cell, *k, out);
    }
    add_variants(w, parts, out);
    buf_c(out, out->n ? "\n}\n" : "{}\n");
}

static bool make(struct str yaml, struct made *out, struct err *err)
{
    struct world *w = world_new();
    bool ok = world_load(w, yaml, &out->plan, err);
    if (ok) {
        world_settle(w);
        world_dump(w, &out->plan);
        make_xds(w, &out->xds);
    }
    world_free(w);
    return ok;
}

static void made_release(struct made *m)
{
    buf_free(&m->plan);
    buf_free(&m->xds);
}

/* ---- comparing ------------------------------------------------------------------------------------------- */

/* Shows the first line that differs. */
static void show_difference(struct str want, struct str got)
{
    for (int line = 1; want.p || got.p; line++) {
        struct str x = want.p ? str_cut(&want, '\n') : STR_NULL, y = got.p ? str_cut(&got, '\n') : STR_NULL;
        if (str_eq(x, y)) continue;
        printf("  line %d\n  - %.*s\n  + %.*s\n", line, STR_FMT(x), STR_FMT(y));
        return;
    }
}

static bool compare(const char *path, struct str got, bool refresh, struct err *err)
{
    struct buf want SCOPED_BUF = {0};
    bool is_there = access(path, F_OK) == 0;
    if (is_there && !file_read(path, MAX_FILE, &want, err)) return false;
    if (is_there && str_eq(buf_view(&want), got)) return true;
    if (refresh) return file_write_atomic(path, got, 0644, err);
    err_set(err, "%s is not what the mesh makes of in.yaml; if it should be: golden_runner --refresh tests/golden",
            path);
    show_difference(buf_view(&want), got);
    return false;
}

static bool run_case(const char *dir, bool refresh, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf in SCOPED_BUF = {0};
    struct made first __attribute__((cleanup(made_release))) = {0}, second __attribute__((cleanup(made_release))) = {0};
    if (!file_read(str_fmt(a, "%s/in.yaml", dir).p, MAX_FILE, &in, err)) return false;
    if (!make(buf_view(&in), &first, err) || !make(buf_view(&in), &second, err)) return false;
    if (!str_eq(buf_view(&first.plan), buf_view(&second.plan)) || !str_eq(buf_view(&first.xds), buf_view(&second.xds)))
        return err_set(err, "%s: two runs gave two results", dir);
    return compare(str_fmt(a, "%s/plan.txt", dir).p, buf_view(&first.plan), refresh, err) &&
           compare(str_fmt(a, "%s/xds.json", dir).p, buf_view(&first.xds), refresh, err);
}

static int is_case(const struct dirent *d) { return d->d_name[0] != '.' && d->d_type == DT_DIR; }

int main(int argc, char **argv)
{
    bool refresh = argc > 1 && strcmp(argv[1], "--refresh") == 0;
    const char *root = argc > 1 + refresh ? argv[1 + refresh] : ".",
               *only = argc > 2 + refresh ? argv[2 + refresh] : "";
    struct dirent **names;
    int n = scandir(root, &names, is_case, alphasort), failed = 0, ran = 0;
    for (int i = 0; i < n; i++) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct err err = {0};
        const char *dir = str_fmt(a, "%s/%s", root, names[i]->d_name).p;
        bool has_case = access(str_fmt(a, "%s/in.yaml", dir).p, F_OK) == 0 && strstr(dir, only);
        if (has_case && ++ran && !run_case(dir, refresh, &err)) {
            printf("FAILED %s: %s\n", names[i]->d_name, err.text);
            failed++;
        }
        free(names[i]);
    }
    if (n >= 0) free(names);
    printf("%d cases, %d failed\n", ran, failed);
    return failed || ran == 0;
}
