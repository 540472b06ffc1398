#include "controller/ending.h"

#include <signal.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"

/* A pod's endpoints go when its deletion begins, and who watches them hears of it within a second or so. The whole fits
 * many times into the 30 s that a pod has. */
enum { PAUSE_MS = 1000, SPREAD_MS = 3000, LAST_MS = 500 };

struct ending {
    struct event_base *base;
    struct event *term, *interrupt, *timer;
    struct api *api;
    struct xds_server *xds;
    bool is_gradual, has_begun, is_drained;
};

static void arm(struct ending *e, int ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    event_add(e->timer, &t);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    (void)what;
    struct ending *e = arg;
    if (sig == SIGTERM && e->is_gradual && e->xds && !e->has_begun) {
        log_info("the controller ends: its proxies move to others");
        e->has_begun = true;
        if (e->api) api_set_ending(e->api);
        arm(e, PAUSE_MS);
        return;
    }
    log_info("the controller ends");
    event_base_loopbreak(e->base);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct ending *e = arg;
    if (e->is_drained) {
        event_base_loopbreak(e->base);
        return;
    }
    e->is_drained = true;
    xds_server_drain(e->xds, SPREAD_MS * INT64_C(1000000));
    arm(e, SPREAD_MS + LAST_MS);
}

struct ending *ending_new(struct event_base *base, bool is_gradual)
{
    struct ending *e = xcalloc(1, sizeof *e);
    e->base = base;
    e->is_gradual = is_gradual;
    e->term = evsignal_new(base, SIGTERM, on_signal, e);
    e->interrupt = evsignal_new(base, SIGINT, on_signal, e);
    e->timer = evtimer_new(base, on_timer, e);
    evsignal_add(e->term, NULL);
    evsignal_add(e->interrupt, NULL);
    return e;
}

void ending_of(struct ending *e, struct api *api, struct xds_server *xds)
{
    e->api = api;
    e->xds = xds;
}

void ending_free(struct ending *e)
{
    if (!e) return;
    event_free(e->term);
    event_free(e->interrupt);
    event_free(e->timer);
    free(e);
}
