/* control_internal.h - what both sides of the control socket share. */
#pragma once
#include <sys/un.h>

#include "platform/local/doc.h"

enum { CONTROL_FDS = 4 };

MUST bool control_address(const char *path, struct sockaddr_un *out, struct err *err);
/* One packet: its JSON (a new reference; NULL: the end, or no JSON) and its descriptors. */
json_t *control_read(int fd, int *fds, int *n);
