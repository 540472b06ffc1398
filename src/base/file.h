/* file.h - whole files. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes to |out|; refuses more than |max| bytes. */
MUST bool file_read(const char *path, size_t max, struct buf *out, struct err *err);
/* Writes a temporary file beside |path|, syncs it, and renames it over |path|, so that a reader sees the old or
 * the new text and never a part. |mode| as for open(2). */
MUST bool file_write_atomic(const char *path, struct str text, unsigned mode, struct err *err);
/* mkdir -p. */
MUST bool dir_make(const char *path, unsigned mode, struct err *err);
/* rm -r; absent is fine. Does not follow links, does not leave the file system. */
MUST bool tree_remove(const char *path, struct err *err);
void fd_closep(int *fd);
#define SCOPED_FD __attribute__((cleanup(fd_closep)))
#define STEAL_FD(fd)                                                                                                   \
    ({                                                                                                                 \
        int stolen_ = (fd);                                                                                            \
        (fd) = -1;                                                                                                     \
        stolen_;                                                                                                       \
    })
