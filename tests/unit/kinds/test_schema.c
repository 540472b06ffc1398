/* Tables are sound, and what is generated from them is current: `tools/gen-docs` writes docs/kinds anew. */
#include "harness.h"

#include "base/file.h"
#include "base/regex.h"
#include "kinds/schema.h"

static void walk(const struct table *t, void (*fn)(const struct table *, const struct field *))
{
    for (size_t i = 0; i < t->n; i++) {
        fn(t, &t->fields[i]);
        if (t->fields[i].sub) walk(t->fields[i].sub, fn);
    }
}

static void check_field(const struct table *t, const struct field *f)
{
    struct err err = {0};
    if (!f->doc || f->doc[strlen(f->doc) - 1] != '.') fail_msg("%s.%s has no sentence", t->name, f->name);
    bool needs_sub = f->type == F_INLINE || f->type == F_OBJ || f->type == F_LIST;
    if (needs_sub != !!f->sub || (f->type == F_ENUM && !f->names)) fail_msg("%s.%s is not whole", t->name, f->name);
    struct regex *r = f->pattern ? regex_new(str_of(f->pattern), &err) : NULL;
    if (f->pattern && !r) fail_msg("%s.%s: %s", t->name, f->name, err.text);
    regex_free(r);
    for (size_t i = 0; i < t->n; i++)
        if (&t->fields[i] != f && !strcmp(t->fields[i].name, f->name)) fail_msg("%s.%s stands twice", t->name, f->name);
}

static void every_field_is_whole_and_explained(void **state)
{
    (void)state;
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind_info *i = kind_info((enum kind)k);
        assert_non_null(i->table->doc);
        walk(i->table, check_field);
        void *v = arena_alloc(a, i->table->size);
        table_defaults(i->table, a, v);
    }
}

/* A default that its own rules refuse would only show when somebody writes it. */
static void check_default(const struct table *t, const struct field *f)
{
    struct field only = *f;
    only.flags |= FIELD_REQUIRED;
    struct table one = {.name = t->name, .size = t->size, .fields = &only, .n = 1};
    if (!f->def || f->type == F_STRS || f->type == F_INTS) return;
    bool is_text = f->type == F_STR || f->type == F_ENUM || f->type == F_DURATION;
    const char *text = str_fmt(a, is_text ? "{%s: \"%s\"}" : "{%s: %s}", f->name, f->def).p;
    struct nodes docs;
    struct err err = {0};
    void *v = arena_alloc(a, t->size);
    if (!node_parse(a, str_of(text), "d", &node_limits_default, &docs, &err)) fail_msg("%s", err.text);
    if (!table_decode(&one, docs.v[0], S(""), a, v, &probs))
        fail_msg("%s.%s: its default is refused", t->name, f->name);
}

static void every_default_obeys_its_rules(void **state)
{
    (void)state;
    probs = (struct problems){0};
    for (int k = 0; k < KIND_COUNT; k++) walk(kind_info((enum kind)k)->table, check_default);
}

static const struct node *crd_of(enum kind k)
{
    struct buf b SCOPED_BUF = {0};
    struct nodes docs;
    struct err err = {0};
    crd_write(k, &b);
    if (!node_parse(a, buf_view(&b), "crd", &node_limits_default, &docs, &err)) fail_msg("%s", err.text);
    assert_int_equal(docs.n, 1);
    return docs.v[0];
}

static const struct node *at(const struct node *n, const char *path)
{
    struct str rest = str_of(path);
    while (n && rest.p) {
        struct str step = str_cut(&rest, '/');
        int64_t i;
        bool is_index = n->type == NODE_LIST && str_to_i64(step, 0, 99, &i);
        n = is_index ? n->items.v[i] : node_get(n, step);
    }
    if (!n) fail_msg("no %s", path);
    return n;
}

/* Structural: every node has a type or one of the two marks that stand for it. */
static void check_structural(const struct node *n, const char *path)
{
    const struct node *members = node_get(n, S("properties")), *items = node_get(n, S("items")),
                      *values = node_get(n, S("additionalProperties"));
    if (!node_get(n, S("type")) && !node_get(n, S("x-kubernetes-int-or-string"))) fail_msg("%s has no type", path);
    for (size_t i = 0; members && i < members->pairs.n; i++)
        check_structural(members->pairs.v[i].value, str_fmt(a, "%s.%.*s", path, STR_FMT(members->pairs.v[i].key)).p);
    if (items) check_structural(items, path);
    if (values) check_structural(values, path);
}

static void definitions_are_structural(void **state)
{
    (void)state;
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind_info *i = kind_info((enum kind)k);
        if (!(i->flags & KIND_MESH)) continue;
        const struct node *crd = crd_of((enum kind)k), *versions = at(crd, "spec/versions");
        assert_true(str_is(at(crd, "metadata/name")->text, str_fmt(a, "%s.%s", i->plural, i->group).p));
        for (size_t v = 0; v < versions->items.n; v++) {
            check_structural(at(versions->items.v[v], "schema/openAPIV3Schema"), i->name);
            assert_int_equal(at(versions->items.v[v], "storage")->i, v == 0);
        }
    }
}

