// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>

#include "base/buf.h"
#include "platform/local/workload.h"
#include "platform/local/workload_status.h"

/* Pods are written "name:revision:flags": r ready, d deleting, F failed, S succeeded; "name" may end in an ordinal. */
static struct pod_views pods(struct arena *a, const char *text)
{
    struct pod_views out = {0};
    struct str rest = str_of(text);
    int64_t serial = 0;
    while (rest.n) {
        struct str one = str_cut(&rest, ' ');
        struct pod_view v = {.ordinal = -1, .serial = ++serial, .finished_at = 1000};
        v.name = str_cut(&one, ':');
        v.revision = str_cut(&one, ':');
        str_to_i64(str_sub(v.name, v.name.n - 1, v.name.n), 0, 9, &v.ordinal);
        v.ready = str_find(one, 'r') >= 0;
        v.deleting = str_find(one, 'd') >= 0;
        v.failed = str_find(one, 'F') >= 0;
        v.finished = v.failed || str_find(one, 'S') >= 0;
        list_push(a, &out, v);
    }
    return out;
}

/* "+ +2 -name": creations (with ordinal) and deletions in order. */
static const char *text(struct arena *a, const struct steps *s)
{
    struct buf b SCOPED_BUF = {0};
    for (size_t i = 0; i < s->n; i++) {
        const struct step *x = &s->v[i];
        if (i) buf_char(&b, ' ');
        if (x->create && x->ordinal >= 0)
            buf_fmt(&b, "+%d", (int)x->ordinal);
        else if (x->create)
            buf_char(&b, '+');
        else
            buf_fmt(&b, "-%.*s", STR_FMT(x->name));
    }
    return str_dup(a, buf_view(&b)).p;
}

static void deployment_is(struct deployment_want w, const char *have, const char *expected)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct steps s = {0};
    w.revision = S("new");
    deployment_plan(&w, pods(a, have), a, &s);
    assert_string_equal(text(a, &s), expected);
}

static void a_rolling_update_waits_for_the_new_pod(void **state)
{
    (void)state;
    struct deployment_want w = {.replicas = 2, .surge = 1};
    deployment_is(w, "", "+ +");
    deployment_is(w, "a:old:r b:old:r", "+");
    deployment_is(w, "a:old:r b:old:r c:new:", "");
    deployment_is(w, "a:old:r b:old:r c:new:r", "-b");
    deployment_is(w, "a:old:r b:old:rd c:new:r", "+");
    deployment_is(w, "a:old:r c:new:r e:new:r", "-a");
    deployment_is(w, "c:new:r e:new:r", "");
}

static void a_broken_new_revision_keeps_the_old_pods(void **state)
{
    (void)state;
    struct deployment_want w = {.replicas = 1, .surge = 1};
    deployment_is(w, "a:old:r b:new:", "");
    deployment_is(w, "a:old: b:old:r", "-a");
    deployment_is((struct deployment_want){.replicas = 2, .unavailable = 1}, "a:old:r b:old:r", "-b");
    deployment_is((struct deployment_want){.replicas = 1}, "a:old:r",
                  "+"); /* neither surge nor unavailable: one surge */
}

static void scaling_down_takes_pods_that_are_not_ready_first(void **state)
{
    (void)state;
    deployment_is((struct deployment_want){.replicas = 1, .surge = 1}, "a:new:r b:new:r c:new:", "-c -b");
    deployment_is((struct deployment_want){.replicas = 0, .surge = 1}, "a:new:r", "-a");
}

static void recreate_lets_all_old_pods_end_first(void **state)
{
    (void)state;
    struct deployment_want w = {.replicas = 1, .recreate = true};
    deployment_is(w, "a:old:r", "-a");
    deployment_is(w, "a:old:d", "");
    deployment_is(w, "", "+");
    deployment_is(w, "a:new:r", "");
}

static void stateful_is(struct stateful_want w, const char *have, const char *expected)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct steps s = {0};
    w.revision = S("new");
    stateful_plan(&w, pods(a, have), a, &s);
    assert_string_equal(text(a, &s), expected);
}

static void ordinals_come_in_order_and_go_in_reverse(void **state)
{
    (void)state;
    struct stateful_want w = {.replicas = 3};
    stateful_is(w, "", "+0");
    stateful_is(w, "db-0:new:", "");
    stateful_is(w, "db-0:new:r", "+1");
    stateful_is(w, "db-0:new:r db-1:new:r db-2:new:r", "");
    stateful_is((struct stateful_want){.replicas = 1}, "db-0:new:r db-1:new:r db-2:new:r", "-db-2");
    stateful_is((struct stateful_want){.replicas = 1}, "db-0:new:r db-1:new:r db-2:new:rd", "");
    stateful_is((struct stateful_want){.replicas = 2, .parallel = true}, "", "+0 +1");
    stateful_is((struct stateful_want){.replicas = 0, .parallel = true}, "db-0:new: db-1:new:r", "-db-0 -db-1");
}

static void a_stateful_update_goes_from_the_highest(void **state)
{
    (void)state;
    stateful_is((struct stateful_want){.replicas = 2}, "db-0:old:r db-1:old:r", "-db-1");
    stateful_is((struct stateful_want){.replicas = 2}, "db-0:old:r db-1:new:", "");
    stateful_is((struct stateful_want){.replicas = 2}, "db-0:old:r db-1:new:r", "-db-0");
    stateful_is((struct stateful_want){.replicas = 2, .partition = 1}, "db-0:old:r db-1:new:r", "");
    stateful_is((struct stateful_want){.replicas = 2, .on_delete = true}, "db-0:old:r db-1:old:r", "");
    stateful_is((struct stateful_want){.replicas = 1}, "db-0:old:", "-db-0"); /* no use waiting for it */
}

