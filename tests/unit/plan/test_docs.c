/* docs/policy.md is true: its manifests load, one after the other, and its calls are judged as it says. A line of a
 * "calls" block is: <caller> <called pod> <service>:<port> <method> <path> <verdict> [<header>=<value>]; of an
 * "outside" block: <caller> <method> <url> <verdict> [<dialled address>]; of an "ingress"
 * block: <address> <called pod> <its port> http|https <verdict> [<name in the certificate>|- [<SNI>]]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "golden/world.h"
#include "plan/evaluate.h"

static const char *const verdicts[] = {
    [EVALUATE_ALLOWED] = "allowed", [EVALUATE_DENIED] = "denied",         [EVALUATE_BAD_PATH] = "bad-path",
    [EVALUATE_CLOSED] = "closed",   [EVALUATE_NO_BACKEND] = "no-backend",
};

static struct str workload_of(struct world *w, struct str pod)
{
    const struct mesh_pod *p = sheet_value(world_sheet(w), &mesh_pod_cell, pod);
    return p ? p->workload : STR_NULL;
}

static void check_call(struct world *w, struct str line)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str rest = line, f[7] = {0};
    for (int i = 0; i < 7 && rest.p; i++) f[i] = str_cut(&rest, ' ');
    struct str port = f[2], service = str_cut(&port, ':');
    struct kv header = {.value = f[6]};
    header.key = str_cut(&header.value, '=');
    struct evaluate_request r = {.client = workload_of(w, f[0]),
                                 .server = workload_of(w, f[1]),
                                 .service = service,
                                 .method = f[3],
                                 .path = f[4],
                                 .headers = {&header, f[6].n > 0}};
    assert_true(str_to_i64(port, 1, 65535, &r.port));
    struct evaluate_answer got;
    evaluate(world_sheet(w), &r, a, &got);
    if (!str_is(f[5], verdicts[got.verdict]))
        fail_msg("%.*s: %s (%.*s)", STR_FMT(line), verdicts[got.verdict], STR_FMT(got.text));
}

static void check_outside(struct world *w, struct str line)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str rest = line, f[5] = {0};
    struct err err = {0};
    for (int i = 0; i < 5 && rest.p; i++) f[i] = str_cut(&rest, ' ');
    struct evaluate_egress_request r = {.call = {.client = workload_of(w, f[0]), .method = f[1]}};
    if (!evaluate_egress_url(f[2], &r, &err)) fail_msg("%s", err.text);
    if (f[4].n) r.address = f[4];
    struct evaluate_answer got;
    evaluate_egress(world_sheet(w), &r, a, &got);
    if (!str_is(f[3], verdicts[got.verdict]))
        fail_msg("%.*s: %s (%.*s)", STR_FMT(line), verdicts[got.verdict], STR_FMT(got.text));
}

static void check_ingress(struct world *w, struct str line)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str rest = line, f[7] = {0};
    for (int i = 0; i < 7 && rest.p; i++) f[i] = str_cut(&rest, ' ');
    struct evaluate_outside r = {.address = f[0], .tls = str_is(f[3], "https"), .server_name = f[6]};
    if (!str_is(f[5], "-")) r.principal = f[5];
    assert_true(str_to_i64(f[2], 1, 65535, &r.port));
    struct evaluate_answer got;
    evaluate_outside(sheet_value(world_sheet(w), &plan_inbound_cell, workload_of(w, f[1])), &r, a, &got);
    if (!str_is(f[4], verdicts[got.verdict]))
        fail_msg("%.*s: %s (%.*s)", STR_FMT(line), verdicts[got.verdict], STR_FMT(got.text));
}

static int check_block(struct world *w, struct str kind, struct str body)
{
    struct buf problems SCOPED_BUF = {0};
    struct err err = {0};
    int calls = 0;
    if (str_is(kind, "yaml")) {
        if (!world_load(w, body, &problems, &err)) fail_msg("%s", err.text);
        if (problems.n) fail_msg("%.*s", (int)problems.n, problems.p);
        world_settle(w);
    }
    void (*check)(struct world *, struct str) = str_is(kind, "calls")     ? check_call
                                                : str_is(kind, "outside") ? check_outside
                                                : str_is(kind, "ingress") ? check_ingress
                                                                          : NULL;
    while (check && body.n) {
        struct str line = str_cut(&body, '\n');
        if (!line.n) continue;
        check(w, line);
        calls++;
    }
    return calls;
}

/* Number of calls judged. */
static int check_page(struct world *w, const char *page)
{
    struct buf text SCOPED_BUF = {0};
    struct err err = {0};
    struct arena *a SCOPED_ARENA = arena_new();
    const char *root = getenv("OSM_SOURCE");
    if (!file_read(str_fmt(a, "%s/docs/%s", root ? root : ".", page).p, 1 << 20, &text, &err)) fail_msg("%s", err.text);
    struct str rest = buf_view(&text), kind = STR_NULL;
    int calls = 0;
    for (const char *start = NULL; rest.p;) {
        struct str line = str_cut(&rest, '\n');
        if (!str_starts(line, S("```"))) continue;
        if (start) calls += check_block(w, kind, str_make(start, (size_t)(line.p - start)));
        kind = str_sub(line, 3, line.n);
        start = start ? NULL : rest.p;
    }
    return calls;
}

static void the_policy_page_is_true(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_in_range(check_page(w, "policy.md"), 15, 100);
    world_free(w);
}

/* Its manifests load, and nothing is wrong with them. */
static void the_telemetry_page_is_true(void **state)
{
    (void)state;
    struct buf out SCOPED_BUF = {0};
    struct world *w = world_new();
    check_page(w, "telemetry.md");
    world_dump(w, &out);
    buf_char(&out, '\0');
    assert_null(strstr(out.p, "diag: "));
    assert_non_null(strstr(out.p, "hop shop/payments"));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_page_is_true),
        cmocka_unit_test(the_telemetry_page_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
