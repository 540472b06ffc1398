/* Every directory of tests/golden-inject is a case; its name is the sentence it shows. in.yaml has a Pod, its
 * Namespace and, where the defaults do not do, Settings. What comes out is either decision.txt, or patch.json with
 * out.yaml. OSM_REFRESH=1 writes these instead of comparing. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/node.h"
#include "inject/inject.h"

struct golden {
    struct arena *a;
    json_t *pod, *ns, *settings;
    struct inject_input in;
    struct inject_settings set;
};

static bool refreshing(void) { return getenv("OSM_REFRESH") != NULL; }

static struct str case_path(struct arena *a, const char *name, const char *file)
{
    const char *source = getenv("OSM_SOURCE");
    return str_fmt(a, "%s/tests/golden-inject/%s%s%s", source ? source : ".", name, *file ? "/" : "", file);
}

static struct str read_text(struct arena *a, struct str path)
{
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    if (!file_read(str_c(a, path), 1 << 20, &b, &err)) return STR_NULL;
    return str_dup(a, buf_view(&b));
}

static void put_json(void *json) { json_decref(json); }

static json_t *keep(struct arena *a, json_t *j)
{
    if (j) arena_on_free(a, put_json, j);
    return j;
}

/* --- YAML of a JSON value, keys in byte order, for out.yaml --- */
static void emit_scalar(yaml_emitter_t *e, const char *text, bool quoted)
{
    yaml_event_t ev;
    yaml_scalar_event_initialize(&ev, NULL, NULL, (yaml_char_t *)text, (int)strlen(text), 1, 1,
                                 quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
    assert_true(yaml_emitter_emit(e, &ev));
}

static int by_name(const void *x, const void *y) { return strcmp(*(const char *const *)x, *(const char *const *)y); }

static void emit(yaml_emitter_t *e, const json_t *j);
static void emit_map(yaml_emitter_t *e, const json_t *j)
{
    const char *keys[64], *key;
    json_t *v;
    size_t n = 0;
    json_object_foreach((json_t *)j, key, v)
    {
        assert_true(n < 64);
        keys[n++] = key;
    }
    qsort(keys, n, sizeof *keys, by_name);
    yaml_event_t ev;
    yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    assert_true(yaml_emitter_emit(e, &ev));
    for (size_t i = 0; i < n; i++) {
        emit_scalar(e, keys[i], false);
        emit(e, json_object_get(j, keys[i]));
    }
    yaml_mapping_end_event_initialize(&ev);
    assert_true(yaml_emitter_emit(e, &ev));
}

static void emit(yaml_emitter_t *e, const json_t *j)
{
    yaml_event_t ev;
    size_t i;
    json_t *v;
    if (json_is_object(j)) {
        emit_map(e, j);
    } else if (json_is_array(j)) {
        yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
        assert_true(yaml_emitter_emit(e, &ev));
        json_array_foreach(j, i, v) emit(e, v);
        yaml_sequence_end_event_initialize(&ev);
        assert_true(yaml_emitter_emit(e, &ev));
    } else if (json_is_string(j)) {
        emit_scalar(e, json_string_value(j), true);
    } else {
        char *text = json_dumps(j, JSON_ENCODE_ANY);
        emit_scalar(e, text, false);
        free(text);
    }
}

static int take_bytes(void *to, unsigned char *bytes, size_t n)
{
    buf_add(to, bytes, n);
    return 1;
}

static struct str yaml_of(struct arena *a, const json_t *j)
{
    struct buf b SCOPED_BUF = {0};
    yaml_emitter_t e;
    yaml_event_t ev;
    yaml_emitter_initialize(&e);
    yaml_emitter_set_output(&e, take_bytes, &b);
    yaml_emitter_set_width(&e, -1);
    yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING);
    yaml_emitter_emit(&e, &ev);
    yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1);
    yaml_emitter_emit(&e, &ev);
    emit(&e, j);
    yaml_document_end_event_initialize(&ev, 1);
    yaml_emitter_emit(&e, &ev);
    yaml_stream_end_event_initialize(&ev);
    yaml_emitter_emit(&e, &ev);
    yaml_emitter_delete(&e);
    return str_dup(a, buf_view(&b));
}

