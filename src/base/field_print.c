#include <stdlib.h>

#include "base/base64.h"
#include "base/field_private.h"

static const void *at(const struct field *f, const void *v) { return (const char *)v + f->offset; }
static const char *item(const struct field *f, const struct strs *l, size_t i)
{
    return (const char *)l->v + i * f->sub->size;
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static json_t *text_json(struct str s)
{
    json_t *j = json_stringn(s.n ? s.p : "", s.n);
    return j ? j : json_string("");
}

static json_t *base64_json(struct str s)
{
    struct buf b SCOPED_BUF = {0};
    base64_write(s, &b);
    return text_json(buf_view(&b));
}

static json_t *time_json(struct str (*text)(struct arena *, int64_t), int64_t v)
{
    struct arena *a SCOPED_ARENA = arena_new();
    return text_json(text(a, v));
}

static json_t *list_json(const struct field *f, const struct strs *l)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(out, table_to_json(f->sub, item(f, l, i)));
    return out;
}

static json_t *strs_json(const struct strs *l)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(out, text_json(l->v[i]));
    return out;
}

static json_t *ints_json(const struct ints *l)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(out, json_integer(l->v[i]));
    return out;
}

static json_t *map_json(const struct field *f, const struct kvs *m)
{
    json_t *out = json_object();
    for (size_t i = 0; i < m->n; i++) {
        struct kv kv = m->v[i];
        json_t *value = f->flags & FIELD_BASE64 ? base64_json(kv.value) : text_json(kv.value);
        json_object_setn_new(out, kv.key.n ? kv.key.p : "", kv.key.n, value);
    }
    return out;
}

/* One mapping per entry, because a key may repeat. */
static json_t *maps_json(const struct kvs *m)
{
    json_t *out = json_array();
    for (size_t i = 0; i < m->n; i++) {
        struct str key = m->v[i].key;
        json_t *one = json_object();
        json_object_setn_new(one, key.n ? key.p : "", key.n, text_json(m->v[i].value));
        json_array_append_new(out, one);
    }
    return out;
}

static json_t *int_or_str_json(const struct int_or_str *v) { return v->s.n ? text_json(v->s) : json_integer(v->i); }

/* NULL: nothing to say. */
static json_t *field_json(const struct field *f, const void *v)
{
    switch (f->type) {
    case F_STR:
    case F_QUANTITY:
        return text_json(*(const struct str *)v);
    case F_BYTES:
        return base64_json(*(const struct str *)v);
    case F_BOOL:
        return json_boolean(*(const bool *)v);
    case F_TRI:
        return *(const enum tri *)v ? json_boolean(*(const enum tri *)v == TRI_TRUE) : NULL;
    case F_INT:
        return json_integer(*(const int64_t *)v);
    case F_DURATION:
        return time_json(duration_text, *(const int64_t *)v);
    case F_TIME:
        return time_json(time_text, *(const int64_t *)v);
    case F_ENUM:
        return json_string(f->names[*(const int *)v]);
    case F_INLINE:
        return table_to_json(f->sub, v);
    case F_OBJ:
        return *(void *const *)v ? table_to_json(f->sub, *(void *const *)v) : NULL;
    case F_LIST:
        return list_json(f, v);
    case F_STRS:
        return strs_json(v);
    case F_INTS:
        return ints_json(v);
    case F_MAP:
        return map_json(f, v);
    case F_MAPS:
        return maps_json(v);
    case F_OPT_INT:
        return ((const struct opt_int *)v)->is_set ? json_integer(((const struct opt_int *)v)->v) : NULL;
    case F_INT_OR_STR:
        return int_or_str_json(v);
    case F_JSON:
        return *(json_t *const *)v ? json_incref(*(json_t *const *)v) : NULL;
    }
    return NULL;
}

/* A zero that decoding would not bring back must be written. */
static bool is_silent(const struct field *f, const void *v)
{
    if (f->type == F_INLINE) return false;
    return field_is_zero(f, v) && !f->def && !(f->flags & FIELD_REQUIRED);
}

json_t *table_to_json(const struct table *t, const void *v)
{
    json_t *out = json_object();
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        json_t *j = is_silent(f, at(f, v)) ? NULL : field_json(f, at(f, v));
        bool is_empty = f->type == F_INLINE && !(f->flags & FIELD_REQUIRED) && json_object_size(j) == 0;
        if (is_empty)
            json_decref(j);
        else if (j)
            json_object_set_new(out, f->name, j);
    }
    return out;
}

/* ---- dump ------------------------------------------------------------------------------------------------ */

