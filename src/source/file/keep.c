#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "source/file/internal.h"

/* A kept text begins with its own hash: it is written without fsync (a save would cost milliseconds of everybody's
 * time), so after a power cut it may be torn, and half a policy is worse than none. */
enum { HEAD = 33 };

bool keep_open(struct keep *k, const char *state_dir, struct err *err)
{
    if (!state_dir) return true;
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s/last-good", state_dir);
    if (!dir_make(dir, 0700, err)) return false;
    k->dir = xstrdup(dir);
    return true;
}

void keep_release(struct keep *k) { free(k->dir); }

/* The same file has the same name from whatever folder the program was started. */
static void file_name(const char *path, char out[33])
{
    char dir[PATH_MAX], real[PATH_MAX];
    const char *base = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", base ? (int)(base - path) : 1, base ? path : ".");
    if (!realpath(dir, real)) snprintf(real, sizeof real, "%s", dir);
    struct hasher h;
    hasher_init(&h);
    hasher_str(&h, str_of(real));
    hasher_str(&h, str_of(base ? base + 1 : path));
    hash128_hex(hasher_end(&h), out);
}

static void full_name(const struct keep *k, const char *path, char out[PATH_MAX])
{
    char name[33];
    file_name(path, name);
    snprintf(out, PATH_MAX, "%s/%s", k->dir, name);
}

bool keep_load(const struct keep *k, const char *path, struct buf *out)
{
    if (!k->dir) return false;
    char name[PATH_MAX], want[HEAD];
    struct err err = {0};
    SCOPED_BUF struct buf b = {0};
    full_name(k, path, name);
    if (!file_read(name, node_limits_default.bytes + HEAD, &b, &err) || b.n < HEAD) return false;
    hash128_hex(hash128_of(b.p + HEAD, b.n - HEAD), want);
    if (memcmp(b.p, want, HEAD - 1) != 0) return false;
    buf_add(out, b.p + HEAD, b.n - HEAD);
    return true;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool write_renamed(const char *name, struct str head, struct str text)
{
    char tmp[PATH_MAX + 4];
    snprintf(tmp, sizeof tmp, "%s.new", name);
    SCOPED_FD int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 && write_all(fd, head.p, head.n) && write_all(fd, text.p, text.n) && rename(tmp, name) == 0;
}

static bool is_kept(const char *name, const char *head)
{
    char has[HEAD];
    SCOPED_FD int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && read(fd, has, HEAD) == HEAD && memcmp(has, head, HEAD) == 0;
}

void keep_save(const struct keep *k, const char *path, struct str text)
{
    if (!k->dir) return;
    char name[PATH_MAX], head[HEAD];
    full_name(k, path, name);
    hash128_hex(hash128_of(text.p ? text.p : "", text.n), head);
    head[HEAD - 1] = '\n';
    if (!is_kept(name, head) && !write_renamed(name, str_make(head, HEAD), text))
        log_warn("%s: the last good text of %s is not kept: %s", name, path, strerror(errno));
}

void keep_drop(const struct keep *k, const char *path)
{
    if (!k->dir) return;
    char name[PATH_MAX];
    full_name(k, path, name);
    unlink(name);
}

void keep_only(const struct keep *k, struct strs paths)
{
    if (!k->dir) return;
    struct map names = {0};
    DIR *d = opendir(k->dir);
    for (size_t i = 0; i < paths.n; i++) {
        char name[33];
        file_name(paths.v[i].p, name);
        map_put(&names, str_of(name), k->dir);
    }
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && !map_get(&names, str_of(e->d_name))) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
    map_release(&names);
}
