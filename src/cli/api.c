#include "cli/api.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/http_client.h"

const char *api_state_dir(void)
{
    const char *dir = getenv("OSM_STATE");
    return dir && *dir ? dir : "/run/osm/local";
}

static json_t *read_answer(const struct http_answer *answer, struct err *err)
{
    json_error_t why;
    json_t *value = json_loadb(answer->body.p ? answer->body.p : "", answer->body.n, JSON_REJECT_DUPLICATES, &why);
    if (!value) return ERR_NULL(err, "the controller answered %d and no JSON", answer->status);
    if (answer->status == 200) return value;
    err_set(err, "%.*s", STR_FMT(json_text(value, "error")));
    json_decref(value);
    return NULL;
}

json_t *api_get(const char *path, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const char *socket = str_fmt(a, "%s/controller.sock", api_state_dir()).p;
    struct http_answer answer;
    if (access(socket, F_OK) != 0)
        return ERR_NULL(err, "no mesh runs here (there is no %s); start one with: osm local up DIR", socket);
    if (access(socket, R_OK | W_OK) != 0)
        return ERR_NULL(err, "%s is for its owner alone; run this verb as the user who started the mesh", socket);
    struct http_call_options call = {
        .url = str_fmt(a, "http://osm%s", path).p, .unix_path = socket, .timeout_ms = 20000};
    if (!http_fetch(&call, a, &answer, err)) return err_wrap(err, "the controller does not answer"), NULL;
    return read_answer(&answer, err);
}

int64_t json_number(const json_t *o, const char *name) { return json_integer_value(json_object_get(o, name)); }

bool json_flag(const json_t *o, const char *name) { return json_is_true(json_object_get(o, name)); }

struct str api_escape(struct arena *a, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    struct buf b SCOPED_BUF = {0};
    for (; *s; s++)
        if (strchr(plain, *s))
            buf_char(&b, *s);
        else
            buf_fmt(&b, "%%%02X", (unsigned char)*s);
    return str_dup(a, buf_view(&b));
}
