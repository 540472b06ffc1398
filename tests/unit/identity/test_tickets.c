/* The secret of session tickets: kept, private, and not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "identity/tickets.h"

static char dir[] = "/tmp/osm-tickets-XXXXXX";

static struct str secret_at(struct arena *a, int64_t now)
{
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    assert_true(tickets_secret(dir, now, &b, &err));
    assert_int_equal(b.n, 64);
    return str_dup(a, buf_view(&b));
}

static void it_is_kept_until_it_is_old_or_others_may_read_it(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct stat st;
    assert_non_null(mkdtemp(dir));
    int64_t now = clock_unix_s();
    struct str first = secret_at(a, now);
    const char *path = str_fmt(a, "%s/ticket-secret", dir).p;
    assert_true(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    assert_true(str_eq(secret_at(a, now + 86400), first));
    struct str second = secret_at(a, now + (TICKETS_DAYS + 1) * 86400);
    assert_false(str_eq(second, first));
    assert_int_equal(chmod(path, 0644), 0);
    struct str third = secret_at(a, now);
    assert_false(str_eq(third, second));
    assert_true(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    struct err err = {0};
    struct buf none SCOPED_BUF = {0};
    assert_false(tickets_secret("/nowhere", now, &none, &err));
    assert_true(tree_remove(dir, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_kept_until_it_is_old_or_others_may_read_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