/* --- reading a case --- */
static struct str text_of(const json_t *j, const char *key, struct str otherwise)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s ? str_of(s) : otherwise;
}

static int by_key(const void *x, const void *y)
{
    return str_cmp(((const struct kv *)x)->key, ((const struct kv *)y)->key);
}

static struct kvs kvs_of(struct arena *a, const json_t *j)
{
    struct kvs out = {arena_array(a, struct kv, json_object_size(j) + 1), 0};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)j, key, v) out.v[out.n++] = (struct kv){str_of(key), str_of(json_string_value(v))};
    list_sort(&out, by_key);
    return out;
}

static struct strs strs_of(struct arena *a, const json_t *j)
{
    struct strs out = {arena_array(a, struct str, json_array_size(j) + 1), json_array_size(j)};
    for (size_t i = 0; i < out.n; i++) out.v[i] = str_of(json_string_value(json_array_get(j, i)));
    return out;
}

static struct ints ints_of(struct arena *a, const json_t *j)
{
    struct ints out = {arena_array(a, int64_t, json_array_size(j) + 1), json_array_size(j)};
    for (size_t i = 0; i < out.n; i++) out.v[i] = json_integer_value(json_array_get(j, i));
    return out;
}

static void settings_of(struct golden *g)
{
    const json_t *s = g->settings;
    g->set = (struct inject_settings){
        .image = text_of(s, "image", S("osm:test")),
        .init_image = text_of(s, "initImage", STR_NULL),
        .controller = text_of(s, "controller", S("osm-controller.osm-system.svc:15128")),
        .log_level = text_of(s, "logLevel", STR_NULL),
        .drain = text_of(s, "drain", STR_NULL),
        .generation = text_of(s, "generation", S("1")),
        .local_proxy_mode = text_of(s, "localProxyMode", STR_NULL),
        .is_classic = json_is_true(json_object_get(s, "classic")),
        .privileged_init = json_is_true(json_object_get(s, "privilegedInit")),
        .resources = json_object_get(s, "resources"),
        .outbound_ports = ints_of(g->a, json_object_get(s, "outboundPorts")),
        .inbound_ports = ints_of(g->a, json_object_get(s, "inboundPorts")),
        .outbound_ranges = strs_of(g->a, json_object_get(s, "outboundRanges")),
        .outbound_include_ranges = strs_of(g->a, json_object_get(s, "outboundIncludeRanges")),
        .interfaces = strs_of(g->a, json_object_get(s, "interfaces")),
    };
}

static void golden_read(struct golden *g, const char *name)
{
    struct err err = {0};
    struct nodes docs = {0};
    struct str text = read_text(g->a, case_path(g->a, name, "in.yaml"));
    if (!node_parse(g->a, text, "in.yaml", &node_limits_default, &docs, &err)) fail_msg("%s: %s", name, err.text);
    for (size_t i = 0; i < docs.n; i++) {
        json_t *j = keep(g->a, node_to_json(docs.v[i]));
        struct str kind = text_of(j, "kind", STR_NULL);
        *(str_is(kind, "Pod") ? &g->pod : str_is(kind, "Namespace") ? &g->ns : &g->settings) = j;
    }
    if (!g->pod) fail_msg("%s: in.yaml has no Pod", name);
    const json_t *meta = json_object_get(g->ns, "metadata");
    g->in = (struct inject_input){
        .pod = g->pod,
        .ns = text_of(meta, "name", S("shop")),
        .ns_known = g->ns != NULL,
        .ns_labels = kvs_of(g->a, json_object_get(meta, "labels")),
        .ns_annotations = kvs_of(g->a, json_object_get(meta, "annotations")),
        .uuid = S("00000000-1111-4222-8333-444444444444"),
    };
    settings_of(g);
}

