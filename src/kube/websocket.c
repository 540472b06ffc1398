#include "kube/websocket.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <wslay/wslay.h>

#include "base/base64.h"

enum { MAX_REFUSAL = 1 << 16, MAX_OUTPUT = 1 << 20 };

struct websocket {
    struct arena *arena; /* of |opt| and the answer */
    struct websocket_options opt;
    struct str key, protocol;
    struct http_text answer;
    wslay_event_context_ptr frames; /* once upgraded */
    struct buf in, out;
    size_t read; /* of |in|, by wslay */
    bool was_refused, is_over;
};

/* ---- wslay's side ---- */

static ssize_t give(wslay_event_context_ptr ctx, uint8_t *p, size_t n, int flags, void *arg)
{
    (void)flags;
    struct websocket *w = arg;
    size_t left = w->in.n - w->read;
    if (!left || w->is_over) return wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK), -1;
    if (n > left) n = left;
    memcpy(p, w->in.p + w->read, n);
    w->read += n;
    return (ssize_t)n;
}

static ssize_t take(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *arg)
{
    (void)ctx, (void)flags;
    struct websocket *w = arg;
    buf_add(&w->out, p, n);
    return (ssize_t)n;
}

static int make_mask(wslay_event_context_ptr ctx, uint8_t *p, size_t n, void *arg)
{
    (void)arg;
    if (RAND_bytes(p, (int)n) == 1) return 0;
    wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
    (void)ctx;
    struct websocket *w = arg;
    if (wslay_is_ctrl_frame(m->opcode) || w->is_over) return;
    w->is_over = !w->opt.message(w->opt.arg, str_make((const char *)m->msg, m->msg_length));
}

static void start_frames(struct websocket *w)
{
    static const struct wslay_event_callbacks calls = {.recv_callback = give,
                                                       .send_callback = take,
                                                       .genmask_callback = make_mask,
                                                       .on_msg_recv_callback = on_message};
    if (wslay_event_context_client_init(&w->frames, &calls, w) != 0) abort(); /* out of memory */
    wslay_event_config_set_max_recv_msg_length(w->frames, WEBSOCKET_MAX_MESSAGE);
}

static bool run_frames(struct websocket *w, struct err *err)
{
    int code = wslay_event_recv(w->frames);
    buf_drop(&w->in, w->read);
    w->read = 0;
    if (code == 0) code = wslay_event_send(w->frames);
    if (code != 0) return err_set(err, "the server's frames cannot be read (%d)", code);
    if (w->out.n > MAX_OUTPUT) return err_set(err, "the server asks and asks and takes no answer"); /* pings */
    /* wslay answers what it does not accept by closing with a status of its own. */
    bool is_broken = wslay_event_get_close_sent(w->frames) && !wslay_event_get_close_received(w->frames);
    unsigned status = wslay_event_get_status_code_sent(w->frames);
    if (is_broken && status == WSLAY_CODE_MESSAGE_TOO_BIG)
        return err_set(err, "the server sent a message of more than %d bytes", WEBSOCKET_MAX_MESSAGE);
    return !is_broken || err_set(err, "the server's frames are no WebSocket (%u)", status);
}

/* ---- the upgrade ---- */

static struct str new_key(struct arena *a)
{
    struct buf text SCOPED_BUF = {0};
    char bytes[16];
    if (RAND_bytes((unsigned char *)bytes, sizeof bytes) != 1) abort(); /* OpenSSL has no randomness */
    base64_write(str_make(bytes, sizeof bytes), &text);
    return str_dup(a, buf_view(&text));
}

