#include "admit/review.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"

enum { MAX_WARNINGS = 16, MAX_WARNING = 256, DENIED = 403 };
#define API_VERSION "admission.k8s.io/v1"

/* ---- in -------------------------------------------------------------------------------------------------- */

/* It is echoed, and becomes the value of a label. */
static bool is_uuid(struct str s)
{
    if (s.n != 36) return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !isxdigit((unsigned char)s.p[i])) return false;
    }
    return true;
}

static const json_t *object_at(const json_t *of, const char *key)
{
    const json_t *o = json_object_get(of, key);
    return json_is_object(o) ? o : NULL;
}

static bool read_request(const json_t *doc, struct admit_request *out, struct err *err)
{
    const json_t *r = object_at(doc, "request"), *kind = object_at(r, "kind");
    if (!str_is(json_text(doc, "kind"), "AdmissionReview") || !str_is(json_text(doc, "apiVersion"), API_VERSION))
        return err_set(err, "the body is no AdmissionReview of " API_VERSION);
    if (!r || !kind) return err_set(err, "the AdmissionReview has no request, or its request has no kind");
    *out = (struct admit_request){.uid = json_text(r, "uid"),
                                  .operation = json_text(r, "operation"),
                                  .ns = json_text(r, "namespace"),
                                  .name = json_text(r, "name"),
                                  .group = json_text(kind, "group"),
                                  .version = json_text(kind, "version"),
                                  .kind = json_text(kind, "kind"),
                                  .object = object_at(r, "object"),
                                  .old = object_at(r, "oldObject")};
    if (!is_uuid(out->uid)) return err_set(err, "request.uid of the AdmissionReview is not a UUID");
    if (!out->operation.n || !out->kind.n)
        return err_set(err, "request.operation or request.kind.kind of the AdmissionReview is missing");
    return true;
}

/* What injection does not look at, which is most of a pod. */
static const char *const unread[] = {"env", "envFrom", "args", "resources", "volumeMounts", "managedFields", NULL};

static json_t *parse(enum admit_hook hook, struct str body, struct err *err)
{
    json_t *doc = json_read(body, ADMIT_MAX_DEPTH, hook == ADMIT_MUTATE ? unread : NULL, err);
    if (!doc) err_wrap(err, "the AdmissionReview");
    return doc;
}

/* ---- out ------------------------------------------------------------------------------------------------- */

bool admit_deny(struct admit_answer *out, int code, struct str reason)
{
    out->allowed = false;
    out->code = code;
    out->message = reason;
    return false;
}

static const char *reason_of(int code)
{
    return code == 422 ? "Invalid" : code == 409 ? "Conflict" : code == 500 ? "InternalError" : "Forbidden";
}

/* The patch is the bulk of an answer: it goes from its text into the reply without another document in between. */
static void write_patch(const json_t *patch, struct buf *out)
{
    char *text = json_dumps(patch, JSON_COMPACT);
    buf_c(out, ",\"patchType\":\"JSONPatch\",\"patch\":\"");
    base64_write(str_of(text), out);
    buf_char(out, '"');
    free(text);
}

static void write_warnings(struct strs warnings, struct buf *out)
{
    buf_c(out, ",\"warnings\":[");
    for (size_t i = 0; i < warnings.n && i < MAX_WARNINGS; i++) {
        if (i) buf_char(out, ',');
        buf_json_str(out, str_sub(warnings.v[i], 0, MAX_WARNING));
    }
    buf_char(out, ']');
}

static void write_status(const struct admit_answer *x, struct buf *out)
{
    int code = x->code ? x->code : DENIED;
    buf_c(out, ",\"status\":{\"message\":");
    buf_json_str(out, x->message);
    buf_fmt(out, ",\"code\":%d,\"reason\":\"%s\"}", code, reason_of(code));
}

static struct str answer_text(struct arena *a, const struct admit_request *r, const struct admit_answer *x)
{
    struct buf out SCOPED_BUF = {0};
    buf_c(&out, "{\"apiVersion\":\"" API_VERSION "\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":");
    buf_json_str(&out, r->uid);
    buf_c(&out, x->allowed ? ",\"allowed\":true" : ",\"allowed\":false");
    if (!x->allowed) write_status(x, &out);
    if (x->allowed && json_array_size(x->patch)) write_patch(x->patch, &out);
    if (x->warnings.n) write_warnings(x->warnings, &out);
    buf_c(&out, "}}");
    return str_dup(a, buf_view(&out));
}

static struct str error_text(struct arena *a, const struct err *err)
{
    struct buf out SCOPED_BUF = {0};
    buf_c(&out, "{\"error\":");
    buf_json_str(&out, err_str(err));
    buf_char(&out, '}');
    return str_dup(a, buf_view(&out));
}

int admit_review(const struct admit_world *w, enum admit_hook hook, struct str body, struct arena *a, struct str *reply,
                 struct str *kind, bool *allowed)
{
    struct err err = {0};
    struct admit_request r;
    struct admit_answer x = {.allowed = true};
    *kind = STR_NULL;
    *allowed = false;
    json_t *doc = parse(hook, body, &err);
    bool good = doc && read_request(doc, &r, &err);
    if (good) {
        (hook == ADMIT_MUTATE ? admit_mutate : admit_validate)(w, &r, a, &x);
        *kind = str_dup(a, r.kind);
        *allowed = x.allowed;
        *reply = answer_text(a, &r, &x);
    } else {
        *reply = error_text(a, &err);
    }
    json_decref(x.patch);
    json_decref(doc);
    return good ? 200 : 400;
}
