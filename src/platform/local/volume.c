#include "platform/local/volume.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"

/* One volume on its way. */
struct build {
    const struct volume_input *in;
    struct arena *a;
    struct volumes *out;
    const char *dir; /* of this volume */
    int64_t mode;    /* defaultMode */
    gid_t group;     /* fsGroup, or 0 */
};

static struct str pod_ns(const struct build *b) { return doc_text(b->in->pod, "metadata.namespace"); }

static bool put_file(struct build *b, struct str path, struct str bytes, int64_t mode, struct err *err)
{
    if (!path.n || path.p[0] == '/' || strstr(str_c(b->a, path), ".."))
        return err_set(err, "'%.*s' is not a path within a volume", STR_FMT(path));
    struct str whole = str_fmt(b->a, "%s/%.*s", b->dir, STR_FMT(path));
    ptrdiff_t slash = str_rfind(whole, '/');
    if (!dir_make(str_c(b->a, str_sub(whole, 0, (size_t)slash)), 0755, err)) return false;
    struct buf now SCOPED_BUF = {0};
    struct err ignored = {0};
    bool same =
        access(whole.p, F_OK) == 0 && file_read(whole.p, 64 << 20, &now, &ignored) && str_eq(buf_view(&now), bytes);
    if (!same && !file_write_atomic(whole.p, bytes, 0600, err)) return false;
    mode_t bits = (mode_t)mode | (b->group ? 0440 : 0);
    if (chown(whole.p, 0, b->group) < 0 || chmod(whole.p, bits) < 0)
        return err_errno(err, errno, "cannot set the mode of %s", whole.p);
    return true;
}

/* ConfigMap or Secret: the items asked for, or every key. */
static bool put_keys(struct build *b, const json_t *source, enum kind kind, struct str name, struct err *err)
{
    json_t *doc SCOPED_JSON = b->in->lookup.get(b->in->lookup.arg, kind, pod_ns(b), name);
    bool optional = doc_flag(source, "optional", false);
    if (!doc)
        return optional ||
               err_set(err, "there is no %s %.*s/%.*s", kind_info(kind)->name, STR_FMT(pod_ns(b)), STR_FMT(name));
    const json_t *items = doc_at(source, "items");
    size_t i;
    json_t *item, *value;
    struct str bytes;
    json_array_foreach(items, i, item)
    {
        struct str key = doc_text(item, "key");
        bool found = env_keyed(doc, kind, key, b->a, &bytes);
        if (!found && !optional)
            return err_set(err, "%s %.*s has no key '%.*s'", kind_info(kind)->name, STR_FMT(name), STR_FMT(key));
        if (found && !put_file(b, doc_text(item, "path"), bytes, doc_int(item, "mode", b->mode), err)) return false;
    }
    static const char *const parts[] = {"data", "binaryData", "stringData"};
    for (size_t p = 0; !items && p < 3; p++) {
        const char *key;
        json_object_foreach(doc_at(doc, parts[p]), key,
                            value) if (env_keyed(doc, kind, str_of(key), b->a, &bytes) &&
                                       !put_file(b, str_of(key), bytes, b->mode, err)) return false;
    }
    return true;
}

static const json_t *container_named(const json_t *pod, struct str name)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    size_t i;
    json_t *c;
    for (size_t l = 0; l < 2; l++)
        json_array_foreach(doc_at(pod, lists[l]), i, c) if (str_eq(doc_text(c, "name"), name)) return c;
    return NULL;
}

static bool put_downward(struct build *b, const json_t *source, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(doc_at(source, "items"), i, item)
    {
        const json_t *resource = doc_at(item, "resourceFieldRef");
        struct str text;
        bool ok = resource ? env_resource(container_named(b->in->pod, doc_text(resource, "containerName")), resource,
                                          b->a, &text, err)
                           : env_field(b->in->pod, doc_text(item, "fieldRef.fieldPath"), b->a, &text, err);
        if (!ok || !put_file(b, doc_text(item, "path"), text, doc_int(item, "mode", b->mode), err)) return false;
    }
    return true;
}

static bool put_token(struct build *b, const json_t *source, struct err *err)
{
    if (b->in->keep_tokens) return true;
    int64_t life = doc_int(source, "expirationSeconds", 3600);
    struct str account = doc_text(b->in->pod, "spec.serviceAccountName"), audience = doc_text(source, "audience"), text,
               file;
    struct token_claims claims = {.ns = pod_ns(b),
                                  .account = account.n ? account : S("default"),
                                  .pod = doc_text(b->in->pod, "metadata.name"),
                                  .uid = doc_text(b->in->pod, "metadata.uid"),
                                  .audience = audience,
                                  .expires = b->in->now + life};
    if (!b->in->tokens.issue(b->in->tokens.arg, &claims, b->a, &text, &file, err)) return false;
    if (file.n) list_push(b->a, &b->out->token_files, file);
    int64_t refresh = b->in->now + life * 8 / 10;
    if (!b->out->refresh || refresh < b->out->refresh) b->out->refresh = refresh;
    return put_file(b, doc_text(source, "path"), text, b->mode, err);
}

