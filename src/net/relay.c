#include "net/relay.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

#include "base/arena.h"

enum { HELD_BACK = 256 * 1024 };

struct relay {
    struct bufferevent *end[2];
    bool closed[2];
    void (*done)(void *arg);
    void *arg;
};

static void relay_free(struct relay *r)
{
    bufferevent_free(r->end[0]);
    bufferevent_free(r->end[1]);
    if (r->done) r->done(r->arg);
    free(r);
}

static int side_of(const struct relay *r, const struct bufferevent *b) { return r->end[1] == b; }

static void on_data(struct bufferevent *b, void *arg)
{
    struct relay *r = arg;
    struct bufferevent *other = r->end[!side_of(r, b)];
    bufferevent_write_buffer(other, bufferevent_get_input(b));
    if (evbuffer_get_length(bufferevent_get_output(other)) > HELD_BACK) bufferevent_disable(b, EV_READ);
}

static void on_drained(struct bufferevent *b, void *arg)
{
    struct relay *r = arg;
    int side = side_of(r, b);
    if (!r->closed[!side]) {
        bufferevent_enable(r->end[!side], EV_READ);
        return;
    }
    shutdown(bufferevent_getfd(b), SHUT_WR);
    if (r->closed[side]) relay_free(r);
}

static void on_event(struct bufferevent *b, short what, void *arg)
{
    struct relay *r = arg;
    int side = side_of(r, b);
    if (what & BEV_EVENT_CONNECTED) return;
    if (what & BEV_EVENT_ERROR) {
        relay_free(r);
        return;
    }
    on_data(b, r);
    r->closed[side] = true;
    struct bufferevent *other = r->end[!side];
    if (evbuffer_get_length(bufferevent_get_output(other)) == 0) on_drained(other, r);
}

void relay_start(struct event_base *base, int a, int b, const struct sockaddr *to, socklen_t n, void (*done)(void *arg),
                 void *arg)
{
    struct relay *r = xcalloc(1, sizeof *r);
    int fds[2] = {a, b};
    r->done = done;
    r->arg = arg;
    for (int i = 0; i < 2; i++) {
        evutil_make_socket_nonblocking(fds[i]);
        r->end[i] = bufferevent_socket_new(base, fds[i], BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
        bufferevent_setcb(r->end[i], on_data, on_drained, on_event, r);
    }
    bool failed = to && bufferevent_socket_connect(r->end[1], to, (int)n) < 0;
    for (int i = 0; i < 2 && !failed; i++) bufferevent_enable(r->end[i], EV_READ | EV_WRITE);
    if (failed) relay_free(r);
}