static void a_daemon_set_is_one_pod(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct steps none = {0}, old = {0}, same = {0};
    daemon_plan(S("new"), false, pods(a, ""), a, &none);
    daemon_plan(S("new"), false, pods(a, "a:old:r"), a, &old);
    daemon_plan(S("new"), false, pods(a, "a:new:r"), a, &same);
    assert_string_equal(text(a, &none), "+");
    assert_string_equal(text(a, &old), "-a");
    assert_string_equal(text(a, &same), "");
}

static enum job_state job_is(struct job_want w, const char *have, const char *expected, int64_t again)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct steps s = {0};
    if (!w.now) w.now = 1000;
    enum job_state state = job_plan(&w, pods(a, have), a, &s);
    assert_string_equal(text(a, &s), expected);
    assert_int_equal(s.again_s, again);
    return state;
}

static void a_job_ends_and_waits_between_failures(void **state)
{
    (void)state;
    struct job_want w = {.parallelism = 1, .completions = 1, .backoff_limit = 2};
    assert_int_equal(job_is(w, "", "+", 0), JOB_RUNNING);
    assert_int_equal(job_is(w, "a:x:", "", 0), JOB_RUNNING);
    assert_int_equal(job_is(w, "a:x:S", "", 0), JOB_COMPLETE);
    assert_int_equal(job_is(w, "a:x:F", "", 10), JOB_RUNNING);
    w.now = 1010;
    assert_int_equal(job_is(w, "a:x:F", "+", 0), JOB_RUNNING);
    assert_int_equal(job_is(w, "a:x:F b:x:F", "", 10), JOB_RUNNING);
    assert_int_equal(job_is(w, "a:x:F b:x:F c:x:F", "", 0), JOB_FAILED);
}

static void a_job_runs_in_parallel_up_to_its_completions(void **state)
{
    (void)state;
    struct job_want w = {.parallelism = 2, .completions = 3, .backoff_limit = 6};
    job_is(w, "", "+ +", 0);
    job_is(w, "a:x:S b:x:S", "+", 0);
    struct job_want queue = {.parallelism = 2, .completions = -1, .backoff_limit = 6};
    assert_int_equal(job_is(queue, "a:x:S b:x:", "", 0), JOB_RUNNING);
    assert_int_equal(job_is(queue, "a:x:S b:x:S", "", 0), JOB_COMPLETE);
    w.deadline = 900;
    assert_int_equal(job_is(w, "a:x:", "-a", 0), JOB_FAILED);
}

/* Takes over |status|. */
static void status_is(json_t *status, const char *expected)
{
    char *text = json_dumps(status, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(strstr(text, expected));
    free(text);
    json_decref(status);
}

static void the_status_counts_pods_and_says_how_far_it_is(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct deployment_want d = {.replicas = 2, .surge = 1, .revision = S("new")};
    status_is(deployment_status(&d, pods(a, "a:old:r b:old:rd c:new:r")),
              "\"readyReplicas\":2,\"replicas\":2,\"unavailableReplicas\":0,\"updatedReplicas\":1}");
    status_is(deployment_status(&d, pods(a, "a:old:r c:new:")), "\"reason\":\"MinimumReplicasUnavailable\"");
    status_is(deployment_status(&d, pods(a, "b:new:r c:new:r")), "\"reason\":\"NewReplicaSetAvailable\"");
    struct stateful_want s = {.replicas = 2, .revision = S("new")};
    status_is(stateful_status(&s, pods(a, "db0:old:r db1:new:")),
              "\"currentReplicas\":1,\"readyReplicas\":1,\"replicas\":2,\"updateRevision\":\"new\",");
    status_is(daemon_status(S("new"), pods(a, "a:new:r")), "\"numberReady\":1,\"numberUnavailable\":0");
    struct job_want j = {.parallelism = 1, .completions = 1};
    status_is(job_status(&j, JOB_COMPLETE, 900, pods(a, "a:x:F b:x:S")), "\"completionTime\":\"1970-01-01T00:16:40Z\"");
    status_is(job_status(&j, JOB_FAILED, 900, pods(a, "a:x:F")), "\"reason\":\"BackoffLimitExceeded\"");
    j.now = j.deadline = 1000;
    status_is(job_status(&j, JOB_FAILED, 900, pods(a, "")), "\"reason\":\"DeadlineExceeded\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_status_counts_pods_and_says_how_far_it_is),
                                       cmocka_unit_test(a_rolling_update_waits_for_the_new_pod),
                                       cmocka_unit_test(a_broken_new_revision_keeps_the_old_pods),
                                       cmocka_unit_test(scaling_down_takes_pods_that_are_not_ready_first),
                                       cmocka_unit_test(recreate_lets_all_old_pods_end_first),
                                       cmocka_unit_test(ordinals_come_in_order_and_go_in_reverse),
                                       cmocka_unit_test(a_stateful_update_goes_from_the_highest),
                                       cmocka_unit_test(a_daemon_set_is_one_pod),
                                       cmocka_unit_test(a_job_ends_and_waits_between_failures),
                                       cmocka_unit_test(a_job_runs_in_parallel_up_to_its_completions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