static void definitions_carry_ranges_words_defaults_and_rules(void **state)
{
    (void)state;
#define SPEC "spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/"
    const struct node *mc = crd_of(KIND_MESH_CONFIG), *tt = crd_of(KIND_TRAFFIC_TARGET),
                      *ts = crd_of(KIND_TRAFFIC_SPLIT), *eg = crd_of(KIND_EGRESS);
    assert_true(str_is(at(mc, SPEC "sidecar/properties/tlsMinProtocolVersion/default")->text, "TLSv1_3"));
    assert_int_equal(at(mc, SPEC "sidecar/properties/tlsMinProtocolVersion/enum")->items.n, 5);
    assert_int_equal(at(mc, SPEC "traffic/properties/outboundPortExclusionList/items/maximum")->i, 65535);
    assert_int_equal(at(mc, SPEC "featureFlags/properties/enableWASMStats/default")->i, 1);
    assert_int_equal(at(mc, "spec/versions")->items.n, 2);
    assert_int_equal(at(tt, SPEC "destination/required")->items.n, 3);
    assert_true(at(tt, "spec/versions/0/schema/openAPIV3Schema/x-kubernetes-validations")->items.n >= 1);
    assert_int_equal(at(ts, SPEC "backends/items/properties/weight/minimum")->i, 0);
    assert_true(str_is(at(eg, SPEC "ports/items/properties/protocol/pattern")->text,
                       "(?i)^(http|https|tcp|tcp-server-first)$"));
    assert_true(str_is(at(eg, SPEC "ipAddresses/items/format")->text, "cidr"));
}

static void explanations_answer_or_say_what_there_is(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    assert_true(explain_write(S("tt.spec.rules[].kind"), &b, &err));
    buf_char(&b, '\0');
    assert_non_null(
        strstr(b.p, "FIELD:    kind <string>\nRULES:    required; one of HTTPRouteGroup, TCPRoute, UDPRoute\n"));
    buf_reset(&b);
    assert_true(explain_write(S("MeshConfig"), &b, &err) && explain_write(S("pod.metadata.labels"), &b, &err) &&
                explain_write(S("mrc"), &b, &err));
    buf_char(&b, '\0');
    assert_non_null(strstr(b.p, "read and checked, not carried out yet"));
    assert_false(explain_write(S("tt.spec.rule"), &b, &err));
    assert_string_equal(err.text, "\"rule\" is not a field of TrafficTargetSpec; it has destination, sources, rules");
    assert_false(explain_write(S("tt.spec.rules.name.x"), &b, &err));
    assert_non_null(strstr(err.text, "no fields below"));
    assert_false(explain_write(S("node"), &b, &err) || explain_write(S(""), &b, &err) ||
                 explain_write(S("tt."), &b, &err));
}

static void check_page(const char *path, struct str want)
{
    struct buf have SCOPED_BUF = {0};
    struct err err = {0};
    if (getenv("OSM_REFRESH")) {
        if (!file_write_atomic(path, want, 0644, &err)) fail_msg("%s", err.text);
        return;
    }
    if (!file_read(path, 1 << 20, &have, &err)) fail_msg("%s", err.text);
    if (!str_eq(buf_view(&have), want)) fail_msg("%s is not what the tables say; run tools/gen-docs", path);
}

static void reference_pages_are_current(void **state)
{
    (void)state;
    const char *source = getenv("OSM_SOURCE");
    if (!source) skip();
    struct buf list SCOPED_BUF = {0};
    buf_c(&list, "# Kinds\n\nGenerated from the field tables in `src/kinds` by `tools/gen-docs`.\n\n| Kind | API | "
                 "What it is |\n|---|---|---|\n");
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind_info *i = kind_info((enum kind)k);
        struct buf page SCOPED_BUF = {0};
        reference_write((enum kind)k, &page);
        check_page(str_fmt(a, "%s/docs/kinds/%s.md", source, i->name).p, buf_view(&page));
        buf_fmt(&list, "| [%s](%s.md) | %s%s%s | %s%s |\n", i->name, i->name, i->group, *i->group ? "/" : "",
                i->versions[0], i->table->doc, i->flags & KIND_NOT_ENFORCED ? " Not carried out yet." : "");
    }
    check_page(str_fmt(a, "%s/docs/kinds/README.md", source).p, buf_view(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_is_whole_and_explained),
        TEST(every_default_obeys_its_rules),
        TEST(definitions_are_structural),
        TEST(definitions_carry_ranges_words_defaults_and_rules),
        TEST(explanations_answer_or_say_what_there_is),
        TEST(reference_pages_are_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
