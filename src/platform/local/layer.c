#include "platform/local/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

bool layer_overlaps(const char *layer, const char *base)
{
    struct stat a, b;
    return stat(layer, &a) == 0 && stat(base, &b) == 0 && a.st_dev == b.st_dev;
}

static bool copy_file(int from_dir, int to_dir, const char *name, struct err *err)
{
    int in SCOPED_FD = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int out SCOPED_FD = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in < 0 || out < 0) return err_errno(err, errno, "%s", name);
    for (ssize_t n = 1; n > 0;) {
        n = sendfile(out, in, NULL, 1 << 20);
        if (n < 0) return err_errno(err, errno, "%s", name);
    }
    return true;
}

static bool copy_link(int from_dir, int to_dir, const char *name, struct err *err)
{
    char target[4096];
    ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
    if (n < 0) return err_errno(err, errno, "%s", name);
    target[n] = '\0';
    return symlinkat(target, to_dir, name) == 0 || err_errno(err, errno, "%s", name);
}

static bool copy_tree(int from, int to, struct err *err);

static bool copy_dir(int from_dir, int to_dir, const char *name, struct err *err)
{
    int from SCOPED_FD = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || mkdirat(to_dir, name, 0700) < 0) return err_errno(err, errno, "%s", name);
    int to SCOPED_FD = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return to < 0 ? err_errno(err, errno, "%s", name) : copy_tree(from, to, err);
}

static bool copy_entry(int from, int to, const char *name, struct err *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return err_errno(err, errno, "%s", name);
    bool done = true;
    if (S_ISDIR(st.st_mode))
        done = copy_dir(from, to, name, err);
    else if (S_ISREG(st.st_mode))
        done = copy_file(from, to, name, err);
    else if (S_ISLNK(st.st_mode))
        done = copy_link(from, to, name, err);
    else
        return true;
    if (!done) return false;
    if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return err_errno(err, errno, "%s", name);
    return S_ISLNK(st.st_mode) || fchmodat(to, name, st.st_mode & 07777, 0) == 0 || err_errno(err, errno, "%s", name);
}

static bool copy_tree(int from, int to, struct err *err)
{
    DIR *d = fdopendir(dup(from));
    bool ok = d || err_errno(err, errno, "a directory cannot be read");
    for (struct dirent *e; ok && d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) ok = copy_entry(from, to, e->d_name, err);
    if (d) closedir(d);
    return ok;
}

bool layer_copy(const char *from, const char *to, struct err *err)
{
    if (!dir_make(to, 0755, err)) return false;
    int in SCOPED_FD = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int out SCOPED_FD = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in < 0 || out < 0) return err_errno(err, errno, "cannot copy the image's layer %s", from);
    return copy_tree(in, out, err) || err_wrap(err, "cannot copy the image's layer %s", from);
}
