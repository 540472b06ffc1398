#include <stdlib.h>

#include "base/node_scalar.h"
#include "base/yaml_write.h"
#include "kinds/schema.h"

/* A bound everywhere: the API server refuses rules whose cost it cannot bound. */
enum { MAX_ITEMS = 4096, MAX_TEXT = 4096 };
#define DURATION_FORM "^(0|([0-9]+(\\.[0-9]+)?(ns|us|\xc2\xb5s|ms|s|m|h))+)$"

static json_t *object_schema(const struct table *t);

static void set_text(json_t *o, const char *key, const char *text) { json_object_set_new(o, key, json_string(text)); }
static void set_int(json_t *o, const char *key, int64_t v) { json_object_set_new(o, key, json_integer(v)); }

static json_t *typed(const char *type)
{
    json_t *o = json_object();
    set_text(o, "type", type);
    return o;
}

static void add_names(json_t *o, const struct field *f)
{
    struct buf form SCOPED_BUF = {0};
    json_t *all = json_array();
    buf_c(&form, "(?i)^(");
    for (const char *const *n = f->names; *n; n++) {
        json_array_append_new(all, json_string(*n));
        buf_fmt(&form, "%s%s", n == f->names ? "" : "|", *n);
    }
    buf_str(&form, S(")$\0"));
    if (f->flags & FIELD_NOCASE)
        set_text(o, "pattern", form.p);
    else
        json_object_set(o, "enum", all);
    json_decref(all);
}

static json_t *text_schema(const struct field *f)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *o = typed("string");
    set_int(o, "maxLength", MAX_TEXT);
    if (f->flags & FIELD_NOT_EMPTY) set_int(o, "minLength", 1);
    if (f->names) add_names(o, f);
    if (f->pattern) set_text(o, "pattern", str_fmt(a, "^(?:%s)$", f->pattern).p);
    if (f->flags & FIELD_CIDR) set_text(o, "format", "cidr");
    return o;
}

static json_t *int_schema(const struct field *f)
{
    json_t *o = typed("integer");
    set_text(o, "format", "int64");
    if (f->min || f->max) {
        set_int(o, "minimum", f->min);
        set_int(o, "maximum", f->max);
    }
    return o;
}

static json_t *form_schema(const char *key, const char *value)
{
    json_t *o = typed("string");
    set_text(o, key, value);
    return o;
}

static json_t *list_schema(const struct field *f, json_t *items)
{
    json_t *o = typed("array");
    if (f->flags & FIELD_NOT_EMPTY) set_int(o, "minItems", 1);
    set_int(o, "maxItems", MAX_ITEMS);
    json_object_set_new(o, "items", items);
    return o;
}

static json_t *map_schema(void)
{
    json_t *o = typed("object");
    set_int(o, "maxProperties", MAX_ITEMS);
    json_object_set_new(o, "additionalProperties", form_schema("type", "string"));
    return o;
}

static json_t *flag_schema(const char *type, const char *flag)
{
    json_t *o = json_object();
    if (type) set_text(o, "type", type);
    json_object_set_new(o, flag, json_true());
    return o;
}

/* An item of a list of texts: emptiness is the list's matter. */
static json_t *item_schema(const struct field *f)
{
    struct field item = *f;
    item.flags &= ~(unsigned)FIELD_NOT_EMPTY;
    return f->type == F_INTS ? int_schema(&item) : text_schema(&item);
}

static json_t *type_schema(const struct field *f)
{
    switch (f->type) {
    case F_STR:
    case F_ENUM:
        return text_schema(f);
    case F_BOOL:
    case F_TRI:
        return typed("boolean");
    case F_INT:
    case F_OPT_INT:
        return int_schema(f);
    case F_DURATION:
        return form_schema("pattern", DURATION_FORM);
    case F_TIME:
        return form_schema("format", "date-time");
    case F_BYTES:
        return form_schema("format", "byte");
    case F_INLINE:
    case F_OBJ:
        return object_schema(f->sub);
    case F_LIST:
        return list_schema(f, object_schema(f->sub));
    case F_STRS:
    case F_INTS:
        return list_schema(f, item_schema(f));
    case F_MAP:
        return map_schema();
    case F_MAPS:
        return list_schema(f, map_schema());
    case F_INT_OR_STR:
    case F_QUANTITY:
        return flag_schema(NULL, "x-kubernetes-int-or-string");
    case F_JSON:
        return flag_schema("object", "x-kubernetes-preserve-unknown-fields");
    }
    return json_object();
}

