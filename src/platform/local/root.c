#include "platform/local/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "platform/local/layer.h"

#define OLD "/.osm-old-root"

static bool do_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data,
                     struct err *err)
{
    return mount(source, target, type, flags, data) == 0 || err_errno(err, errno, "cannot mount %s", target);
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- the overlay ---- */

static bool overlay(const struct root_spec *spec, struct arena *a, const char *root, struct err *err)
{
    const char *base = spec->base ? spec->base : "/";
    if (strpbrk(base, ":,\\") || (spec->layer && strpbrk(spec->layer, ":,\\")))
        return err_set(err, "an image directory's path may not contain ':', ',' or '\\'");
    static const char *const parts[] = {"upper", "work", "root"};
    for (size_t i = 0; i < 3; i++)
        if (!dir_make(str_fmt(a, "%s/%s", spec->dir, parts[i]).p, 0755, err)) return false;
    const char *layer = spec->layer;
    if (layer && layer_overlaps(layer, base)) {
        layer = str_fmt(a, "%s/layer", spec->dir).p;
        if (!layer_copy(spec->layer, layer, err)) return false;
    }
    struct str data = str_fmt(a, "lowerdir=%s%s%s,upperdir=%s/upper,workdir=%s/work", layer ? layer : "",
                              layer ? ":" : "", base, spec->dir, spec->dir);
    return do_mount("overlay", root, "overlay", 0, data.p, err);
}

/* File systems that are not somebody's disk: the pod has its own, or none. */
static bool is_own_kind(struct str type)
{
    static const char *const skipped[] = {"proc",    "sysfs",  "devtmpfs",   "devpts",      "tmpfs",    "cgroup",
                                          "cgroup2", "mqueue", "debugfs",    "tracefs",     "ramfs",    "securityfs",
                                          "bpf",     "pstore", "hugetlbfs",  "autofs",      "configfs", "efivarfs",
                                          "fusectl", "nsfs",   "rpc_pipefs", "binfmt_misc", "overlay"};
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (str_is(type, skipped[i])) return true;
    return false;
}

/* What make_system_mounts covers anyway. */
static bool is_covered(struct str path)
{
    return str_starts(path, S("/run/")) || str_starts(path, S("/proc/")) || str_starts(path, S("/sys/")) ||
           str_starts(path, S("/dev/"));
}

static bool is_hidden(const struct root_spec *spec, struct str path)
{
    for (each(h, spec->hidden))
        if (str_starts(path, *h)) return true;
    return false;
}

/* Writable like the root if it can be a lower layer, else bound read-only. */
static void show_disk(const struct root_spec *spec, struct arena *a, const char *point, const char *target)
{
    struct hash128 h = hash128_of(point, strlen(point));
    const char *own = str_fmt(a, "%s/disk-%llx", spec->dir, (unsigned long long)h.lo).p;
    struct err ignored = {0};
    const char *upper = str_fmt(a, "%s/upper", own).p, *work = str_fmt(a, "%s/work", own).p;
    struct str data = str_fmt(a, "lowerdir=%s,upperdir=%s,workdir=%s", point, upper, work);
    bool plain = !strpbrk(point, ":,\\") && dir_make(upper, 0755, &ignored) && dir_make(work, 0755, &ignored);
    if (plain && mount("overlay", target, "overlay", 0, data.p) == 0) return;
    if (mount(point, target, NULL, MS_BIND, NULL) == 0)
        mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

/* An overlay shows only one file system: the machine's other disks are laid over it one by one. */
static bool other_disks(const struct root_spec *spec, struct arena *a, const char *root, struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    if (!file_read("/proc/self/mountinfo", 4 << 20, &text, err)) return false;
    struct str rest = buf_view(&text);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n'), part = line, point = STR_NULL;
        for (int i = 0; i < 5 && part.p; i++) point = str_cut(&part, ' ');
        while (part.p && !str_is(str_cut(&part, ' '), "-")) {}
        struct str type = str_cut(&part, ' ');
        if (point.n < 2 || is_own_kind(type) || is_covered(point) || is_hidden(spec, point) ||
            str_starts(point, str_of(spec->dir)))
            continue;
        const char *target = str_fmt(a, "%s%.*s", root, STR_FMT(point)).p;
        if (is_dir(target)) show_disk(spec, a, str_c(a, point), target);
    }
    return true;
}

static bool pivot(const char *root, struct err *err)
{
    if (chdir(root) < 0) return err_errno(err, errno, "cannot enter %s", root);
    if (mkdir(&OLD[1], 0700) < 0 && errno != EEXIST) return err_errno(err, errno, "cannot make %s", OLD);
    if (syscall(SYS_pivot_root, ".", &OLD[1]) < 0) return err_errno(err, errno, "cannot move into %s", root);
    return chdir("/") == 0 || err_errno(err, errno, "cannot enter the new root");
}

/* ---- what is mounted inside, once the new root is / ---- */

/* Makes |path| a directory, or an empty file, through which no link leads elsewhere. */
static bool make_target(struct arena *a, const char *path, bool as_dir, struct err *err)
{
    if (as_dir) return dir_make(path, 0755, err);
    struct str p = str_of(path);
    ptrdiff_t slash = str_rfind(p, '/');
    if (slash > 0 && !dir_make(str_c(a, str_sub(p, 0, (size_t)slash)), 0755, err)) return false;
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) unlink(path);
    int fd SCOPED_FD = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 || err_errno(err, errno, "cannot make %s", path);
}

