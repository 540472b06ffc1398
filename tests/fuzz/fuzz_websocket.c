// rooms: kube
/* What an API server says in a WebSocket: the upgrade and the frames, cut in two, and the channels of exec and of a
 * forwarded port. An input that does not begin with HTTP is frames behind an upgrade that is right. */
#include <openssl/evp.h>

#include "base/base64.h"
#include "kube/channels.h"
#include "kube/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
    struct exec_channels exec;
    struct forward_channels port;
};

static bool on_message(void *arg, struct str bytes)
{
    struct said *s = arg;
    struct err err = {0};
    bool more = exec_channels_take(&s->exec, bytes, &err);
    return forward_channels_take(&s->port, bytes, &err) && more;
}

static void upgrade(struct websocket *w)
{
    struct buf text SCOPED_BUF = {0}, proof SCOPED_BUF = {0};
    struct str request = buf_view(websocket_output(w)), line;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct err err = {0};
    while (request.p && !str_starts(line = str_cut(&request, '\n'), S("Sec-WebSocket-Key: "))) continue;
    buf_str(&text, str_trim(str_sub(line, 19, line.n)));
    buf_c(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    EVP_Digest(text.p, text.n, hash, &n, EVP_sha1(), NULL);
    buf_c(&proof,
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: "
          "v4.channel.k8s.io\r\nSec-WebSocket-Accept: ");
    base64_write(str_make((const char *)hash, n), &proof);
    buf_c(&proof, "\r\n\r\n");
    if (!websocket_feed(w, buf_view(&proof), &err)) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct said said = {.exec.max = 4096, .port.max = 4096};
    struct err err = {0};
    int code;
    struct str all = str_make((const char *)data + 1, size - 1), first = str_sub(all, 0, data[0] % size);
    struct websocket *w =
        websocket_new(&(struct websocket_options){.target = S("/x"),
                                                  .host = S("h"),
                                                  .protocols = S("v5.channel.k8s.io, v4.channel.k8s.io"),
                                                  .message = on_message,
                                                  .arg = &said});
    if (!str_starts(all, S("HTTP"))) upgrade(w);
    if (websocket_feed(w, first, &err) && websocket_feed(w, str_sub(all, first.n, all.n), &err) &&
        !websocket_end(w, &err) && !err.is_set)
        __builtin_trap(); /* a failure has a sentence */
    err_clear(&err);
    if (!exec_channels_end(&said.exec, &code, &err) && !err.is_set) __builtin_trap();
    exec_channels_release(&said.exec);
    forward_channels_release(&said.port);
    websocket_free(w);
    return 0;
}
