#include "admit/review.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/base64.h"

enum { MAX_WARNINGS = 16, MAX_WARNING = 256, DENIED = 403 };
#define API_VERSION "admission.k8s.io/v1"

/* ---- in -------------------------------------------------------------------------------------------------- */

/* Before the parser, which recurses, sees it. */
static bool is_too_deep(struct str text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && depth)
            depth--;
        if (depth > ADMIT_MAX_DEPTH) return true;
    }
    return false;
}

static struct str text_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

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
    if (!str_is(text_of(doc, "kind"), "AdmissionReview") || !str_is(text_of(doc, "apiVersion"), API_VERSION))
        return err_set(err, "the body is no AdmissionReview of " API_VERSION);
    if (!r || !kind) return err_set(err, "the AdmissionReview has no request, or its request has no kind");
    *out = (struct admit_request){.uid = text_of(r, "uid"),
                                  .operation = text_of(r, "operation"),
                                  .ns = text_of(r, "namespace"),
                                  .name = text_of(r, "name"),
                                  .group = text_of(kind, "group"),
                                  .version = text_of(kind, "version"),
                                  .kind = text_of(kind, "kind"),
                                  .object = object_at(r, "object"),
                                  .old = object_at(r, "oldObject")};
    if (!is_uuid(out->uid)) return err_set(err, "request.uid of the AdmissionReview is not a UUID");
    if (!out->operation.n || !out->kind.n)
        return err_set(err, "request.operation or request.kind.kind of the AdmissionReview is missing");
    return true;
}

static json_t *parse(struct str body, struct err *err)
{
    json_error_t at;
    if (is_too_deep(body)) {
        err_set(err, "the AdmissionReview is nested deeper than %d levels", ADMIT_MAX_DEPTH);
        return NULL;
    }
    json_t *doc = json_loadb(body.p ? body.p : "", body.n, 0, &at);
    if (!doc) err_set(err, "the body is not JSON: line %d, column %d: %s", at.line, at.column, at.text);
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

static void add_patch(json_t *response, const json_t *patch)
{
    struct buf text = {0};
    char *json = json_dumps(patch, JSON_COMPACT);
    base64_write(str_of(json), &text);
    json_object_set_new(response, "patchType", json_string("JSONPatch"));
    json_object_set_new(response, "patch", json_stringn(text.p, text.n));
    buf_free(&text);
    free(json);
}

static void add_warnings(json_t *response, struct strs warnings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < warnings.n && i < MAX_WARNINGS; i++) {
        struct str w = str_sub(warnings.v[i], 0, MAX_WARNING);
        json_array_append_new(list, json_stringn(w.p, w.n));
    }
    json_object_set_new(response, "warnings", list);
}

static json_t *answer_json(const struct admit_request *r, const struct admit_answer *x)
{
    json_t *response = json_pack("{s:s%, s:b}", "uid", r->uid.p, r->uid.n, "allowed", x->allowed);
    int code = x->code ? x->code : DENIED;
    if (!x->allowed)
        json_object_set_new(response, "status",
                            json_pack("{s:s%, s:i, s:s}", "message", x->message.p, x->message.n, "code", code, "reason",
                                      reason_of(code)));
    if (x->allowed && json_array_size(x->patch)) add_patch(response, x->patch);
    if (x->warnings.n) add_warnings(response, x->warnings);
    return json_pack("{s:s, s:s, s:o}", "apiVersion", API_VERSION, "kind", "AdmissionReview", "response", response);
}

static struct str text_in(struct arena *a, json_t *doc)
{
    char *text = json_dumps(doc, JSON_COMPACT);
    struct str out = str_dup(a, str_of(text));
    free(text);
    json_decref(doc);
    return out;
}

int admit_review(const struct admit_world *w, enum admit_hook hook, struct str body, struct arena *a, struct str *reply,
                 struct str *kind, bool *allowed)
{
    struct err err = {0};
    struct admit_request r;
    struct admit_answer x = {.allowed = true};
    *kind = STR_NULL;
    *allowed = false;
    json_t *doc = parse(body, &err);
    bool good = doc && read_request(doc, &r, &err);
    if (good) {
        (hook == ADMIT_MUTATE ? admit_mutate : admit_validate)(w, &r, a, &x);
        *kind = str_dup(a, r.kind);
        *allowed = x.allowed;
        *reply = text_in(a, answer_json(&r, &x));
    } else {
        *reply = text_in(a, json_pack("{s:s}", "error", err.text));
    }
    json_decref(x.patch);
    json_decref(doc);
    return good ? 200 : 400;
}
