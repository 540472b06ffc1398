#include "identity/tickets.h"

#include <openssl/rand.h>
#include <sys/stat.h>

#include "base/file.h"
#include "identity/key.h"
#include "identity/ssl.h"

enum { SIZE = 64, DAY = 86400 };

static bool is_usable(const char *path, int64_t now)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size != SIZE || st.st_mode & 077) return false;
    return now - st.st_mtime < TICKETS_DAYS * DAY;
}

bool tickets_secret(const char *dir, int64_t now, struct buf *out, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const char *path = str_fmt(a, "%s/ticket-secret", dir).p;
    if (is_usable(path, now)) return file_read(path, SIZE, out, err);
    unsigned char *p = (unsigned char *)buf_reserve(out, SIZE);
    if (RAND_bytes(p, SIZE) != 1) return ssl_err(err, "no random bytes for session tickets");
    buf_commit(out, SIZE);
    return file_write_atomic(path, str_make(out->p + out->n - SIZE, SIZE), 0600, err);
}
