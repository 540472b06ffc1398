#include "platform/local/image.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

static const struct field image_fields[] = {
    FIELD(struct image, match, "match", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Shell pattern over the image's name."),
    FIELD(struct image, layer, "layer", F_STR, .doc = "Directory laid over this machine's root."),
    FIELD(struct image, root, "root", F_STR, .doc = "Directory that stands instead of this machine's root."),
    FIELD(struct image, command, "command", F_STRS, .doc = "Command when the manifest gives none."),
    FIELD(struct image, args, "args", F_STRS,
          .doc = "Arguments when the manifest gives neither command nor arguments."),
    FIELD(struct image, env, "env", F_MAP, .doc = "Environment below the manifest's."),
    FIELD(struct image, working_dir, "workingDir", F_STR, .doc = "Working directory when the manifest gives none."),
    FIELD(struct image, user, "user", F_INT, .min = -1, .max = 4294967294, .def = "-1",
          .doc = "User id when the manifest gives none."),
    FIELD(struct image, is_absent, "absent", F_BOOL, .doc = "Containers of it wait as if it could not be pulled."),
};
static const struct table image_fields_table = TABLE("Image", struct image, image_fields, .flags = TABLE_STRICT);
static const struct field table_fields[] = {
    FIELD(struct image_table, images, "images", F_LIST, .sub = &image_fields_table, .flags = FIELD_REQUIRED,
          .doc = "Entries; the first that fits decides."),
};
static const struct table images_table = TABLE("ImageTable", struct image_table, table_fields, .flags = TABLE_STRICT);

static bool resolve(struct arena *a, const char *file, struct str *dir, struct err *err)
{
    if (!dir->n) return true;
    struct str path = *dir, where = str_of(file);
    ptrdiff_t slash = str_rfind(where, '/');
    if (path.p[0] != '/')
        path = str_fmt(a, "%.*s/%.*s", STR_FMT(slash < 0 ? S(".") : str_sub(where, 0, (size_t)slash)), STR_FMT(path));
    char *whole = realpath(str_c(a, path), NULL);
    struct stat st;
    if (!whole || stat(whole, &st) < 0 || !S_ISDIR(st.st_mode)) {
        free(whole);
        return err_set(err, "%s: there is no directory %.*s", file, STR_FMT(path));
    }
    *dir = str_dup(a, str_of(whole));
    free(whole);
    return true;
}

bool image_table_read(const char *path, struct arena *a, struct image_table *out, struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    struct nodes docs = {0};
    struct problems probs = {0};
    if (!file_read(path, node_limits_default.bytes, &text, err) ||
        !node_parse(a, str_dup(a, buf_view(&text)), path, &node_limits_default, &docs, err))
        return false;
    if (docs.n != 1) return err_set(err, "%s: one document with 'images:' is expected", path);
    if (!table_decode(&images_table, docs.v[0], STR_NULL, a, out, &probs)) {
        const struct problem *p = &probs.v[0];
        return err_set(err, "%s:%u:%u: %.*s %.*s", path, p->line, p->col, STR_FMT(p->path), STR_FMT(p->text));
    }
    for (each(i, out->images))
        if (!resolve(a, path, &i->layer, err) || !resolve(a, path, &i->root, err)) return false;
    return true;
}

static bool fits(const char *pattern, struct str name)
{
    char text[512];
    snprintf(text, sizeof text, "%.*s", STR_FMT(name));
    return fnmatch(pattern, text, 0) == 0;
}

const struct image *image_find(const struct image_table *t, struct str name)
{
    struct str shorter = name;
    if (str_starts(shorter, S("docker.io/"))) shorter = str_sub(shorter, 10, shorter.n);
    if (str_starts(shorter, S("library/"))) shorter = str_sub(shorter, 8, shorter.n);
    for (each(i, t->images)) {
        char pattern[512];
        snprintf(pattern, sizeof pattern, "%.*s", STR_FMT(i->match));
        if (fits(pattern, name) || fits(pattern, shorter)) return i;
    }
    return NULL;
}