/* --- checks --- */
static void expect_text(struct golden *g, const char *name, const char *file, struct str got)
{
    struct err err = {0};
    struct str path = case_path(g->a, name, file);
    if (refreshing()) {
        if (!file_write_atomic(str_c(g->a, path), got, 0644, &err)) fail_msg("%s", err.text);
        return;
    }
    struct str want = read_text(g->a, path);
    if (!str_eq(want, got)) fail_msg("%s/%s: want\n%.*s\ngot\n%.*s", name, file, STR_FMT(want), STR_FMT(got));
}

static bool is_probe(const char *key)
{
    return strcmp(key, "livenessProbe") == 0 || strcmp(key, "readinessProbe") == 0 ||
           strcmp(key, "startupProbe") == 0 || strcmp(key, "lifecycle") == 0;
}

/* All of |part| is in |whole|, in the same order in lists; handlers of probes and hooks and our annotations may differ.
 */
static bool contains(const json_t *whole, const json_t *part)
{
    if (json_is_object(part)) {
        const char *key;
        json_t *v;
        json_object_foreach((json_t *)part, key, v)
        {
            const json_t *w = json_object_get(whole, key);
            if (!w || (!is_probe(key) && strncmp(key, "prometheus.io/", 14) != 0 && !contains(w, v))) return false;
        }
        return true;
    }
    if (!json_is_array(part)) return json_equal((json_t *)whole, (json_t *)part);
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(part); i++, at++) {
        while (at < json_array_size(whole) && !contains(json_array_get(whole, at), json_array_get(part, i))) at++;
        if (at >= json_array_size(whole)) return false;
    }
    return true;
}

static void check_applied(struct golden *g, const char *name, const json_t *patch)
{
    struct err err = {0};
    json_t *out = keep(g->a, json_deep_copy(g->pod)), *again = NULL;
    if (!patch_apply(out, patch, &err)) fail_msg("%s: %s", name, err.text);
    expect_text(g, name, "out.yaml", yaml_of(g->a, out));
    if (!contains(out, g->pod)) fail_msg("%s: something of the pod was lost", name);

    g->in.pod = out;
    struct inject_decision d = inject_decide(&g->in, g->a);
    if (d.action != INJECT_YES) fail_msg("%s: the second time: %.*s", name, STR_FMT(d.reason));
    if (!inject_patch(&g->in, &g->set, g->a, &again, &err)) fail_msg("%s: the second time: %s", name, err.text);
    if (json_array_size(keep(g->a, again))) fail_msg("%s: the second time the patch is not empty", name);
}

static void run_case(const char *name)
{
    struct golden g = {.a = arena_new()};
    struct err err = {0};
    json_t *patch = NULL;
    golden_read(&g, name);
    struct inject_decision d = inject_decide(&g.in, g.a);
    if (d.action == INJECT_YES && !inject_patch(&g.in, &g.set, g.a, &patch, &err))
        d = (struct inject_decision){INJECT_REFUSE, err_str(&err)};
    if (d.action == INJECT_YES) {
        keep(g.a, patch);
        char *text = json_dumps(patch, JSON_INDENT(1) | JSON_SORT_KEYS);
        expect_text(&g, name, "patch.json", str_fmt(g.a, "%s\n", text));
        free(text);
        check_applied(&g, name, patch);
    } else {
        expect_text(&g, name, "decision.txt",
                    str_fmt(g.a, "%s: %.*s\n", d.action == INJECT_SKIP ? "skip" : "refuse", STR_FMT(d.reason)));
    }
    arena_free(g.a);
}

static void every_golden_case_holds(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dirent **names;
    int n = scandir(str_c(a, case_path(a, "", "")), &names, NULL, alphasort), cases = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            run_case(names[i]->d_name);
            cases++;
        }
        free(names[i]);
    }
    free(names);
    arena_free(a);
    assert_true(cases > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_golden_case_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
