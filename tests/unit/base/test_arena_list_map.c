#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    for (size_t n = 0; n < 5000; n += 37) {
        char *p = arena_alloc(a, n);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    char *big = arena_alloc(a, 1 << 20);
    assert_int_equal(big[0] | big[(1 << 20) - 1], 0);
    assert_true(arena_used(a) >= 1 << 20);
}

static void push(void *arg) { *(*(char **)arg)++ = 'x'; }
static char order[8], *at;
static void note_a(void *arg)
{
    (void)arg;
    *at++ = 'a';
}
static void note_b(void *arg)
{
    (void)arg;
    *at++ = 'b';
}

static void hooks_run_last_first(void **state)
{
    (void)state;
    char text[4] = {0}, *p = text;
    struct arena *a = arena_new();
    at = order;
    arena_on_free(a, note_a, NULL);
    arena_on_free(a, note_b, NULL);
    arena_on_free(a, push, &p);
    arena_free(a);
    assert_int_equal(text[0], 'x');
    assert_memory_equal(order, "ba", 2);
    arena_free(NULL);
}

static void texts_are_terminated(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str parts[] = {S("a"), STR_NULL, S("bc")};
    assert_string_equal(str_join(a, (struct strs){parts, 3}, S("--")).p, "a----bc");
    assert_string_equal(str_fmt(a, "%d %.*s", 5, STR_FMT(S("x"))).p, "5 x");
    assert_string_equal(str_lower(a, S("AbC")).p, "abc");
    assert_string_equal(str_c(a, STR_NULL), "");
}

static void lists_grow_past_every_power(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    LIST(int) l = {0};
    for (int i = 0; i < 1000; i++) list_push(a, &l, i);
    assert_int_equal(l.n, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(l.v[i], i);
    assert_int_equal(*list_add(a, &l), 0);
}

static void maps_remember_and_forget(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct map m = {0};
    static int values[1000];
    assert_null(map_get(&m, S("x")));
    assert_null(map_del(&m, S("x")));
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 1000; i++) map_put(&m, str_fmt(a, "k%d", i), &values[i]);
        assert_int_equal(m.n, 1000);
        for (int i = 0; i < 1000; i++) assert_ptr_equal(map_get(&m, str_fmt(a, "k%d", i)), &values[i]);
        for (int i = 0; i < 1000; i += 2) assert_ptr_equal(map_del(&m, str_fmt(a, "k%d", i)), &values[i]);
        assert_int_equal(m.n, 500);
        assert_null(map_get(&m, S("k0")));
    }
    assert_ptr_equal(map_put(&m, S("k1"), &values[0]), &values[1]);
    assert_null(map_put(&m, STR_NULL, &values[2]));
    assert_ptr_equal(map_get(&m, S("")), &values[2]);
    struct strs keys = map_keys(&m, a);
    assert_int_equal(keys.n, 501);
    for (size_t i = 1; i < keys.n; i++) assert_true(str_cmp(keys.v[i - 1], keys.v[i]) < 0);
    size_t it = 0, seen = 0;
    struct str key;
    void *v;
    while (map_next(&m, &it, &key, &v)) {
        map_del(&m, key);
        seen++;
    }
    assert_int_equal(seen, 501);
    assert_int_equal(m.n, 0);
    map_release(&m);
}

/* A table of the same size must not fill up with graves and search forever. */
static void maps_survive_endless_change(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct map m = {0};
    for (int i = 0; i < 20000; i++) {
        struct str k = str_fmt(a, "k%d", i);
        map_put(&m, k, &m);
        map_del(&m, k);
    }
    assert_int_equal(m.n, 0);
    assert_true(m.cap <= 64);
    map_release(&m);
}

static void hashes_know_lengths_and_text(void **state)
{
    (void)state;
    struct hasher x, y;
    hasher_init(&x), hasher_init(&y);
    hasher_str(&x, S("ab")), hasher_str(&x, S("c"));
    hasher_str(&y, S("a")), hasher_str(&y, S("bc"));
    assert_false(hash128_eq(hasher_end(&x), hasher_end(&y)));
    struct hash128 h = hash128_of("hello", 5), back;
    char hex[33];
    hash128_hex(h, hex);
    assert_true(hash128_parse(str_of(hex), &back) && hash128_eq(h, back));
    assert_false(hash128_parse(S("xyz"), &back));
    hex[3] = 'G';
    assert_false(hash128_parse(str_of(hex), &back));
    assert_false(hash128_eq(hash128_of("a", 1), hash128_of("a\0", 2)));
}

/* Versions sent to proxies are made of it: the same on every machine and in every release. */
static void the_content_hash_never_changes(void **state)
{
    (void)state;
    char hex[33];
    hash128_hex(hash128_of("osm", 3), hex);
    assert_string_equal(hex, "1c93b49cf40b0a16cfc205d682382d5c");
}

static void exhaustion_ends_with_one_line(void **state)
{
    (void)state;
    int fds[2], status;
    char text[200] = {0};
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        xmalloc(SIZE_MAX / 4);
        _exit(0);
    }
    close(fds[1]);
    size_t n = 0;
    for (ssize_t got; n < sizeof text - 1 && (got = read(fds[0], text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    for (char waste[512]; read(fds[0], waste, sizeof waste) > 0;) continue;
    close(fds[0]);
    waitpid(child, &status, 0);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(strstr(text, "out of memory asking for") || strstr(text, "requested allocation size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),  cmocka_unit_test(hooks_run_last_first),
        cmocka_unit_test(texts_are_terminated),          cmocka_unit_test(lists_grow_past_every_power),
        cmocka_unit_test(maps_remember_and_forget),      cmocka_unit_test(maps_survive_endless_change),
        cmocka_unit_test(hashes_know_lengths_and_text),  cmocka_unit_test(the_content_hash_never_changes),
        cmocka_unit_test(exhaustion_ends_with_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
