/* local_files.c - `osm local apply` and `delete`: files come into and go out of the mesh's folder. */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/local.h"
#include "cli/local_files.h"
#include "cli/verb.h"
#include "kinds/object.h"
#include "platform/local/doc.h"

static const char help_apply[] = "Usage: osm local apply -f FILE [--state DIR]\n\nChecks FILE (- is stdin) and copies "
                                 "it into the mesh's folder; the mesh follows. Saving a file there\n"
                                 "does the same.\n\nExample:\n  osm local apply -f split.yaml\n";
static const char help_delete[] = "Usage: osm local delete -f FILE [--state DIR]\n\nTakes the objects that FILE (- is "
                                  "stdin) names out of the mesh's folder.\n\n"
                                  "Example:\n  osm local delete -f split.yaml\n";

static bool titles_of(struct manifest *m, struct arena *a, struct err *err)
{
    struct nodes docs = {0};
    if (!node_parse(a, m->text, m->path, &node_limits_default, &docs, err)) return false;
    for (each(d, docs)) {
        struct problems probs = {0};
        struct object *o = object_decode(*d, str_of(m->path), a, &probs);
        if (!o) {
            const struct problem *p = &probs.v[0];
            return err_set(err, "%s:%u:%u: %.*s %.*s", m->path, p->line, p->col, STR_FMT(p->path), STR_FMT(p->text));
        }
        list_push(a, &m->titles, str_dup(a, object_title(a, o)));
        object_unref(o);
    }
    return docs.n > 0 || err_set(err, "%s defines nothing", m->path);
}

static bool read_manifest(const char *path, struct arena *a, struct manifest *out, struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    bool is_stdin = !strcmp(path, "-");
    if (!file_read(is_stdin ? "/dev/stdin" : path, node_limits_default.bytes, &text, err)) return false;
    *out = (struct manifest){.path = is_stdin ? "stdin" : path, .text = str_dup(a, buf_view(&text))};
    return titles_of(out, a, err);
}

static bool is_manifest(struct str name)
{
    return !str_starts(name, S(".")) &&
           (str_ends(name, S(".yaml")) || str_ends(name, S(".yml")) || str_ends(name, S(".json")));
}

static void read_folder(const char *dir, struct arena *a, struct manifests *out)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *path = str_fmt(a, "%s/%s", dir, e->d_name).p;
        struct err ignored = {0};
        struct manifest m;
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            read_folder(path, a, out);
        else if (is_manifest(str_of(e->d_name)) && read_manifest(path, a, &m, &ignored))
            list_push(a, out, m);
    }
    if (d) closedir(d);
}

struct manifests manifests_below(const char *dir, struct arena *a)
{
    struct manifests all = {0};
    read_folder(dir, a, &all);
    return all;
}

const struct manifest *manifest_defining(struct manifests all, struct str title)
{
    for (each(m, all))
        if (strs_has(m->titles, title)) return m;
    return NULL;
}

/* The file's own name; for stdin that of its first object. */
static const char *target_of(struct arena *a, const char *dir, const struct manifest *m)
{
    struct str path = str_of(m->path);
    if (!strcmp(m->path, "stdin")) {
        char *name = (char *)str_fmt(a, "%.*s.yaml", STR_FMT(str_lower(a, m->titles.v[0]))).p;
        for (char *c = name; *c; c++)
            if (*c == ' ' || *c == '/') *c = '-';
        return str_fmt(a, "%s/%s", dir, name).p;
    }
    ptrdiff_t slash = str_rfind(path, '/');
    return str_fmt(a, "%s/%.*s", dir, STR_FMT(str_sub(path, (size_t)(slash + 1), path.n))).p;
}

static bool apply(const char *dir, const struct manifest *m, struct arena *a, struct err *err)
{
    struct manifests all = manifests_below(dir, a);
    const char *target = target_of(a, dir, m);
    if (!is_manifest(str_of(strrchr(target, '/') + 1)))
        return err_set(err, "%s: the folder takes *.yaml, *.yml and *.json", m->path);
    for (each(t, m->titles)) {
        const struct manifest *other = manifest_defining(all, *t);
        if (other && strcmp(other->path, target))
            return err_set(err, "%.*s is already in %s; edit it there", STR_FMT(*t), other->path);
    }
    bool existed = access(target, F_OK) == 0;
    if (!file_write_atomic(target, m->text, 0644, err)) return false;
    for (each(t, m->titles)) printf("%.*s %s in %s\n", STR_FMT(*t), existed ? "saved" : "added", target);
    return true;
}

static bool all_within(struct strs some, struct strs all)
{
    for (each(s, some))
        if (!strs_has(all, *s)) return false;
    return true;
}

static bool delete (const char *dir, const struct manifest *m, struct arena *a, struct err *err)
{
    struct manifests all = manifests_below(dir, a);
    bool any = false;
    for (each(f, all)) {
        bool touched = false;
        for (each(t, f->titles)) touched |= strs_has(m->titles, *t);
        if (!touched) continue;
        if (!all_within(f->titles, m->titles))
            return err_set(err, "%s also defines what %s does not; edit it there", f->path, m->path);
        if (unlink(f->path) < 0) return err_set(err, "cannot remove %s", f->path);
        printf("removed %s\n", f->path);
        any = true;
    }
    return any || err_set(err, "the folder %s has none of the objects of %s", dir, m->path);
}

static const char *folder_of(const char *state, struct arena *a, struct err *err)
{
    int fd SCOPED_FD = local_open(state, err);
    json_t *ask SCOPED_JSON = json_pack("{s:s}", "op", "status"),
                *answer SCOPED_JSON = fd >= 0 ? local_ask(fd, ask, NULL, err) : NULL;
    return answer ? str_c(a, doc_text(answer, "dir")) : NULL;
}

const char *local_folder(struct arena *a, struct err *err) { return folder_of(NULL, a, err); }

static int run(int argc, char **argv, const char *help,
               bool (*work)(const char *, const struct manifest *, struct arena *, struct err *))
{
    static const struct option options[] = {{"filename", required_argument, NULL, 'f'},
                                            {"state", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct arena *a SCOPED_ARENA = arena_new();
    const char *file = NULL, *state = NULL;
    struct err err = {0};
    struct manifest m;
    for (int c; (c = getopt_long(argc, argv, "f:h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(help, stdout), 0;
        if (c == 'f')
            file = optarg;
        else if (c == 's')
            state = optarg;
        else
            return verb_usage("local", "an option is not known");
    }
    if (!file) return verb_usage("local", "-f FILE is needed");
    const char *dir = folder_of(state, a, &err);
    bool ok = dir && read_manifest(file, a, &m, &err) && work(dir, &m, a, &err);
    return ok ? 0 : verb_fail("%s", err.text);
}

int local_apply(int argc, char **argv) { return run(argc, argv, help_apply, apply); }
int local_delete(int argc, char **argv) { return run(argc, argv, help_delete, delete); }
