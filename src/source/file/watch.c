#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "source/file/internal.h"

/* Written and closed, renamed here, gone; a new name that no write will follow (a link); permissions mended. */
enum {
    MASK = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF |
           IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK
};

struct folder {
    int wd, root;
    char path[];
};

struct watch {
    int fd;
    struct watch_events to;
    struct map by_wd;   /* the int's bytes → struct folder */
    struct map by_path; /* → the same */
};

static struct str wd_key(const int *wd) { return str_make((const char *)wd, sizeof *wd); }

bool is_document_name(const char *name)
{
    struct str s = str_of(name);
    if (!s.n || s.p[0] == '.') return false;
    return str_ends(s, S(".yaml")) || str_ends(s, S(".yml")) || str_ends(s, S(".json"));
}

struct watch *watch_new(struct watch_events to, struct err *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        err_errno(err, errno, "inotify is not to be had (fs.inotify.max_user_instances may be used up)");
        return NULL;
    }
    struct watch *w = xcalloc(1, sizeof *w);
    w->fd = fd;
    w->to = to;
    return w;
}

void watch_free(struct watch *w)
{
    void *v;
    if (!w) return;
    for (size_t it = 0; map_next(&w->by_wd, &it, NULL, &v);) free(v);
    map_release(&w->by_wd);
    map_release(&w->by_path);
    close(w->fd);
    free(w);
}

int watch_fd(const struct watch *w) { return w->fd; }
bool watch_has(const struct watch *w, const char *dir) { return map_get(&w->by_path, str_of(dir)) != NULL; }

static void forget(struct watch *w, struct folder *f)
{
    map_del(&w->by_wd, wd_key(&f->wd));
    if (map_get(&w->by_path, str_of(f->path)) == f) map_del(&w->by_path, str_of(f->path));
    free(f);
}

/* Before its content is listed, so that nothing comes in between. */
static bool add_folder(struct watch *w, int root, const char *path, struct err *err)
{
    int wd = inotify_add_watch(w->fd, path, MASK);
    if (wd < 0) return err_errno(err, errno, "%s: cannot be watched", path);
    struct folder *old = map_get(&w->by_wd, wd_key(&wd));
    if (old) forget(w, old); /* moved within the tree: the kernel keeps its number */
    struct folder *f = xcalloc(1, sizeof *f + strlen(path) + 1);
    f->wd = wd;
    f->root = root;
    strcpy(f->path, path);
    map_put(&w->by_wd, wd_key(&wd), f);
    map_put(&w->by_path, str_of(path), f);
    return true;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void entry_found(struct watch *w, int root, const char *dir, const char *name)
{
    struct err err = {0};
    char path[PATH_MAX];
    if (name[0] == '.' || snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return;
    if (is_folder(path)) {
        if (!watch_tree(w, root, path, &err)) log_warn("%s", err.text);
    } else if (is_document_name(name)) {
        w->to.touched(w->to.arg, root, path);
    }
}

bool watch_tree(struct watch *w, int root, const char *dir, struct err *err)
{
    if (!add_folder(w, root, dir, err)) return false;
    DIR *d = opendir(dir);
    if (!d) return err_errno(err, errno, "%s: cannot be listed", dir);
    for (struct dirent *e; (e = readdir(d));) entry_found(w, root, dir, e->d_name);
    closedir(d);
    return true;
}

/* A folder is gone, or moved away with what is in it: the kernel would go on reporting from there. */
static void tree_gone(struct watch *w, const char *path)
{
    SCOPED_ARENA struct arena *a = arena_new();
    struct strs all = map_keys(&w->by_path, a);
    struct str below = str_fmt(a, "%s/", path);
    for (size_t i = 0; i < all.n; i++) {
        if (!str_is(all.v[i], path) && !str_starts(all.v[i], below)) continue;
        struct folder *f = map_get(&w->by_path, all.v[i]);
        inotify_rm_watch(w->fd, f->wd);
        forget(w, f);
    }
    w->to.gone(w->to.arg, path);
}

/* A root is told of its own moves by nobody else. */
static bool is_root(const struct watch *w, const struct folder *f)
{
    const char *slash = strrchr(f->path, '/');
    return !slash || !map_get(&w->by_path, str_make(f->path, (size_t)(slash - f->path)));
}

/* A file that was just made will be written and closed; a link has nothing more to come. */
static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static void folder_event(struct watch *w, int root, const char *path, const struct inotify_event *e)
{
    struct err err = {0};
    if (e->name[0] == '.') return;
    if (e->mask & (IN_MOVED_FROM | IN_DELETE)) tree_gone(w, path);
    if (e->mask & (IN_CREATE | IN_MOVED_TO) && !watch_tree(w, root, path, &err) && is_folder(path))
        log_warn("%s", err.text);
}

static void handle(struct watch *w, const struct inotify_event *e)
{
    char path[PATH_MAX];
    if (e->mask & IN_Q_OVERFLOW) {
        w->to.lost(w->to.arg);
        return;
    }
    struct folder *f = map_get(&w->by_wd, wd_key(&e->wd));
    if (!f) return;
    if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
        if (e->mask & IN_MOVE_SELF && !is_root(w, f)) return; /* the folder above says where to */
        char *gone = xstrdup(f->path);
        tree_gone(w, gone);
        free(gone);
        return;
    }
    if (!e->len || snprintf(path, sizeof path, "%s/%s", f->path, e->name) >= (int)sizeof path) return;
    if (e->mask & IN_ISDIR)
        folder_event(w, f->root, path, e);
    else if (is_document_name(e->name) && (!(e->mask & IN_CREATE) || is_link(path)))
        w->to.touched(w->to.arg, f->root, path);
}

void watch_read(struct watch *w)
{
    _Alignas(struct inotify_event) char buf[64 * 1024];
    for (;;) {
        ssize_t n = read(w->fd, buf, sizeof buf);
        if (n <= 0) return;
        for (char *p = buf; p < buf + n;) {
            const struct inotify_event *e = (const struct inotify_event *)p;
            handle(w, e);
            p += sizeof *e + e->len;
        }
    }
}
