/* listen.h - listening sockets. */
#pragma once
#include <stdint.h>

#include "base/err.h"

/* A non-blocking, close-on-exec listening TCP socket on a numeric address ("0.0.0.0", "::1"); port 0: any free one.
 * What it accepts inherits TCP_NODELAY. -1 with err. */
MUST int listen_tcp(const char *address, uint16_t port, struct err *err);
/* A Unix socket at |path| with exactly |mode|; a stale one is replaced, a live one is an error. */
MUST int listen_unix(const char *path, unsigned mode, struct err *err);
/* The port of a bound TCP socket. */
uint16_t listen_port(int fd);
/* "10.0.0.1:80", "[::1]:80" or "unix" of the socket's peer, NUL-terminated, at most 64 bytes. */
void peer_address(int fd, char out[64]);
