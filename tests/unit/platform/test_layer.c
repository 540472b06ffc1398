#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "platform/local/layer.h"

static const char *at(struct arena *a, const char *dir, const char *name) { return str_fmt(a, "%s/%s", dir, name).p; }

static void a_copy_has_files_links_and_modes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char from[] = "/tmp/layer-XXXXXX";
    struct err err = {0};
    struct buf text = {0};
    struct stat st;
    char link[32] = "";
    assert_non_null(mkdtemp(from));
    assert_true(dir_make(at(a, from, "usr/bin"), 0755, &err));
    assert_true(file_write_atomic(at(a, from, "usr/bin/tool"), S("#!/bin/sh\n"), 0755, &err));
    assert_true(file_write_atomic(at(a, from, "secret"), S("x"), 0600, &err));
    assert_int_equal(symlink("usr/bin/tool", at(a, from, "tool")), 0);
    assert_int_equal(mkfifo(at(a, from, "fifo"), 0600), 0);

    const char *to = str_fmt(a, "%s.copy", from).p;
    if (!layer_copy(from, to, &err)) fail_msg("%s", err.text);
    assert_true(file_read(at(a, to, "usr/bin/tool"), 100, &text, &err));
    assert_true(str_eq(buf_view(&text), S("#!/bin/sh\n")));
    assert_int_equal(stat(at(a, to, "usr/bin/tool"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(stat(at(a, to, "secret"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(readlink(at(a, to, "tool"), link, sizeof link - 1), 12);
    assert_string_equal(link, "usr/bin/tool");
    assert_int_equal(lstat(at(a, to, "fifo"), &st), -1);

    assert_false(layer_copy(at(a, from, "absent"), at(a, from, "nowhere"), &err));
    assert_true(err.is_set);
    buf_free(&text);
    assert_true(tree_remove(from, &err) && tree_remove(to, &err));
    arena_free(a);
}

static void only_one_file_system_overlaps(void **state)
{
    (void)state;
    assert_true(layer_overlaps("/usr", "/usr/bin"));
    assert_false(layer_overlaps("/proc", "/usr"));
    assert_false(layer_overlaps("/absent", "/usr"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_files_links_and_modes),
        cmocka_unit_test(only_one_file_system_overlaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