static bool is_plain(struct str s)
{
    if (s.n == 0 || s.p[0] == ' ' || s.p[0] == '"' || s.p[s.n - 1] == ' ') return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return false;
    return true;
}

static void dump_text(struct str s, struct buf *out)
{
    if (is_plain(s))
        buf_str(out, s);
    else
        buf_json_str(out, s);
}

static void dump_json(const json_t *j, struct buf *out)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    buf_c(out, text ? text : "");
    free(text);
}

static void dump_strs(const struct strs *l, struct buf *out)
{
    buf_char(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i) buf_c(out, ", ");
        dump_text(l->v[i], out);
    }
    buf_char(out, ']');
}

static void dump_ints(const struct ints *l, struct buf *out)
{
    buf_char(out, '[');
    for (size_t i = 0; i < l->n; i++) buf_fmt(out, "%s%lld", i ? ", " : "", (long long)l->v[i]);
    buf_char(out, ']');
}

static void dump_map(const struct kvs *m, struct buf *out)
{
    buf_char(out, '{');
    for (size_t i = 0; i < m->n; i++) {
        if (i) buf_c(out, ", ");
        dump_text(m->v[i].key, out);
        buf_char(out, '=');
        dump_text(m->v[i].value, out);
    }
    buf_char(out, '}');
}

static void dump_bytes(const struct field *f, const void *v, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (f->type == F_DURATION)
        buf_str(out, duration_text(a, *(const int64_t *)v));
    else if (f->type == F_TIME)
        buf_str(out, time_text(a, *(const int64_t *)v));
    else
        base64_write(*(const struct str *)v, out);
}

static void dump_scalar(const struct field *f, const void *v, struct buf *out)
{
    const struct int_or_str *ios = v;
    switch (f->type) {
    case F_STR:
    case F_QUANTITY:
        dump_text(*(const struct str *)v, out);
        break;
    case F_BOOL:
        buf_c(out, *(const bool *)v ? "true" : "false");
        break;
    case F_TRI:
        buf_c(out, *(const enum tri *)v == TRI_TRUE ? "true" : "false");
        break;
    case F_INT:
        buf_fmt(out, "%lld", (long long)*(const int64_t *)v);
        break;
    case F_ENUM:
        buf_c(out, f->names[*(const int *)v]);
        break;
    case F_STRS:
        dump_strs(v, out);
        break;
    case F_INTS:
        dump_ints(v, out);
        break;
    case F_MAP:
    case F_MAPS:
        dump_map(v, out);
        break;
    case F_OPT_INT:
        buf_fmt(out, "%lld", (long long)((const struct opt_int *)v)->v);
        break;
    case F_INT_OR_STR:
        if (ios->s.n)
            dump_text(ios->s, out);
        else
            buf_fmt(out, "%lld", (long long)ios->i);
        break;
    case F_JSON:
        dump_json(*(json_t *const *)v, out);
        break;
    default:
        dump_bytes(f, v, out);
    }
}

static void blanks(struct buf *out, int n) { buf_fmt(out, "%*s", n, ""); }

/* An item is dumped two columns further in and its first line begins with a dash. */
static void dump_list(const struct field *f, const struct strs *l, int indent, struct buf *out)
{
    for (size_t i = 0; i < l->n; i++) {
        size_t start = out->n;
        table_dump(f->sub, item(f, l, i), indent + 2, out);
        if (out->n == start) {
            blanks(out, indent);
            buf_c(out, "- {}\n");
        } else {
            out->p[start + (size_t)indent] = '-';
        }
    }
}

static void dump_nested(const struct field *f, const void *v, int indent, struct buf *out)
{
    if (f->type == F_LIST)
        dump_list(f, v, indent, out);
    else
        table_dump(f->sub, f->type == F_OBJ ? *(void *const *)v : v, indent, out);
}

static void dump_field(const struct field *f, const void *v, int indent, struct buf *out)
{
    bool nests = f->type == F_INLINE || f->type == F_OBJ || f->type == F_LIST;
    blanks(out, indent);
    buf_fmt(out, "%s:", f->name);
    if (f->flags & FIELD_SECRET) {
        buf_c(out, " (secret)\n");
    } else if (nests) {
        size_t start = out->n;
        buf_char(out, '\n');
        dump_nested(f, v, indent + 2, out);
        if (out->n != start + 1) return;
        out->n = start;
        buf_c(out, " {}\n");
    } else {
        buf_char(out, ' ');
        dump_scalar(f, v, out);
        buf_char(out, '\n');
    }
}

void table_dump(const struct table *t, const void *v, int indent, struct buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        if (!field_is_zero(f, at(f, v))) dump_field(f, at(f, v), indent, out);
    }
}