static json_t *default_json(const struct field *f)
{
    struct node n = {.type = NODE_STR, .text = str_of(f->def)};
    bool is_text = f->type == F_STR || f->type == F_ENUM || f->type == F_DURATION;
    if (!is_text) node_type_plain(&n);
    return node_to_json(&n);
}

static json_t *field_schema(const struct field *f)
{
    json_t *o = json_object(), *type = type_schema(f);
    set_text(o, "description", f->doc);
    if (f->def) json_object_set_new(o, "default", default_json(f));
    json_object_del(type, "description");
    json_object_update(o, type);
    json_decref(type);
    return o;
}

static json_t *object_schema(const struct table *t)
{
    json_t *o = typed("object"), *members = json_object(), *required = json_array();
    if (t->doc) set_text(o, "description", t->doc);
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        json_object_set_new(members, f->name, field_schema(f));
        if (f->flags & FIELD_REQUIRED) json_array_append_new(required, json_string(f->name));
    }
    if (json_array_size(required)) json_object_set(o, "required", required);
    if (t->n) json_object_set(o, "properties", members);
    json_decref(required);
    json_decref(members);
    return o;
}

static void add_rules(json_t *schema, const struct cel_rule *rules)
{
    json_t *all = json_array();
    for (; rules && rules->rule; rules++) {
        json_t *one = json_object();
        set_text(one, "rule", rules->rule);
        set_text(one, "message", rules->message);
        json_array_append_new(all, one);
    }
    if (json_array_size(all)) json_object_set(schema, "x-kubernetes-validations", all);
    json_decref(all);
}

static json_t *root_schema(const struct table *t)
{
    json_t *o = object_schema(t), *members = json_object_get(o, "properties");
    json_t *status = flag_schema("object", "x-kubernetes-preserve-unknown-fields");
    set_text(status, "description", "What the mesh says about it; written by the mesh.");
    json_object_set_new(members, "status", status);
    add_rules(o, t->rules);
    return o;
}

static json_t *version_json(const struct kind_info *i, size_t v)
{
    json_t *o = json_object(), *schema = json_object(), *subresources = json_object();
    set_text(o, "name", i->versions[v]);
    json_object_set_new(o, "served", json_true());
    json_object_set_new(o, "storage", json_boolean(v == 0));
    if (v) json_object_set_new(o, "deprecated", json_true());
    json_object_set_new(subresources, "status", json_object());
    json_object_set_new(o, "subresources", subresources);
    json_object_set_new(o, "additionalPrinterColumns",
                        json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "name", "Status", "type", "string", "jsonPath",
                                  ".status.currentStatus", "name", "Age", "type", "date", "jsonPath",
                                  ".metadata.creationTimestamp"));
    json_object_set_new(schema, "openAPIV3Schema", root_schema(i->table));
    json_object_set_new(o, "schema", schema);
    return o;
}

static json_t *names_json(const struct kind_info *i, struct arena *a)
{
    json_t *o = json_object();
    set_text(o, "kind", i->name);
    set_text(o, "listKind", str_fmt(a, "%sList", i->name).p);
    set_text(o, "plural", i->plural);
    set_text(o, "singular", str_lower(a, str_of(i->name)).p);
    if (i->short_name && !str_is(str_lower(a, str_of(i->name)), i->short_name))
        json_object_set_new(o, "shortNames", json_pack("[s]", i->short_name));
    return o;
}

static json_t *spec_json(const struct kind_info *i, struct arena *a)
{
    json_t *o = json_object(), *versions = json_array();
    set_text(o, "group", i->group);
    set_text(o, "scope", i->flags & KIND_CLUSTER_SCOPED ? "Cluster" : "Namespaced");
    json_object_set_new(o, "names", names_json(i, a));
    for (size_t v = 0; v < sizeof i->versions / sizeof *i->versions && i->versions[v]; v++)
        json_array_append_new(versions, version_json(i, v));
    json_object_set_new(o, "versions", versions);
    return o;
}

void crd_write(enum kind k, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct kind_info *i = kind_info(k);
    json_t *o = json_object(), *meta = json_object();
    set_text(o, "apiVersion", "apiextensions.k8s.io/v1");
    set_text(o, "kind", "CustomResourceDefinition");
    set_text(meta, "name", str_fmt(a, "%s.%s", i->plural, i->group).p);
    json_object_set_new(o, "metadata", meta);
    json_object_set_new(o, "spec", spec_json(i, a));
    buf_c(out, "---\n");
    yaml_write(o, out);
    json_decref(o);
}
