#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/field.h"

static void durations_are_gos(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    static const struct {
        const char *in;
        int64_t ns;
        const char *out;
    } cases[] = {
        {"0", 0, "0s"},
        {"0s", 0, "0s"},
        {"1ns", 1, "1ns"},
        {"1.5us", 1500, "1.5\xc2\xb5s"},
        {"2\xc2\xb5s", 2000, "2\xc2\xb5s"},
        {"3\xce\xbcs", 3000, "3\xc2\xb5s"},
        {"500ms", 500000000, "500ms"},
        {".5s", 500000000, "500ms"},
        {"1.s", 1000000000, "1s"},
        {"90s", 90000000000, "1m30s"},
        {"1h", 3600000000000, "1h0m0s"},
        {"24h", 86400000000000, "24h0m0s"},
        {"1h2m3.5s", 3723500000000, "1h2m3.5s"},
        {"+5m", 300000000000, "5m0s"},
        {"1m1m", 120000000000, "2m0s"},
        {"1.0000000000000000000001s", 1000000000, "1s"},
        {"9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = -1;
        if (!duration_parse(str_of(cases[i].in), &ns) || ns != cases[i].ns)
            fail_msg("%s: %lld", cases[i].in, (long long)ns);
        assert_string_equal(duration_text(a, ns).p, cases[i].out);
    }
    static const char *const bad[] = {"",          "5",   "s",    "-5s", "1 s",
                                      "1x",        ".s",  "1d",   "5s ", "9223372036854775808ns",
                                      "99999999h", "1h2", "0x5s", "+",   "1..5s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns;
        if (duration_parse(str_of(bad[i]), &ns)) fail_msg("%s", bad[i]);
    }
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    static const struct {
        const char *in;
        int64_t s;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:00:00Z", 1769860800},
        {"2026-01-31T12:00:00.123456Z", 1769860800},
        {"2026-01-31T13:30:00+01:30", 1769860800},
        {"2026-01-31t10:00:00-02:00", 1769860800},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"1969-12-31T23:59:59Z", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t s = 99;
        if (!time_parse(str_of(cases[i].in), &s) || s != cases[i].s) fail_msg("%s: %lld", cases[i].in, (long long)s);
    }
    static const char *const bad[] = {"",
                                      "2026-01-31",
                                      "2026-02-30T00:00:00Z",
                                      "2023-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:00:00",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00Zx",
                                      "2026-1-1T00:00:00Z",
                                      "2026-00-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t s;
        if (time_parse(str_of(bad[i]), &s)) fail_msg("%s", bad[i]);
    }
    assert_string_equal(time_text(a, 1769860800).p, "2026-01-31T12:00:00Z");
    int64_t early;
    assert_true(time_parse(S("0026-01-01T00:00:00Z"), &early));
    assert_string_equal(time_text(a, early).p, "0026-01-01T00:00:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(durations_are_gos), cmocka_unit_test(times_are_rfc_3339)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
