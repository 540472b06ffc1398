#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "identity/key.h"
#include "identity/secret_sink.h"

struct secret_files {
    struct secret_sink sink;
    char *dir;
};

static void put(json_t *data, const char *name, struct str bytes)
{
    struct buf text SCOPED_BUF = {0};
    base64_write(bytes, &text);
    json_object_set_new(data, name, json_stringn(text.p, text.n));
    key_wipe(&text);
}

json_t *tls_secret_json(const struct tls_secret *s)
{
    json_t *data = json_object();
    put(data, "ca.crt", s->ca);
    put(data, "tls.crt", s->chain);
    put(data, "tls.key", s->key);
    return json_pack("{s:s, s:s, s:{s:s%, s:s%}, s:s, s:o}", "apiVersion", "v1", "kind", "Secret", "metadata", "name",
                     s->name.p, s->name.n, "namespace", s->ns.p, s->ns.n, "type", "kubernetes.io/tls", "data", data);
}

static char *document(const struct tls_secret *s)
{
    json_t *o = tls_secret_json(s);
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

static bool write_secret(const struct secret_files *k, const struct tls_secret *s, struct str file, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    char *text = document(s);
    if (!text) return err_set(err, "Secret %.*s/%.*s cannot be written as JSON", STR_FMT(s->ns), STR_FMT(s->name));
    bool ok = file_write_atomic(str_fmt(a, "%s/%.*s", k->dir, STR_FMT(file)).p, str_of(text), 0600, err);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return ok;
}

static bool remove_others(const struct secret_files *k, struct str file, struct err *err)
{
    DIR *d = opendir(k->dir);
    if (!d) return err_errno(err, errno, "cannot read %s", k->dir);
    bool ok = true;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || str_is(file, e->d_name)) continue;
        if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT)
            ok = err_errno(err, errno, "cannot remove %s/%s", k->dir, e->d_name);
    }
    closedir(d);
    return ok;
}

static bool keep(struct secret_sink *sink, const struct tls_secret *s, struct err *err)
{
    struct secret_files *k = (struct secret_files *)sink;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str file = s ? str_fmt(a, "%.*s_%.*s.json", STR_FMT(s->ns), STR_FMT(s->name)) : STR_NULL;
    return (!s || write_secret(k, s, file, err)) && remove_others(k, file, err);
}

static void files_free(struct secret_sink *sink)
{
    free(((struct secret_files *)sink)->dir);
    free(sink);
}

struct secret_sink *secret_files_new(const char *dir)
{
    static const struct secret_sink_ops ops = {keep, files_free};
    struct secret_files *k = xcalloc(1, sizeof *k);
    k->sink.ops = &ops;
    k->dir = xstrdup(dir);
    return &k->sink;
}
