#include "base/base64.h"
#include "base/buf.h"
#include "base/cidr.h"
#include "base/errcode.h"
#include "base/field_dec.h"
#include "base/regex.h"

static void put_path(struct buf *b, const struct at *at)
{
    if (!at) return;
    put_path(b, at->up);
    if (!at->name.p) {
        buf_fmt(b, "[%zu]", at->index);
        return;
    }
    if (b->n) buf_char(b, '.');
    buf_str(b, at->name);
}

struct str dec_path(const struct dec *d, const struct at *at)
{
    struct buf b SCOPED_BUF = {0};
    buf_str(&b, d->base);
    put_path(&b, at);
    return str_dup(d->a, buf_view(&b));
}

struct problem *dec_add(struct arena *a, struct problems *out, struct problem p)
{
    p.code = E_BAD_OBJECT;
    list_push(a, out, p);
    return &out->v[out->n - 1];
}

void problem_add(struct arena *a, struct problems *out, bool is_error, const struct node *at, struct str path,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = str_vfmt(a, fmt, ap);
    va_end(ap);
    dec_add(a, out, (struct problem){is_error, path, at ? at->line : 0, at ? at->col : 0, text, 0});
}

bool dec_wrong(struct dec *d, const struct node *n, const struct at *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = str_vfmt(d->a, fmt, ap);
    va_end(ap);
    dec_add(d->a, d->probs, (struct problem){true, dec_path(d, at), n ? n->line : 0, n ? n->col : 0, text, 0});
    d->failed = true;
    return false;
}