/* What shows that the server knows WebSockets: RFC 6455 section 4.2.2. */
static struct str proof_of(struct str key, struct arena *a)
{
    struct buf text SCOPED_BUF = {0};
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct str both = str_fmt(a, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", STR_FMT(key));
    if (EVP_Digest(both.p, both.n, hash, &n, EVP_sha1(), NULL) != 1) return STR_NULL;
    base64_write(str_make((char *)hash, n), &text);
    return str_dup(a, buf_view(&text));
}

static bool was_offered(struct str offered, struct str protocol)
{
    while (offered.p)
        if (protocol.n && str_eq(str_trim(str_cut(&offered, ',')), protocol)) return true;
    return false;
}

static bool accept_upgrade(struct websocket *w, struct err *err)
{
    const struct http_text *t = &w->answer;
    struct str proof = http_text_header(t, "sec-websocket-accept");
    struct str protocol = http_text_header(t, "sec-websocket-protocol");
    if (!str_eq_nocase(http_text_header(t, "upgrade"), S("websocket")) || !str_eq(proof, proof_of(w->key, w->arena)))
        return err_set(err, "the server, or a proxy before it, answers the upgrade to a WebSocket wrongly");
    if (!was_offered(w->opt.protocols, protocol))
        return err_set(err, "the server speaks none of %.*s", STR_FMT(w->opt.protocols));
    w->protocol = str_dup(w->arena, protocol);
    start_frames(w);
    return true;
}

/* |in| lasts as long as the answer: nothing is fed after it. */
static bool read_upgrade(struct websocket *w, bool at_end, struct err *err)
{
    enum http_text_state state = http_text_read(buf_view(&w->in), at_end, w->arena, &w->answer, err);
    if (state == HTTP_TEXT_BAD) return false;
    if (state == HTTP_TEXT_MORE && w->in.n > MAX_REFUSAL)
        return err_set(err, "the server's refusal is longer than %d bytes", MAX_REFUSAL);
    if (state == HTTP_TEXT_MORE) return true;
    if (w->answer.status != 101) {
        w->was_refused = true;
        return err_set(err, "the server answers %d to the upgrade to a WebSocket", w->answer.status);
    }
    size_t used = w->answer.used;
    if (!accept_upgrade(w, err)) return false;
    buf_drop(&w->in, used);
    return true;
}

static void write_request(struct websocket *w)
{
    const struct websocket_options *o = &w->opt;
    buf_fmt(&w->out, "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
            STR_FMT(o->target), STR_FMT(o->host));
    buf_fmt(&w->out, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\nSec-WebSocket-Protocol: %.*s\r\n",
            STR_FMT(w->key), STR_FMT(o->protocols));
    for (size_t i = 0; i < o->headers.n; i++) {
        buf_str(&w->out, o->headers.v[i]);
        buf_c(&w->out, "\r\n");
    }
    buf_c(&w->out, "\r\n");
}

/* ---- the outside ---- */

struct websocket *websocket_new(const struct websocket_options *opt)
{
    struct websocket *w = xcalloc(1, sizeof *w);
    w->arena = arena_new();
    w->opt = *opt;
    w->opt.protocols = str_dup(w->arena, opt->protocols);
    w->key = new_key(w->arena);
    write_request(w);
    w->opt.target = w->opt.host = STR_NULL; /* borrowed, and not needed any more */
    w->opt.headers = (struct strs){0};
    return w;
}

void websocket_free(struct websocket *w)
{
    if (!w) return;
    if (w->frames) wslay_event_context_free(w->frames);
    buf_free(&w->in);
    buf_free(&w->out);
    arena_free(w->arena);
    free(w);
}

bool websocket_feed(struct websocket *w, struct str bytes, struct err *err)
{
    if (w->is_over) return true;
    buf_str(&w->in, bytes);
    if (!w->frames && !read_upgrade(w, false, err)) return false;
    return !w->frames || run_frames(w, err);
}

bool websocket_end(struct websocket *w, struct err *err)
{
    if (!w->frames) {
        bool is_whole = read_upgrade(w, true, err);
        return is_whole && err_set(err, "the connection ended with the upgrade to a WebSocket");
    }
    return w->is_over || websocket_is_closed(w) || err_set(err, "the connection to the server was lost");
}

struct str websocket_protocol(const struct websocket *w) { return w->protocol; }
const struct http_text *websocket_refusal(const struct websocket *w) { return w->was_refused ? &w->answer : NULL; }
bool websocket_is_closed(const struct websocket *w) { return w->frames && wslay_event_get_close_received(w->frames); }
struct buf *websocket_output(struct websocket *w) { return &w->out; }

void websocket_send(struct websocket *w, struct str bytes)
{
    struct wslay_event_msg m = {.opcode = WSLAY_BINARY_FRAME, .msg = (const uint8_t *)bytes.p, .msg_length = bytes.n};
    wslay_event_queue_msg(w->frames, &m);
    wslay_event_send(w->frames);
}