static int open_inside(const char *source, const char *sub)
{
    int dir SCOPED_FD = open(source, O_PATH | O_CLOEXEC);
    if (dir < 0 || !sub || !*sub) return STEAL_FD(dir);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, dir, sub, &how, sizeof how);
}

static bool bind_volume(struct arena *a, const struct root_mount *m, struct err *err)
{
    const char *source = str_fmt(a, OLD "%s", m->source).p;
    if (m->sub && is_dir(source)) {
        struct str whole = str_fmt(a, "%s/%s", source, m->sub);
        if (strstr(m->sub, "..") || (access(whole.p, F_OK) < 0 && !dir_make(whole.p, 0755, err)))
            return err_set(err, "subPath %s of %s cannot be used", m->sub, m->target);
    }
    int fd SCOPED_FD = open_inside(source, m->sub);
    if (fd < 0) return err_errno(err, errno, "cannot open what is to be mounted at %s", m->target);
    struct stat st;
    if (fstat(fd, &st) < 0) return err_errno(err, errno, "cannot look at what is to be mounted at %s", m->target);
    if (!make_target(a, m->target, S_ISDIR(st.st_mode), err)) return false;
    if (!do_mount(str_fmt(a, "/proc/self/fd/%d", fd).p, m->target, NULL, MS_BIND | MS_REC, NULL, err)) return false;
    return !m->read_only || do_mount(NULL, m->target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL, err);
}

static bool make_devices(struct err *err)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } nodes[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                 {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"},
                                           {"pts/ptmx", "/dev/ptmx"}};
    if (!do_mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k", err)) return false;
    mode_t mask = umask(0);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
            return err_errno(err, errno, "cannot make %s", nodes[i].path);
    umask(mask);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], links[i][1]) < 0) return err_errno(err, errno, "cannot make %s", links[i][1]);
    mkdir("/dev/pts", 0755);
    mkdir("/dev/shm", 01777);
    return do_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620", err) &&
           do_mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m", err);
}

static bool make_system_mounts(const struct root_spec *spec, struct err *err)
{
    static const char *const points[] = {"/proc", "/sys", "/dev", "/run", "/tmp"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        if (mkdir(points[i], 0755) < 0 && errno != EEXIST) return err_errno(err, errno, "cannot make %s", points[i]);
    unsigned long read_only = spec->is_privileged ? 0 : MS_RDONLY;
    if (!do_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err) || !make_devices(err) ||
        !do_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | read_only, NULL, err) ||
        !do_mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755", err))
        return false;
    if (spec->is_privileged) return true;
    return do_mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL, err) &&
           do_mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL, err) &&
           (access("/proc/sysrq-trigger", F_OK) < 0 ||
            do_mount("/dev/null", "/proc/sysrq-trigger", NULL, MS_BIND, NULL, err));
}

static bool hide(const struct root_spec *spec, struct arena *a, struct err *err)
{
    for (each(h, spec->hidden)) {
        const char *path = str_c(a, *h);
        if (is_dir(path) && !do_mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID, "mode=755,size=4k", err))
            return false;
    }
    return true;
}

static bool seal(const struct root_spec *spec, struct err *err)
{
    if (umount2(OLD, MNT_DETACH) < 0) return err_errno(err, errno, "cannot leave the old root");
    rmdir(OLD);
    return !spec->read_only || do_mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL, err);
}

bool root_enter(const struct root_spec *spec, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (unshare(CLONE_NEWNS) < 0) return err_errno(err, errno, "cannot make a mount namespace");
    const char *root = str_fmt(a, "%s/root", spec->dir).p;
    if (!do_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL, err) || !overlay(spec, a, root, err) ||
        (!spec->base && !other_disks(spec, a, root, err)) || !pivot(root, err) || !make_system_mounts(spec, err) ||
        !hide(spec, a, err))
        return false;
    for (each(m, spec->mounts))
        if (!bind_volume(a, m, err)) return false;
    return seal(spec, err);
}
