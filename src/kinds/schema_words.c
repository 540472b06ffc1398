#include "kinds/schema_words.h"

#include "base/list.h"

const struct field *table_field(const struct table *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_is(name, t->fields[i].name)) return &t->fields[i];
    return NULL;
}

struct str field_type_words(const struct field *f, struct arena *a)
{
    static const char *const words[] = {
        [F_STR] = "string",
        [F_BOOL] = "boolean",
        [F_TRI] = "boolean",
        [F_INT] = "integer",
        [F_DURATION] = "duration",
        [F_TIME] = "time",
        [F_ENUM] = "string",
        [F_STRS] = "[]string",
        [F_INTS] = "[]integer",
        [F_MAP] = "map of strings",
        [F_JSON] = "anything",
        [F_QUANTITY] = "quantity",
        [F_BYTES] = "base64",
        [F_OPT_INT] = "integer",
        [F_MAPS] = "[]map of strings",
        [F_INT_OR_STR] = "integer or string",
    };
    if (f->type == F_LIST) return str_fmt(a, "[]%s", f->sub->name);
    if (f->type == F_INLINE || f->type == F_OBJ) return str_of(f->sub->name);
    return str_of(words[f->type]);
}

static struct str names_words(const struct field *f, struct arena *a)
{
    struct strs all = {0};
    for (const char *const *n = f->names; *n; n++)
        if (**n) list_push(a, &all, str_of(*n));
    struct str joined = str_join(a, all, S(", "));
    return str_fmt(a, "one of %.*s", STR_FMT(joined));
}

static struct str range_words(const struct field *f, struct arena *a)
{
    if (f->type == F_DURATION) {
        struct str least = duration_text(a, f->min), most = duration_text(a, f->max);
        return str_fmt(a, "from %.*s to %.*s", STR_FMT(least), STR_FMT(most));
    }
    bool is_open = f->max >= INT32_MAX;
    if (is_open && f->min == 0) return S("not negative");
    if (is_open) return str_fmt(a, "at least %lld", (long long)f->min);
    return str_fmt(a, "from %lld to %lld", (long long)f->min, (long long)f->max);
}

struct str field_rule_words(const struct field *f, struct arena *a)
{
    struct strs all = {0};
    if (f->flags & FIELD_REQUIRED) list_push(a, &all, S("required"));
    if (f->flags & FIELD_NOT_EMPTY) list_push(a, &all, S("not empty"));
    if (f->names) list_push(a, &all, names_words(f, a));
    if (f->min || f->max) list_push(a, &all, range_words(f, a));
    if (f->flags & FIELD_CIDR) list_push(a, &all, S("address range"));
    if (f->flags & FIELD_REGEX) list_push(a, &all, S("RE2 expression"));
    if (f->pattern) list_push(a, &all, str_fmt(a, "of the form %s", f->pattern));
    if (f->def) list_push(a, &all, str_fmt(a, "default %s", f->def));
    if (f->flags & FIELD_NOT_ENFORCED) list_push(a, &all, S("not carried out yet"));
    return str_join(a, all, S("; "));
}
