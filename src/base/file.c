#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_closep(int *fd)
{
    if (*fd >= 0) close(*fd);
}

bool file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    int fd SCOPED_FD = open(path, O_RDONLY | O_CLOEXEC);
    size_t start = out->n;
    if (fd < 0) return err_errno(err, errno, "%s: cannot open", path);
    for (;;) {
        ssize_t n = read(fd, buf_reserve(out, 16384), 16384);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_errno(err, errno, "%s: cannot read", path);
        if (n == 0) return true;
        buf_commit(out, (size_t)n);
        if (out->n - start > max) return err_set(err, "%s: larger than %zu bytes, the most that is read", path, max);
    }
}

static bool write_all(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text = str_sub(text, (size_t)n, text.n);
    }
    return true;
}

bool file_write_atomic(const char *path, struct str text, unsigned mode, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    /* A leading dot and no known ending: readers of a folder of manifests pass over it. */
    struct str p = str_of(path), dir = str_sub(p, 0, (size_t)(str_rfind(p, '/') + 1));
    struct str name = str_sub(p, dir.n, p.n);
    const char *tmp = str_fmt(a, "%.*s.%.*s.tmp-%d", STR_FMT(dir), STR_FMT(name), (int)getpid()).p;
    int fd SCOPED_FD = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return err_errno(err, errno, "%s: cannot create", tmp);
    if (write_all(fd, text) && fchmod(fd, mode) == 0 && fsync(fd) == 0 && rename(tmp, path) == 0) return true;
    int why = errno;
    unlink(tmp);
    return err_errno(err, why, "%s: cannot write", path);
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool dir_make(const char *path, unsigned mode, struct err *err)
{
    char *copy = xstrdup(path);
    bool ok = true;
    for (char *at = copy + 1; ok; at++) {
        if (*at != '/' && *at != '\0') continue;
        char was = *at;
        *at = '\0';
        if (mkdir(copy, mode) < 0 && !(errno == EEXIST && is_dir(copy)))
            ok = err_errno(err, errno == EEXIST ? ENOTDIR : errno, "%s: cannot make the directory", copy);
        *at = was;
        if (was == '\0') break;
    }
    free(copy);
    return ok;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

bool tree_remove(const char *path, struct err *err)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT) return true;
    return err_errno(err, errno, "%s: cannot remove", path);
}