bool dec_wrong_type(struct dec *d, const struct node *n, const struct at *at, const char *want)
{
    static const char *const kinds[] = {"empty",    "true or false", "a number", "a number",
                                        "a string", "a list",        "a mapping"};
    return dec_wrong(d, n, at, "must be %s, not %s", want, kinds[n->type]);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static bool text_of(struct dec *d, const struct node *n, const struct at *at, struct str *out)
{
    if (n->type == NODE_BOOL || n->type == NODE_INT || n->type == NODE_FLOAT)
        return dec_wrong(d, n, at, "must be a string; put it in quotes: \"%.*s\"", STR_FMT(n->text));
    if (n->type != NODE_STR) return dec_wrong_type(d, n, at, "a string");
    *out = n->text;
    return true;
}

static bool is_cidr(struct str s)
{
    struct cidr c;
    return str_find(s, '/') >= 0 && cidr_parse(s, &c);
}

static struct str names_text(struct dec *d, const char *const *names)
{
    struct buf b SCOPED_BUF = {0};
    for (; *names; names++) {
        if (**names) buf_fmt(&b, "%s%s", b.n ? ", " : "", *names);
    }
    return str_dup(d->a, buf_view(&b));
}

int dec_name_index(const struct field *f, struct str s)
{
    for (int i = 0; f->names[i]; i++) {
        struct str name = str_of(f->names[i]);
        if (f->flags & FIELD_NOCASE ? str_eq_nocase(name, s) : str_eq(name, s)) return i;
    }
    return -1;
}

static bool wrong_name(struct dec *d, const struct field *f, const struct node *n, const struct at *at, struct str s)
{
    struct str all = names_text(d, f->names);
    return dec_wrong(d, n, at, "must be one of %.*s, not \"%.*s\"", STR_FMT(all), STR_FMT(s));
}

static bool check_regex(struct dec *d, const struct node *n, const struct at *at, struct str s)
{
    struct err err = {0};
    struct regex *r = regex_new(s, &err);
    regex_free(r);
    if (r) return true;
    dec_wrong(d, n, at, "\"%.*s\": %s", STR_FMT(s), err.text);
    d->probs->v[d->probs->n - 1].code = E_BAD_REGEX;
    return false;
}

/* An empty text counts as not given, as in Kubernetes, unless FIELD_NOT_EMPTY. */
static bool check_text(struct dec *d, const struct field *f, const struct node *n, const struct at *at, struct str s)
{
    if (s.n == 0) return !(f->flags & FIELD_NOT_EMPTY) || dec_wrong(d, n, at, "must not be empty");
    if (f->names && dec_name_index(f, s) < 0) return wrong_name(d, f, n, at, s);
    if ((f->flags & FIELD_CIDR) && !is_cidr(s))
        return dec_wrong(d, n, at, "\"%.*s\" is not an address range; write it as 10.0.0.0/8", STR_FMT(s));
    if ((f->flags & FIELD_REGEX) && !check_regex(d, n, at, s)) return false;
    if (f->pattern && !regex_matches_const(f->pattern, s))
        return dec_wrong(d, n, at, "\"%.*s\" does not have the form %s", STR_FMT(s), f->pattern);
    return true;
}

bool dec_str(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct str s;
    if (!text_of(d, n, at, &s) || !check_text(d, f, n, at, s)) return false;
    *(struct str *)out = str_dup(d->a, s);
    return true;
}

/* ---- scalars --------------------------------------------------------------------------------------------- */

bool dec_bool(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f;
    if (n->type != NODE_BOOL) return dec_wrong_type(d, n, at, "true or false");
    *(bool *)out = n->i != 0;
    return true;
}

bool dec_tri(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f;
    if (n->type != NODE_BOOL) return dec_wrong_type(d, n, at, "true or false");
    *(enum tri *)out = n->i ? TRI_TRUE : TRI_FALSE;
    return true;
}

static bool in_range(struct dec *d, const struct field *f, const struct node *n, const struct at *at, int64_t v)
{
    if ((f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max)) return true;
    if (f->max == INT64_MAX)
        return dec_wrong(d, n, at, "must be at least %lld, not %lld", (long long)f->min, (long long)v);
    return dec_wrong(d, n, at, "must be between %lld and %lld, not %lld", (long long)f->min, (long long)f->max,
                     (long long)v);
}

bool dec_int(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    if (n->type != NODE_INT) return dec_wrong_type(d, n, at, "a whole number");
    if (!in_range(d, f, n, at, n->i)) return false;
    *(int64_t *)out = n->i;
    return true;
}

bool dec_opt_int(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct opt_int *v = out;
    v->is_set = dec_int(d, f, n, at, &v->v);
    return v->is_set;
}

static bool duration_in_range(struct dec *d, const struct field *f, const struct node *n, const struct at *at,
                              int64_t v)
{
    if ((f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max)) return true;
    struct str least = duration_text(d->a, f->min), most = duration_text(d->a, f->max);
    if (f->max == INT64_MAX) return dec_wrong(d, n, at, "must be at least %.*s", STR_FMT(least));
    return dec_wrong(d, n, at, "must be between %.*s and %.*s", STR_FMT(least), STR_FMT(most));
}

bool dec_duration(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    int64_t ns = 0;
    bool is_zero = n->type == NODE_INT && n->i == 0;
    if (!is_zero && n->type != NODE_STR) return dec_wrong_type(d, n, at, "a duration like 5s or 1h30m");
    if (!is_zero && !duration_parse(n->text, &ns))
        return dec_wrong(d, n, at, "\"%.*s\" is not a duration; write it like 500ms, 5s or 1h30m", STR_FMT(n->text));
    if (!duration_in_range(d, f, n, at, ns)) return false;
    *(int64_t *)out = ns;
    return true;
}

bool dec_time(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f;
    if (n->type != NODE_STR || !time_parse(n->text, out))
        return dec_wrong(d, n, at, "must be a time like 2026-01-31T12:00:00Z");
    return true;
}

bool dec_enum(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct str s;
    if (!text_of(d, n, at, &s)) return false;
    int i = dec_name_index(f, s);
    if (i < 0) return wrong_name(d, f, n, at, s);
    *(int *)out = i;
    return true;
}

bool dec_int_or_str(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct int_or_str *v = out;
    if (n->type == NODE_STR) return dec_str(d, f, n, at, &v->s);
    if (n->type != NODE_INT) return dec_wrong_type(d, n, at, "a whole number or a name");
    if (!in_range(d, f, n, at, n->i)) return false;
    v->i = n->i;
    return true;
}

bool dec_json(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f, (void)at;
    field_keep_json(d->a, node_to_json(n), out);
    return true;
}

bool dec_quantity(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    static const char form[] = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?";
    (void)f;
    if (n->type != NODE_STR && n->type != NODE_INT && n->type != NODE_FLOAT)
        return dec_wrong_type(d, n, at, "a quantity");
    if (!regex_matches_const(form, n->text))
        return dec_wrong(d, n, at, "\"%.*s\" is not a quantity; write it like 100m or 128Mi", STR_FMT(n->text));
    *(struct str *)out = str_dup(d->a, n->text);
    return true;
}

bool dec_bytes(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct str s;
    (void)f;
    if (!text_of(d, n, at, &s)) return false;
    return base64_read(d->a, s, out) || dec_wrong(d, n, at, "is not base64");
}
