/* What is generated from the values' table and the kinds' stands in the repository as it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "install/values.h"
#include "kinds/schema.h"

static void expect_file(const char *name, struct str want)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf have SCOPED_BUF = {0};
    struct err err = {0};
    const char *source = getenv("OSM_SOURCE");
    if (!source) skip();
    const char *path = str_fmt(a, "%s/%s", source, name).p;
    if (getenv("OSM_REFRESH")) {
        if (!file_write_atomic(path, want, 0644, &err)) fail_msg("%s", err.text);
        return;
    }
    if (!file_read(path, 1 << 20, &have, &err)) fail_msg("%s", err.text);
    if (!str_eq(buf_view(&have), want)) fail_msg("%s is not what the tables say; run tools/gen-docs", path);
}

static void the_page_of_values(void **state)
{
    (void)state;
    struct buf out SCOPED_BUF = {0};
    buf_c(&out, "# Values of an installation\n\nWhat `osm install --set NAME=VALUE` and `--values FILE` take, and the Helm "
                "chart `charts/osm`. The names are those of the archived project's chart. Generated from "
                "`src/install/values.c` by `tools/gen-docs`.\n\nValues of the old chart that have nothing to set any "
                "more are named with the reason when they are given; unknown ones are refused.\n");
    reference_table_write(&install_values_table, S(""), &out);
    expect_file("docs/values.md", buf_view(&out));
}

static void the_definitions_of_the_chart(void **state)
{
    (void)state;
    struct buf out SCOPED_BUF = {0};
    for (int k = 0; k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->flags & KIND_MESH) crd_write((enum kind)k, &out);
    expect_file("charts/osm/crds/osm.yaml", buf_view(&out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_of_values),
        cmocka_unit_test(the_definitions_of_the_chart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
