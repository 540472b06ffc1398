#include "identity/ca_secret.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/log.h"
#include "identity/ca.h"
#include "identity/key.h"
#include "kube/request.h"

#define FIELD_KEY  "private.key"
#define FIELD_ROOT "ca.crt"

static struct kube_ref ref_of(struct str ns, struct str name)
{
    return (struct kube_ref){.version = "v1", .plural = "secrets", .ns = ns, .name = name};
}

static bool member(const json_t *secret, const char *name, struct arena *a, struct buf *out, struct err *err)
{
    const json_t *text = json_object_get(json_object_get(secret, "data"), name);
    struct str bytes;
    if (!json_is_string(text)) return err_set(err, "it has no %s", name);
    if (!base64_read(a, str_make(json_string_value(text), json_string_length(text)), &bytes))
        return err_set(err, "its %s is not base64", name);
    buf_str(out, bytes);
    buf_char(out, '\n');
    return true;
}

static struct issuer *open_secret(const json_t *secret, int64_t now, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf pair __attribute__((cleanup(key_wipe))) = {0};
    if (!member(secret, FIELD_KEY, a, &pair, err) || !member(secret, FIELD_ROOT, a, &pair, err)) return NULL;
    return ca_of_pem(buf_view(&pair), now, err);
}

static void set_base64(json_t *data, const char *name, const struct buf *bytes)
{
    struct buf text __attribute__((cleanup(key_wipe))) = {0};
    base64_write(buf_view(bytes), &text);
    json_object_set_new(data, name, json_stringn(text.p, text.n));
}

static json_t *new_secret(struct str ns, struct str name, int64_t now, struct err *err)
{
    struct buf key __attribute__((cleanup(key_wipe))) = {0};
    struct buf root SCOPED_BUF = {0};
    if (!ca_make(now, &key, &root, err)) return NULL;
    json_t *data = json_object();
    set_base64(data, FIELD_KEY, &key);
    set_base64(data, FIELD_ROOT, &root);
    return json_pack("{s:s, s:s, s:s, s:{s:s%, s:s%, s:{s:s}}, s:o}", "apiVersion", "v1", "kind", "Secret", "type",
                     "Opaque", "metadata", "name", name.p, name.n, "namespace", ns.p, ns.n, "labels",
                     "app.kubernetes.io/name", "openservicemesh.io", "data", data);
}

/* Absent is no error: |*out| is then NULL. */
static bool read_secret(struct kube_client *c, struct kube_ref ref, struct arena *a, const json_t **out,
                        struct err *err)
{
    struct kube_answer x;
    struct kube_request r = kube_get(a, ref);
    *out = NULL;
    if (kube_fetch(c, &r, a, &x, err)) {
        *out = x.json;
        return true;
    }
    if (x.status != 404) return false;
    err_clear(err);
    return true;
}

/* Somebody else's creation in between is as good as ours. */
static bool create_secret(struct kube_client *c, struct kube_ref ref, int64_t now, struct arena *a, struct err *err)
{
    struct kube_answer x;
    json_t *secret = new_secret(ref.ns, ref.name, now, err);
    if (!secret) return false;
    struct kube_request r = kube_create(a, ref, secret);
    bool ok = kube_fetch(c, &r, a, &x, err);
    json_decref(secret);
    if (ok) log_info("a new mesh root was made: Secret %.*s/%.*s", STR_FMT(ref.ns), STR_FMT(ref.name));
    if (!ok && x.status == 409) err_clear(err);
    return ok || x.status == 409;
}

struct issuer *ca_secret_open(struct kube_client *client, struct str ns, struct str name, int64_t now, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_ref ref = ref_of(ns, name);
    const json_t *secret = NULL;
    if (!read_secret(client, ref, a, &secret, err)) return NULL;
    if (!secret && (!create_secret(client, ref, now, a, err) || !read_secret(client, ref, a, &secret, err)))
        return NULL;
    struct issuer *ca = secret ? open_secret(secret, now, err) : NULL;
    if (!secret) err_set(err, "it went away while it was read");
    if (!ca) err_wrap(err, "the CA in Secret %.*s/%.*s", STR_FMT(ns), STR_FMT(name));
    return ca;
}
