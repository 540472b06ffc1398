#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[64];
static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/osm-test-file-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int teardown(void **state)
{
    (void)state;
    struct err err = {0};
    return tree_remove(dir, &err) ? 0 : -1;
}
static const char *in(struct arena *a, const char *name) { return str_fmt(a, "%s/%s", dir, name).p; }

static void a_written_file_reads_back(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf big SCOPED_BUF = {0}, back SCOPED_BUF = {0};
    struct err err = {0};
    struct stat st;
    for (int i = 0; i < 50000; i++) buf_c(&big, "line\n");
    assert_true(file_write_atomic(in(a, "f"), buf_view(&big), 0600, &err));
    assert_int_equal(stat(in(a, "f"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    buf_c(&back, "before:");
    assert_true(file_read(in(a, "f"), 250000, &back, &err));
    assert_int_equal(back.n, 250007);
    assert_false(file_read(in(a, "f"), 249999, &back, &err));
    assert_non_null(strstr(err.text, "larger than 249999 bytes"));
    assert_true(file_write_atomic(in(a, "f"), S(""), 0644, &err));
    assert_int_equal(stat(in(a, "f"), &st), 0);
    assert_true(st.st_size == 0 && (st.st_mode & 0777) == 0644);
}

static void failures_leave_the_old_text(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    assert_false(file_read(in(a, "absent"), 10, &b, &err));
    assert_non_null(strstr(err.text, "cannot open: No such file"));
    assert_false(file_write_atomic(in(a, "no/such/dir"), S("x"), 0600, &err));
    assert_int_equal(mkdir(in(a, "d"), 0700), 0);
    assert_false(file_write_atomic(in(a, "d"), S("x"), 0600, &err)); /* a directory stands there */
    assert_non_null(strstr(err.text, "cannot write"));
    assert_true(file_write_atomic(in(a, "d/f"), S("x"), 0600, &err));
    assert_int_equal(access(in(a, "d/.f.tmp"), F_OK), -1);
}

static void directories_are_made_and_removed_whole(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct stat st;
    assert_true(dir_make(in(a, "x/y//z/"), 0755, &err));
    assert_true(dir_make(in(a, "x/y"), 0755, &err));
    assert_int_equal(stat(in(a, "x/y/z"), &st), 0);
    assert_true(file_write_atomic(in(a, "kept"), S("x"), 0600, &err));
    assert_int_equal(symlink(in(a, "kept"), in(a, "x/link")), 0);
    assert_true(file_write_atomic(in(a, "x/y/z/f"), S("x"), 0400, &err));
    assert_true(tree_remove(in(a, "x"), &err));
    assert_int_equal(stat(in(a, "x"), &st), -1);
    assert_int_equal(stat(in(a, "kept"), &st), 0);
    assert_true(tree_remove(in(a, "x"), &err));
    assert_false(dir_make(in(a, "kept/x"), 0755, &err));
    assert_false(dir_make(in(a, "kept"), 0755, &err));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(a_written_file_reads_back), T(failures_leave_the_old_text),
                                       T(directories_are_made_and_removed_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
