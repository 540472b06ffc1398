#include "kube/request.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/names.h"

struct str kube_escape(struct arena *a, struct str text)
{
    struct buf out SCOPED_BUF = {0};
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (isalnum(c) || (c && strchr("-_.~", c)))
            buf_char(&out, (char)c);
        else
            buf_fmt(&out, "%%%02X", c);
    }
    return str_dup(a, buf_view(&out));
}

static void add_segment(struct arena *a, struct buf *out, struct str text)
{
    buf_char(out, '/');
    buf_str(out, kube_escape(a, text));
}

const char *kube_path(struct arena *a, struct kube_ref r)
{
    struct buf out SCOPED_BUF = {0};
    if (r.group && *r.group)
        buf_fmt(&out, "/apis/%s/%s", r.group, r.version);
    else
        buf_fmt(&out, "/api/%s", r.version);
    if (r.ns.n) {
        buf_c(&out, "/namespaces");
        add_segment(a, &out, r.ns);
    }
    buf_fmt(&out, "/%s", r.plural);
    if (r.name.n) add_segment(a, &out, r.name);
    if (r.name.n && r.sub) buf_fmt(&out, "/%s", r.sub);
    return str_c(a, buf_view(&out));
}

static struct str body_of(struct arena *a, const json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
    struct str s = str_dup(a, str_of(text));
    free(text);
    return s;
}

struct kube_request kube_get(struct arena *a, struct kube_ref ref)
{
    return (struct kube_request){.path = kube_path(a, ref)};
}

struct kube_request kube_list(struct arena *a, struct kube_ref ref, const char *query, int limit, struct str go_on)
{
    struct str path = str_fmt(a, "%s?limit=%d", kube_path(a, ref), limit);
    struct str token = kube_escape(a, go_on);
    if (query) path = str_fmt(a, "%.*s&%s", STR_FMT(path), query);
    if (go_on.n) path = str_fmt(a, "%.*s&continue=%.*s", STR_FMT(path), STR_FMT(token));
    return (struct kube_request){.path = path.p};
}

struct kube_request kube_create(struct arena *a, struct kube_ref ref, const json_t *object)
{
    ref.name = STR_NULL;
    return (struct kube_request){.method = "POST", .path = kube_path(a, ref), .body = body_of(a, object)};
}

struct kube_request kube_replace(struct arena *a, struct kube_ref ref, const json_t *object)
{
    return (struct kube_request){.method = "PUT", .path = kube_path(a, ref), .body = body_of(a, object)};
}

struct kube_request kube_apply(struct arena *a, struct kube_ref ref, const json_t *object, const char *manager,
                               bool force)
{
    struct str who = kube_escape(a, str_of(manager));
    struct str path = str_fmt(a, "%s?fieldManager=%.*s%s", kube_path(a, ref), STR_FMT(who), force ? "&force=true" : "");
    return (struct kube_request){
        .method = "PATCH", .path = path.p, .type = "application/apply-patch+yaml", .body = body_of(a, object)};
}

struct kube_request kube_patch(struct arena *a, struct kube_ref ref, enum kube_patch how, const json_t *patch)
{
    static const char *const types[] = {"application/merge-patch+json", "application/json-patch+json",
                                        "application/strategic-merge-patch+json"};
    return (struct kube_request){
        .method = "PATCH", .path = kube_path(a, ref), .type = types[how], .body = body_of(a, patch)};
}

struct kube_request kube_delete(struct arena *a, struct kube_ref ref, struct str uid, struct str version)
{
    json_t *options =
        json_pack("{s:s, s:s, s:s}", "apiVersion", "v1", "kind", "DeleteOptions", "propagationPolicy", "Background");
    json_t *only = json_object();
    if (uid.n) json_object_set_new(only, "uid", json_stringn(uid.p, uid.n));
    if (version.n) json_object_set_new(only, "resourceVersion", json_stringn(version.p, version.n));
    if (json_object_size(only)) json_object_set(options, "preconditions", only);
    struct kube_request r = {.method = "DELETE", .path = kube_path(a, ref), .body = body_of(a, options)};
    json_decref(only);
    json_decref(options);
    return r;
}

/* ---- TokenReview ---- */

struct kube_request kube_token_review(struct arena *a, struct str token, const char *audience)
{
    struct kube_ref ref = {.group = "authentication.k8s.io", .version = "v1", .plural = "tokenreviews"};
    json_t *j = json_pack("{s:s, s:s, s:{s:s%, s:[s]}}", "apiVersion", "authentication.k8s.io/v1", "kind",
                          "TokenReview", "spec", "token", token.p ? token.p : "", token.n, "audiences", audience);
    json_t *none = j ? NULL : json_object(); /* a token that is no UTF-8 is nobody's */
    struct kube_request r = kube_create(a, ref, j ? j : none);
    json_decref(j);
    json_decref(none);
    return r;
}

static struct str text_at(const json_t *o, const char *name, struct arena *a)
{
    const json_t *t = json_object_get(o, name);
    if (!t || !json_is_string(t)) return STR_NULL;
    return str_dup(a, str_make(json_string_value(t), json_string_length(t)));
}

static struct str first_extra(const json_t *user, const char *name, struct arena *a)
{
    const json_t *first = json_array_get(json_object_get(json_object_get(user, "extra"), name), 0);
    if (!first || !json_is_string(first)) return STR_NULL;
    return str_dup(a, str_make(json_string_value(first), json_string_length(first)));
}

