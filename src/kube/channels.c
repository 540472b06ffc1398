#include "kube/channels.h"
#include "base/json.h"

#include <jansson.h>

enum { STDOUT = 1, STDERR, STATUS, MAX_TEXT = 1 << 16, PORT_BYTES = 2 };

/* The first |max| bytes are kept. */
static void keep(struct buf *b, struct str bytes, size_t max)
{
    size_t room = b->n < max ? max - b->n : 0;
    buf_add(b, bytes.p, bytes.n < room ? bytes.n : room);
}

static bool keep_all(struct buf *b, struct str bytes, size_t max, struct err *err)
{
    if (bytes.n > max - b->n) return err_set(err, "the answer is larger than %zu bytes", max);
    buf_str(b, bytes);
    return true;
}

/* ---- exec ---- */

bool exec_channels_take(struct exec_channels *c, struct str message, struct err *err)
{
    struct str bytes = str_sub(message, 1, message.n);
    int channel = message.n ? (unsigned char)message.p[0] : -1;
    if (channel == STDOUT) return keep_all(&c->out, bytes, c->max, err);
    if (channel == STDERR) keep(&c->errors, bytes, MAX_TEXT);
    if (channel == STATUS) keep(&c->status, bytes, MAX_TEXT);
    return true; /* v5: 255 says that a channel will say no more */
}

/* Of details.causes, or -1. */
static int64_t exit_code(const json_t *status)
{
    int64_t code;
    size_t i;
    json_t *cause;
    json_array_foreach(json_object_get(json_object_get(status, "details"), "causes"), i,
                       cause) if (str_is(json_text(cause, "reason"), "ExitCode") &&
                                  str_to_i64(json_text(cause, "message"), 0, 255, &code)) return code;
    return -1;
}

bool exec_channels_end(const struct exec_channels *c, int *exit, struct err *err)
{
    json_t *status = c->status.n ? json_loadb(c->status.p, c->status.n, 0, NULL) : NULL;
    struct str word = json_text(status, "status"), message = json_text(status, "message");
    int64_t code = str_is(word, "Success") ? 0 : exit_code(status);
    bool ok = str_is(word, "Success") || (str_is(json_text(status, "reason"), "NonZeroExitCode") && code > 0);
    *exit = (int)code;
    if (!c->status.n)
        err_set(err, "the connection ended before the command");
    else if (!ok)
        err_set(err, "%.*s", STR_FMT(message.n ? message : S("the server does not say how the command ended")));
    json_decref(status);
    return ok;
}

void exec_channels_release(struct exec_channels *c)
{
    buf_free(&c->out);
    buf_free(&c->errors);
    buf_free(&c->status);
}

/* ---- a port ---- */

bool forward_channels_take(struct forward_channels *c, struct str message, struct err *err)
{
    int channel = message.n ? (unsigned char)message.p[0] : -1;
    if (channel != 0 && channel != 1) return true;
    struct str bytes = str_sub(message, 1, message.n);
    size_t skip = PORT_BYTES - c->skipped[channel];
    if (skip > bytes.n) skip = bytes.n;
    c->skipped[channel] += skip;
    bytes = str_sub(bytes, skip, bytes.n);
    if (channel == 0) return keep_all(&c->data, bytes, c->max, err);
    keep(&c->failure, bytes, MAX_TEXT);
    return true;
}

void forward_channels_release(struct forward_channels *c)
{
    buf_free(&c->data);
    buf_free(&c->failure);
}
