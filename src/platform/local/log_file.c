#include "platform/local/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

struct log_file {
    struct event *readable;
    char *path;
    int file, in, out;
    off_t size;
};

static void rotate(struct log_file *l)
{
    char old[4096];
    snprintf(old, sizeof old, "%s.1", l->path);
    int fresh = rename(l->path, old) == 0 ? open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fresh < 0) return;
    close(l->file);
    l->file = fresh;
    l->size = 0;
}

/* One read's worth; false when the pipe is empty. A full disk loses lines, never stops a container. */
static bool take(struct log_file *l)
{
    char bytes[65536];
    ssize_t n = read(l->in, bytes, sizeof bytes);
    if (n <= 0) return false;
    if (l->size + n > LOG_FILE_MAX) rotate(l);
    if (write(l->file, bytes, (size_t)n) == n) l->size += n;
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    take(arg);
}

struct log_file *log_file_new(struct event_base *base, const char *path, struct err *err)
{
    struct log_file *l = xcalloc(1, sizeof *l);
    int ends[2];
    l->path = xstrdup(path);
    l->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    l->in = l->out = -1;
    if (l->file < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        err_errno(err, errno, "cannot write the log %s", path);
        log_file_free(l);
        return NULL;
    }
    l->in = ends[0], l->out = ends[1];
    l->size = lseek(l->file, 0, SEEK_END);
    fcntl(l->in, F_SETFL, O_NONBLOCK);
    l->readable = event_new(base, l->in, EV_READ | EV_PERSIST, on_readable, l);
    event_add(l->readable, NULL);
    return l;
}

int log_file_fd(struct log_file *l, uid_t owner)
{
    if (fchown(l->out, owner, (gid_t)-1) < 0) {} /* then only names like /dev/stdout fail */
    return l->out;
}

void log_file_free(struct log_file *l)
{
    if (!l) return;
    for (int i = 0; i < 64 && l->in >= 0 && take(l); i++) {}
    if (l->readable) event_free(l->readable);
    if (l->file >= 0) close(l->file);
    if (l->in >= 0) close(l->in);
    if (l->out >= 0) close(l->out);
    free(l->path);
    free(l);
}
