/* Files that are read once: the same texts, problems and precedence, without following or last good texts. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "source/file/internal.h"

struct once {
    struct arena *a;
    struct source_problems *problems;
    struct strs paths; /* of documents */
};

static bool is_folder(const char *path, int (*ask)(const char *, struct stat *))
{
    struct stat st;
    return ask(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* As the followed folders: hidden names passed over, links to folders not followed. */
static void find_in(struct once *r, const char *dir)
{
    struct err err = {0};
    DIR *d = opendir(dir);
    if (!d) {
        (void)err_errno(&err, errno, "%s: cannot be listed", dir);
        add_unreadable(r->a, r->problems, dir, &err);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char path[PATH_MAX];
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path) continue;
        if (is_folder(path, lstat))
            find_in(r, path);
        else if (is_document_name(e->d_name))
            list_push(r->a, &r->paths, str_dup(r->a, str_of(path)));
    }
    closedir(d);
}

static void find(struct once *r, struct str given)
{
    size_t n = given.n;
    while (n > 1 && given.p[n - 1] == '/') n--;
    const char *path = str_c(r->a, str_sub(given, 0, n));
    if (is_folder(path, stat))
        find_in(r, path);
    else
        list_push(r->a, &r->paths, str_of(path));
}

static bool read_one(const char *path, struct buf *out, struct err *err)
{
    if (strcmp(path, "-") == 0) return file_read("/dev/stdin", node_limits_default.bytes, out, err);
    return document_read(path, out, err);
}

static void take(struct once *r, struct claims *c, struct store *store, struct doc *d)
{
    SCOPED_BUF struct buf text = {0};
    struct err err = {0};
    struct reading got = {0};
    if (read_one(d->path, &text, &err))
        read_text(buf_view(&text), d->path, 0, r->a, &d->problems, &got);
    else
        add_unreadable(r->a, &d->problems, d->path, &err);
    claims_replace(c, store, d, got.objects);
}

struct source_problems file_read_once(struct strs given, struct store *store, struct arena *a)
{
    struct source_problems problems = {0};
    struct once r = {.a = a, .problems = &problems};
    struct claims c = {0};
    for (size_t i = 0; i < given.n; i++) find(&r, given.v[i]);
    r.paths = strs_sort_unique(r.paths);
    struct doc *docs = arena_array(a, struct doc, r.paths.n);
    for (size_t i = 0; i < r.paths.n; i++) {
        docs[i].path = (char *)str_c(a, r.paths.v[i]);
        take(&r, &c, store, &docs[i]);
    }
    for (size_t i = 0; i < r.paths.n; i++) list_doc(&c, &docs[i], a, &problems);
    claims_release(&c);
    for (size_t i = 0; i < r.paths.n; i++) file_objects_release(&docs[i].objects);
    return problems;
}
