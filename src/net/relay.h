/* relay.h - two sockets joined: what one says the other hears, each direction ending by itself. */
#pragma once
#include <event2/event.h>
#include <sys/socket.h>

/* Takes over both sockets, made non-blocking. |to| not NULL: |b| is connected there first. A side that is slow holds
 * the other back at 256 kB. |done(arg)| (may be NULL) runs once, when both are closed. */
void relay_start(struct event_base *base, int a, int b, const struct sockaddr *to, socklen_t n, void (*done)(void *arg),
                 void *arg);