static bool has_text(const json_t *list, const char *want)
{
    size_t i;
    json_t *x;
    json_array_foreach((json_t *)list, i,
                       x) if (json_is_string(x) && strcmp(json_string_value(x), want) == 0) return true;
    return false;
}

bool kube_token_review_read(const json_t *review, const char *audience, struct arena *a, struct kube_reviewed *out,
                            struct err *err)
{
    const json_t *status = json_object_get(review, "status"), *user = json_object_get(status, "user");
    struct str name = text_at(user, "username", a), why = text_at(status, "error", a), word;
    if (!json_is_true(json_object_get(status, "authenticated")))
        return err_set(err, "the token is refused%s%.*s", why.n ? ": " : "", STR_FMT(why));
    if (!has_text(json_object_get(status, "audiences"), audience))
        return err_set(err, "the token is not meant for %s", audience);
    struct str rest = name;
    for (int i = 0; i < 2; i++) { /* "system:serviceaccount:ns:name" */
        word = str_cut(&rest, ':');
        if (!str_is(word, i ? "serviceaccount" : "system"))
            return err_set(err, "the token is %.*s's, who is no ServiceAccount", STR_FMT(name));
    }
    *out = (struct kube_reviewed){.pod = first_extra(user, "authentication.kubernetes.io/pod-name", a),
                                  .uid = first_extra(user, "authentication.kubernetes.io/pod-uid", a),
                                  .node = first_extra(user, "authentication.kubernetes.io/node-name", a)};
    out->ns = str_cut(&rest, ':');
    out->account = rest;
    if (!is_dns_label(out->ns) || !is_dns_subdomain(out->account))
        return err_set(err, "the token is %.*s's, who is no ServiceAccount", STR_FMT(name));
    return (out->pod.n && out->uid.n) ||
           err_set(err, "the token of %.*s is not bound to a pod; the sidecar must use its projected token",
                   STR_FMT(name));
}

/* ---- Lease ---- */

struct kube_ref kube_lease_ref(struct str ns, struct str name)
{
    return (struct kube_ref){
        .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .ns = ns, .name = name};
}

static json_t *micro_time(struct arena *a, int64_t us)
{
    struct str s = time_text(a, us / 1000000); /* "2026-01-02T03:04:05Z" */
    s = str_fmt(a, "%.*s.%06dZ", (int)s.n - 1, s.p, (int)(us % 1000000));
    return json_stringn(s.p, s.n);
}

struct kube_request kube_lease_write(struct arena *a, const struct kube_lease *l)
{
    json_t *j = json_pack("{s:s, s:s, s:{s:s%, s:s%}, s:{s:s%, s:I, s:I}}", "apiVersion", "coordination.k8s.io/v1",
                          "kind", "Lease", "metadata", "namespace", l->ns.p, l->ns.n, "name", l->name.p, l->name.n,
                          "spec", "holderIdentity", l->holder.p ? l->holder.p : "", l->holder.n, "leaseDurationSeconds",
                          (json_int_t)l->duration_s, "leaseTransitions", (json_int_t)l->transitions);
    json_t *spec = json_object_get(j, "spec");
    if (l->acquired_us) json_object_set_new(spec, "acquireTime", micro_time(a, l->acquired_us));
    if (l->renewed_us) json_object_set_new(spec, "renewTime", micro_time(a, l->renewed_us));
    if (l->version.n)
        json_object_set_new(json_object_get(j, "metadata"), "resourceVersion",
                            json_stringn(l->version.p, l->version.n));
    struct kube_ref ref = kube_lease_ref(l->ns, l->name);
    struct kube_request r = l->version.n ? kube_replace(a, ref, j) : kube_create(a, ref, j);
    json_decref(j);
    return r;
}

static int64_t time_us(const json_t *spec, const char *name, struct arena *a)
{
    struct str text = text_at(spec, name, a);
    ptrdiff_t dot = str_find(text, '.');
    int64_t s, us = 0;
    if (!time_parse(text, &s)) return 0;
    if (dot >= 0 && text.n > (size_t)dot + 6 &&
        !str_to_i64(str_sub(text, (size_t)dot + 1, (size_t)dot + 7), 0, 999999, &us))
        us = 0;
    return s * 1000000 + us;
}

bool kube_lease_read(const json_t *lease, struct arena *a, struct kube_lease *out, struct err *err)
{
    const json_t *meta = json_object_get(lease, "metadata"), *spec = json_object_get(lease, "spec");
    if (!str_is(text_at(lease, "kind", a), "Lease") || !meta) return err_set(err, "the answer is no Lease");
    *out = (struct kube_lease){.ns = text_at(meta, "namespace", a),
                               .name = text_at(meta, "name", a),
                               .version = text_at(meta, "resourceVersion", a),
                               .holder = text_at(spec, "holderIdentity", a),
                               .duration_s = json_integer_value(json_object_get(spec, "leaseDurationSeconds")),
                               .transitions = json_integer_value(json_object_get(spec, "leaseTransitions")),
                               .acquired_us = time_us(spec, "acquireTime", a),
                               .renewed_us = time_us(spec, "renewTime", a)};
    return true;
}
