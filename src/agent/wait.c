#include "agent/wait.h"

#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "net/http_client.h"

enum { PAUSE_US = 100000, TRY_MS = 1000, LIMIT_S = 120 };

/* |err| says why not. */
static bool is_ready(struct arena *a, struct err *err)
{
    struct http_answer answer;
    struct http_call_options call = {.url = str_fmt(a, "http://127.0.0.1:%d/ready", PORT_HEALTHCHECK).p,
                                     .timeout_ms = TRY_MS};
    err_clear(err);
    if (!http_fetch(&call, a, &answer, err)) return false;
    return answer.status == 200 || err_set(err, "it answers %d %.*s", answer.status, STR_FMT(str_trim(answer.body)));
}

int agent_wait(int argc, char **argv)
{
    (void)argv;
    struct err err = {0};
    if (argc != 1) {
        fputs("usage: osm agent wait\n", stderr);
        return 2;
    }
    for (int64_t end = clock_mono_ns() + LIMIT_S * INT64_C(1000000000); clock_mono_ns() < end; usleep(PAUSE_US)) {
        struct arena *a SCOPED_ARENA = arena_new();
        if (is_ready(a, &err)) return 0;
    }
    fprintf(stderr, "osm agent: the sidecar is not ready after %d s: %s\n", LIMIT_S, err.text);
    return 1;
}