static bool put_source(struct build *b, const json_t *source, struct err *err)
{
    const json_t *s;
    if ((s = doc_at(source, "configMap"))) return put_keys(b, s, KIND_CONFIG_MAP, doc_text(s, "name"), err);
    if ((s = doc_at(source, "secret"))) return put_keys(b, s, KIND_SECRET, doc_text(s, "name"), err);
    if ((s = doc_at(source, "downwardAPI"))) return put_downward(b, s, err);
    if ((s = doc_at(source, "serviceAccountToken"))) return put_token(b, s, err);
    return err_set(err, "a projected source of a kind that is not known here");
}

static bool put_projected(struct build *b, const json_t *projected, struct err *err)
{
    size_t i;
    json_t *source;
    json_array_foreach(doc_at(projected, "sources"), i, source) if (!put_source(b, source, err)) return false;
    return true;
}

/* A directory that anybody in the pod may write. */
static bool open_dir(struct build *b, const char *path, struct err *err)
{
    if (!dir_make(path, 0777, err)) return false;
    if (chmod(path, b->group ? 02777 : 0777) < 0 || (b->group && chown(path, 0, b->group) < 0))
        return err_errno(err, errno, "cannot set the mode of %s", path);
    return true;
}

static bool claim(struct build *b, struct volume *v, struct str name, struct err *err)
{
    json_t *doc SCOPED_JSON = b->in->lookup.get(b->in->lookup.arg, KIND_PERSISTENT_VOLUME_CLAIM, pod_ns(b), name);
    if (!doc) return err_set(err, "there is no PersistentVolumeClaim %.*s/%.*s", STR_FMT(pod_ns(b)), STR_FMT(name));
    v->path = str_fmt(b->a, "%s/%.*s_%.*s", b->in->claims, STR_FMT(pod_ns(b)), STR_FMT(name)).p;
    return open_dir(b, v->path, err);
}

static bool host_path(struct build *b, struct volume *v, const json_t *source, struct err *err)
{
    struct str path = doc_text(source, "path"), type = doc_text(source, "type");
    v->path = str_c(b->a, path);
    if (str_is(type, "DirectoryOrCreate")) return dir_make(v->path, 0755, err);
    return access(v->path, F_OK) == 0 || err_set(err, "there is no %s on this machine", v->path);
}

static bool prepare(struct build *b, struct volume *v, const json_t *spec, struct err *err)
{
    const json_t *s;
    if ((s = doc_at(spec, "persistentVolumeClaim"))) return claim(b, v, doc_text(s, "claimName"), err);
    if ((s = doc_at(spec, "hostPath"))) return host_path(b, v, s, err);
    if (doc_at(spec, "emptyDir") || json_object_size(spec) == 1) return open_dir(b, b->dir, err);
    v->read_only = true;
    if (!dir_make(b->dir, 0755, err)) return false;
    if ((s = doc_at(spec, "configMap")))
        return b->mode = doc_int(s, "defaultMode", 0644), put_keys(b, s, KIND_CONFIG_MAP, doc_text(s, "name"), err);
    if ((s = doc_at(spec, "secret")))
        return b->mode = doc_int(s, "defaultMode", 0644), put_keys(b, s, KIND_SECRET, doc_text(s, "secretName"), err);
    if ((s = doc_at(spec, "downwardAPI"))) return b->mode = doc_int(s, "defaultMode", 0644), put_downward(b, s, err);
    if ((s = doc_at(spec, "projected"))) return b->mode = doc_int(s, "defaultMode", 0644), put_projected(b, s, err);
    return err_set(err, "its type is not known here (emptyDir, configMap, secret, downwardAPI, projected, "
                        "persistentVolumeClaim, hostPath)");
}

bool volumes_prepare(const struct volume_input *in, struct arena *a, struct volumes *out, struct err *err)
{
    size_t i;
    json_t *spec;
    *out = (struct volumes){0};
    json_array_foreach(doc_at(in->pod, "spec.volumes"), i, spec)
    {
        struct volume *v = list_add(a, &out->list);
        v->name = str_dup(a, doc_text(spec, "name"));
        v->path = str_fmt(a, "%s/%.*s", in->dir, STR_FMT(v->name)).p;
        struct build b = {.in = in,
                          .a = a,
                          .out = out,
                          .dir = v->path,
                          .mode = 0644,
                          .group = (gid_t)doc_int(in->pod, "spec.securityContext.fsGroup", 0)};
        if (!prepare(&b, v, spec, err)) return err_wrap(err, "volume %.*s", STR_FMT(v->name));
    }
    return true;
}

const struct volume *volumes_find(const struct volumes *v, struct str name)
{
    for (each(i, v->list))
        if (str_eq(i->name, name)) return i;
    return NULL;
}
