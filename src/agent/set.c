#include "agent/set.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/names.h"
#include "net/http_client.h"

enum { TIMEOUT_MS = 10000 };

static int fail(const char *query, const char *why)
{
    fprintf(stderr, "osm agent: Envoy does not carry out '%s': %s\n", query, why);
    return 1;
}

int agent_set(int argc, char **argv)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct http_answer answer;
    if (argc != 2 || argv[1][0] != '/') {
        fputs("usage: osm agent set /QUERY\n", stderr);
        return 2;
    }
    struct http_call_options call = {.method = "POST",
                                     .url = str_fmt(a, "http://envoy%s", argv[1]).p,
                                     .unix_path = FILE_ADMIN_SOCKET,
                                     .body = S(""),
                                     .timeout_ms = TIMEOUT_MS};
    if (!http_fetch(&call, a, &answer, &err)) return fail(argv[1], err.text);
    if (answer.status != 200)
        return fail(argv[1], str_fmt(a, "%d %.*s", answer.status, STR_FMT(str_trim(answer.body))).p);
    fwrite(answer.body.p, 1, answer.body.n, stdout);
    return 0;
}
