/* Arenas as they are without AddressSanitizer, in chunks that are used again. */
#define PIECE_PER_MALLOC 0
#include "../../../src/base/arena.c" /* in place of the library's */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

/* Everything handed out is zeroed, also where another arena has written before. */
static void pieces_are_zeroed_and_apart(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 200; round++) {
        struct arena *a = arena_new();
        char *last = NULL;
        size_t last_n = 0;
        for (int i = 0; i < 300; i++) {
            size_t n = (size_t)(rand_r(&seed) % (i % 50 == 0 ? 40000 : 300));
            char *p = arena_alloc(a, n);
            assert_true(is_zero(p, n));
            memset(p, 0xa5, n);
            if (last_n) assert_int_equal((unsigned char)last[last_n - 1], 0xa5);
            last = p;
            last_n = n;
        }
        arena_free(a);
    }
}

static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    struct arena *many[64];
    for (size_t i = 0; i < 64; i++) {
        many[i] = arena_new();
        for (int k = 0; k < 40; k++) memset(arena_alloc(many[i], 3000), 1, 3000);
    }
    for (size_t i = 0; i < 64; i++) arena_free(many[i]);
    assert_true(kept_bytes <= KEPT_BYTES && kept_bytes > KEPT_BYTES / 2);
}

/* Texts of every length around the end of a chunk, and zeroes behind them. */
static void texts_fit_where_they_are_put(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t n = 0; n < 400; n++) {
        struct arena *a = arena_new();
        for (int i = 0; i < 8; i++) {
            struct str s = str_fmt(a, "%.*s%*s", (int)(n % 27), letters, (int)n, "");
            assert_int_equal(s.n, n % 27 + n);
            assert_int_equal(s.p[s.n], 0);
            assert_memory_equal(s.p, letters, n % 27);
            char *next = arena_alloc(a, 40);
            assert_true(is_zero(next, 40));
            memset(next, 0xff, 40);
        }
        arena_free(a);
    }
}

static void *use(void *arg)
{
    for (int i = 0; i < 10; i++) {
        struct arena *a = arena_new();
        arena_alloc(a, 2000);
        arena_free(a);
    }
    return arg;
}

/* LeakSanitizer would tell what a thread leaves behind. */
static void a_thread_that_ends_keeps_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, use, NULL), 0);
        pthread_join(t, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_and_apart),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(texts_fit_where_they_are_put),
        cmocka_unit_test(a_thread_that_ends_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
