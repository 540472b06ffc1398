/* reviews.h - AdmissionReviews for tests, and the world they are held against. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "admit/review.h"
#include "base/base64.h"
#include "base/names.h"
#include "kinds/mesh_config.h"

#define UID "0a1b2c3d-0000-4000-8000-00000000abcd"

/* Single quotes stand for double ones. */
static inline char *quoted(struct arena *a, const char *text)
{
    char *copy = (char *)str_dup(a, str_of(text)).p;
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

static inline struct object *object_from(const char *text)
{
    struct arena *a = arena_new();
    struct problems probs = {0};
    json_t *doc = json_loads(quoted(a, text), 0, NULL);
    assert_non_null(doc);
    struct object *o = object_of_json(doc, a, &probs);
    for (each(p, probs)) fprintf(stderr, "%.*s\n", STR_FMT(p->text));
    assert_non_null(o);
    json_decref(doc);
    arena_free(a);
    return o;
}

static inline void world_put(struct admit_world *w, const char *text)
{
    struct arena *a = arena_new();
    struct object *o = object_from(text);
    admit_world_put(w, o->kind, object_key(a, o), o);
    arena_free(a);
}

/* A mesh with the namespace "shop" in it, which enables injection. */
static inline void world_init(struct admit_world *w)
{
    *w = (struct admit_world){
        .image = S("osm:1"), .controller = S("osm-controller.osm-system.svc:15128"), .generation = S("1")};
    struct arena *a = arena_new();
    struct mesh_settings *s = arena_alloc(a, sizeof *s);
    mesh_settings_of(NULL, a, s);
    admit_world_settings(w, s, a);
    world_put(w, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop','labels':{"
                 "'openservicemesh.io/monitored-by':'osm'},'annotations':{"
                 "'openservicemesh.io/sidecar-injection':'enabled'}}}");
}

/* The review of |object|; |more| is put into the request. */
static inline struct str review_of(struct arena *a, const char *operation, const char *kind, const char *more,
                                   const char *object)
{
    const char *slash = strchr(kind, '/');
    struct str group = slash ? str_make(kind, (size_t)(slash - kind)) : S("");
    return str_of(
        quoted(a, str_fmt(a,
                          "{'apiVersion':'admission.k8s.io/v1','kind':'AdmissionReview','request':{'uid':'" UID
                          "','operation':'%s','namespace':'shop','kind':{'group':'%.*s','version':'v1','kind':'%s'}%s,"
                          "'object':%s}}",
                          operation, STR_FMT(group), slash ? slash + 1 : kind, more, object)
                      .p));
}

struct reviewed {
    int status;
    json_t *doc;
    bool allowed;
    const char *message; /* of the denial, or of the 400; "" */
    json_t *patch;
};

static inline void reviewed_release(struct reviewed *r)
{
    json_decref(r->doc);
    json_decref(r->patch);
}

static inline const char *text_at(const json_t *doc, const char *outer, const char *inner)
{
    const char *t = json_string_value(json_object_get(json_object_get(doc, outer), inner));
    return t ? t : "";
}

static inline struct reviewed review(const struct admit_world *w, enum admit_hook hook, struct str body)
{
    struct arena *a = arena_new();
    struct str reply, kind;
    struct reviewed r = {0};
    r.status = admit_review(w, hook, body, a, &reply, &kind, &r.allowed);
    r.doc = json_loadb(reply.p, reply.n, 0, NULL);
    assert_non_null(r.doc);
    const json_t *response = json_object_get(r.doc, "response");
    const char *error = json_string_value(json_object_get(r.doc, "error"));
    r.message = error ? error : text_at(response, "status", "message");
    if (r.status == 200) {
        assert_string_equal(json_string_value(json_object_get(response, "uid")), UID);
        assert_int_equal(json_is_true(json_object_get(response, "allowed")), r.allowed);
    }
    const char *patch = json_string_value(json_object_get(response, "patch"));
    struct str text;
    if (patch && base64_read(a, str_of(patch), &text)) r.patch = json_loadb(text.p, text.n, 0, NULL);
    arena_free(a);
    return r;
}
