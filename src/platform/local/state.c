#include "platform/local/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define DEFAULT_RUN  "/run/osm/local"
#define DEFAULT_KEEP "/var/lib/osm/local"

static void derive(struct state *s, struct arena *a)
{
    const char *run = s->run, *keep = s->keep;
    s->objects = str_fmt(a, "%s/objects", run).p;
    s->secrets = str_fmt(a, "%s/objects/secrets", run).p;
    s->tokens = str_fmt(a, "%s/tokens", run).p;
    s->logs = str_fmt(a, "%s/logs", run).p;
    s->pods = str_fmt(a, "%s/pods", run).p;
    s->control = str_fmt(a, "%s/control.sock", run).p;
    s->api = str_fmt(a, "%s/controller.sock", run).p;
    s->pid = str_fmt(a, "%s/supervisor.pid", run).p;
    s->controller = str_fmt(a, "%s/controller", keep).p;
    s->claims = str_fmt(a, "%s/claims", keep).p;
    s->last_good = str_fmt(a, "%s/last-good", keep).p;
}

struct state state_paths(struct arena *a, const char *dir)
{
    struct state s = {0};
    if (!dir) dir = getenv("OSM_STATE");
    s.run = dir && *dir ? dir : DEFAULT_RUN;
    s.keep = dir && *dir ? dir : DEFAULT_KEEP;
    derive(&s, a);
    return s;
}

static bool real(const char **path, struct arena *a, struct err *err)
{
    if (!dir_make(*path, 0700, err)) return false;
    char *whole = realpath(*path, NULL);
    if (!whole) return err_errno(err, errno, "cannot resolve %s", *path);
    *path = str_dup(a, str_of(whole)).p;
    free(whole);
    return true;
}

bool state_prepare(struct state *s, struct arena *a, struct err *err)
{
    if (!real(&s->run, a, err) || !real(&s->keep, a, err)) return false;
    derive(s, a);
    const char *fresh[] = {s->objects, s->tokens, s->logs, s->pods};
    for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++)
        if (!tree_remove(fresh[i], err) || !dir_make(fresh[i], 0700, err)) return false;
    if (!dir_make(s->secrets, 0700, err)) return false;
    const char *kept[] = {s->controller, s->claims, s->last_good};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!dir_make(kept[i], 0700, err)) return false;
    unlink(s->control);
    unlink(s->api);
    return true;
}

int state_lock(const struct state *s, struct err *err)
{
    if (!dir_make(s->run, 0700, err)) return -1;
    int fd = open(s->pid, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return err_errno(err, errno, "cannot open %s", s->pid), -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    err_set(err, "a local mesh is already running here (process %d); osm local down ends it", state_running(s));
    return -1;
}

int state_running(const struct state *s)
{
    int fd SCOPED_FD = open(s->pid, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0) return 0;
    char text[16] = "";
    return read(fd, text, sizeof text - 1) > 0 ? atoi(text) : 0;
}
