#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/metrics.h"

static struct metric plain = {.name = "t_plain", .help = "A\nB\\", .type = METRIC_COUNTER};
static struct metric labelled = {.name = "t_labelled", .help = "L", .type = METRIC_GAUGE, .labels = {"a", "b"}};
static const double bounds[] = {0.5, 1, 2.5, 0};
static struct metric timing = {
    .name = "t_timing", .help = "T", .type = METRIC_HISTOGRAM, .labels = {"k"}, .buckets = bounds};
static struct metric unused = {.name = "t_unused", .help = "U", .type = METRIC_COUNTER};
#define NONE STR_NULL, STR_NULL, STR_NULL, STR_NULL

static void the_text_is_prometheus(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    metric_register(&unused);
    metric_register(&unused);
    metric_add(&plain, 1.5, NONE);
    metric_add(&plain, 1, NONE);
    metric_set(&labelled, 7, S("x\"\n\\"), S("2"), STR_NULL, STR_NULL);
    metric_set(&labelled, -1, S("a"), S("1"), STR_NULL, STR_NULL);
    metric_set(&labelled, 3, S("a"), S("1"), STR_NULL, STR_NULL);
    for (double v = 0.5; v < 4; v += 1) metric_observe(&timing, v, S("z"), STR_NULL, STR_NULL, STR_NULL);
    metrics_write(&b);
    buf_char(&b, '\0');
    assert_string_equal(b.p, "# HELP t_labelled L\n# TYPE t_labelled gauge\nt_labelled{a=\"a\",b=\"1\"} "
                             "3\nt_labelled{a=\"x\\\"\\n\\\\\",b=\"2\"} 7\n"
                             "# HELP t_plain A\\nB\\\\\n# TYPE t_plain counter\nt_plain 2.5\n"
                             "# HELP t_timing T\n# TYPE t_timing histogram\nt_timing_bucket{k=\"z\",le=\"0.5\"} "
                             "1\nt_timing_bucket{k=\"z\",le=\"1\"} 1\n"
                             "t_timing_bucket{k=\"z\",le=\"2.5\"} 3\nt_timing_bucket{k=\"z\",le=\"+Inf\"} "
                             "4\nt_timing_sum{k=\"z\"} 8\nt_timing_count{k=\"z\"} 4\n"
                             "# HELP t_unused U\n# TYPE t_unused counter\nt_unused 0\n");
    assert_true(metric_value(&plain) == 2.5 && metric_value(&unused) == 0);
}

static struct metric shared = {.name = "t_shared", .help = "S", .type = METRIC_COUNTER, .labels = {"who"}};
static struct metric total = {.name = "t_total", .help = "S", .type = METRIC_COUNTER};
static void *hammer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5000; i++) {
        metric_add(&shared, 1, i % 2 ? S("odd") : S("even"), STR_NULL, STR_NULL, STR_NULL);
        metric_add(&total, 1, NONE);
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    pthread_t t[4];
    struct buf b SCOPED_BUF = {0};
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, hammer, NULL);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    assert_true(metric_value(&total) == 20000);
    metrics_write(&b);
    buf_char(&b, '\0');
    assert_non_null(strstr(b.p, "t_shared{who=\"even\"} 10000\nt_shared{who=\"odd\"} 10000\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_text_is_prometheus),
                                       cmocka_unit_test(nothing_is_lost_between_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
