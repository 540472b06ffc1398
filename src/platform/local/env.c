#include "platform/local/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/names.h"

struct vars {
    struct str *v;
    size_t n;
};

static struct str value_of(struct strs env, struct str name)
{
    for (size_t i = env.n; i-- > 0;)
        if (str_starts(env.v[i], name) && env.v[i].n > name.n && env.v[i].p[name.n] == '=')
            return str_sub(env.v[i], name.n + 1, env.v[i].n);
    return STR_NULL;
}

static void set(struct arena *a, struct vars *vars, struct str name, struct str value)
{
    struct str line = str_fmt(a, "%.*s=%.*s", STR_FMT(name), STR_FMT(value));
    for (size_t i = 0; i < vars->n; i++) {
        if (!str_starts(vars->v[i], name) || vars->v[i].n <= name.n || vars->v[i].p[name.n] != '=') continue;
        vars->v[i] = line;
        return;
    }
    list_push(a, vars, line);
}

struct str env_expand(struct str text, struct strs env, struct arena *a)
{
    if (str_find(text, '$') < 0) return str_dup(a, text);
    struct buf out SCOPED_BUF = {0};
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = str_sub(text, i, text.n);
        ptrdiff_t end = str_starts(rest, S("$(")) ? str_find(rest, ')') : -1;
        struct str value = end > 0 ? value_of(env, str_sub(rest, 2, (size_t)end)) : STR_NULL;
        if (str_starts(rest, S("$$"))) {
            buf_char(&out, '$');
            i++;
        } else if (value.p) {
            buf_str(&out, value);
            i += (size_t)end;
        } else {
            buf_char(&out, text.p[i]);
        }
    }
    return str_dup(a, buf_view(&out));
}

/* ---- downward API ---- */

/* metadata.labels['key'] */
static bool subscript(struct str path, struct str prefix, struct str *key)
{
    if (!str_starts(path, prefix) || !str_ends(path, S("']"))) return false;
    *key = str_sub(path, prefix.n, path.n - 2);
    return true;
}

static struct str all_pairs(const json_t *map, struct arena *a)
{
    struct buf out SCOPED_BUF = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)map, key, value)
    {
        buf_fmt(&out, "%s%s=", out.n ? "\n" : "", key);
        buf_json_str(&out, str_of(json_string_value(value)));
    }
    return str_dup(a, buf_view(&out));
}

bool env_field(const json_t *pod, struct str path, struct arena *a, struct str *out, struct err *err)
{
    static const struct {
        const char *path, *at, *otherwise;
    } plain[] = {{"metadata.name", "metadata.name", ""},
                 {"metadata.namespace", "metadata.namespace", "default"},
                 {"metadata.uid", "metadata.uid", ""},
                 {"spec.nodeName", "spec.nodeName", "local"},
                 {"spec.serviceAccountName", "spec.serviceAccountName", "default"},
                 {"status.hostIP", "status.hostIP", ""},
                 {"status.hostIPs", "status.hostIP", ""},
                 {"status.podIP", "status.podIP", ""},
                 {"status.podIPs", "status.podIP", ""}};
    struct str key;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!str_is(path, plain[i].path)) continue;
        struct str text = doc_text(pod, plain[i].at);
        *out = text.p ? str_dup(a, text) : str_of(plain[i].otherwise);
        return true;
    }
    bool is_label = subscript(path, S("metadata.labels['"), &key);
    if (is_label || subscript(path, S("metadata.annotations['"), &key)) {
        const json_t *map = doc_at(pod, is_label ? "metadata.labels" : "metadata.annotations");
        *out = str_dup(a, str_of(json_string_value(json_object_getn(map, key.p, key.n))));
        return true;
    }
    if (str_is(path, "metadata.labels") || str_is(path, "metadata.annotations"))
        return *out = all_pairs(doc_at(pod, str_c(a, path)), a), true;
    return err_set(err, "fieldPath '%.*s' is not one a pod can read", STR_FMT(path));
}

/* Kubernetes' quantities in units of one, rounded up; binary and decimal suffixes, milli. */
static double quantity(struct str s)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"Ki", 1024.}, {"Mi", 1048576.}, {"Gi", 1073741824.}, {"Ti", 1099511627776.},
                 {"m", .001},   {"k", 1e3},       {"M", 1e6},          {"G", 1e9},
                 {"T", 1e12},   {"", 1}};
    char text[64], *end;
    snprintf(text, sizeof text, "%.*s", STR_FMT(s));
    double n = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i].suffix)) return n * units[i].factor;
    return 0;
}

bool env_resource(const json_t *container, const json_t *ref, struct arena *a, struct str *out, struct err *err)
{
    struct str what = doc_text(ref, "resource"), divisor = doc_text(ref, "divisor");
    struct str group = str_cut(&what, '.');
    bool is_cpu = str_is(what, "cpu");
    if ((!str_is(group, "limits") && !str_is(group, "requests")) ||
        (!is_cpu && !str_is(what, "memory") && !str_is(what, "ephemeral-storage")))
        return err_set(err, "resource '%.*s' is not one a container can read", STR_FMT(doc_text(ref, "resource")));
    struct str value = doc_text(container, str_fmt(a, "resources.%.*s.%.*s", STR_FMT(group), STR_FMT(what)).p);
    if (!value.p) value = doc_text(container, str_fmt(a, "resources.limits.%.*s", STR_FMT(what)).p);
    double n = is_cpu ? (double)sysconf(_SC_NPROCESSORS_ONLN)
                      : (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (value.p) n = quantity(value);
    double unit = divisor.n ? quantity(divisor) : 1;
    int64_t whole = unit > 0 ? (int64_t)(n / unit) : 0;
    if (unit > 0 && (double)whole * unit < n) whole++;
    *out = str_fmt(a, "%lld", (long long)whole);
    return true;
}

/* ---- sources ---- */

bool env_keyed(const json_t *doc, enum kind kind, struct str key, struct arena *a, struct str *out)
{
    const json_t *plain = json_object_getn(doc_at(doc, kind == KIND_SECRET ? "stringData" : "data"), key.p, key.n);
    const json_t *coded = json_object_getn(doc_at(doc, kind == KIND_SECRET ? "data" : "binaryData"), key.p, key.n);
    if (plain) return *out = str_dup(a, str_make(json_string_value(plain), json_string_length(plain))), true;
    if (coded) return base64_read(a, str_make(json_string_value(coded), json_string_length(coded)), out);
    return false;
}

static bool from_key(const struct env_input *in, const json_t *ref, enum kind kind, struct arena *a, struct str *out,
                     struct err *err)
{
    struct str name = doc_text(ref, "name"), key = doc_text(ref, "key");
    json_t *doc SCOPED_JSON = in->lookup.get(in->lookup.arg, kind, doc_text(in->pod, "metadata.namespace"), name);
    if (doc && env_keyed(doc, kind, key, a, out)) return true;
    *out = STR_NULL;
    if (doc_flag(ref, "optional", false)) return true;
    return err_set(err, "there is no key '%.*s' in %s %.*s", STR_FMT(key), kind_info(kind)->name, STR_FMT(name));
}

static bool value_from(const struct env_input *in, const json_t *from, struct arena *a, struct str *out,
                       struct err *err)
{
    const json_t *ref;
    if ((ref = doc_at(from, "fieldRef"))) return env_field(in->pod, doc_text(ref, "fieldPath"), a, out, err);
    if ((ref = doc_at(from, "resourceFieldRef"))) return env_resource(in->container, ref, a, out, err);
    if ((ref = doc_at(from, "configMapKeyRef"))) return from_key(in, ref, KIND_CONFIG_MAP, a, out, err);
    if ((ref = doc_at(from, "secretKeyRef"))) return from_key(in, ref, KIND_SECRET, a, out, err);
    return err_set(err, "valueFrom names no source that is known here");
}

static void add_keys(const json_t *map, const json_t *doc, enum kind kind, struct str prefix, struct arena *a,
                     struct vars *vars)
{
    const char *key;
    json_t *value;
    struct str text;
    json_object_foreach((json_t *)map, key, value) if (env_keyed(doc, kind, str_of(key), a, &text))
        set(a, vars, str_fmt(a, "%.*s%s", STR_FMT(prefix), key), text);
}

static bool from_all(const struct env_input *in, const json_t *from, struct arena *a, struct vars *vars,
                     struct err *err)
{
    enum kind kind = doc_at(from, "secretRef") ? KIND_SECRET : KIND_CONFIG_MAP;
    const json_t *ref = doc_at(from, kind == KIND_SECRET ? "secretRef" : "configMapRef");
    struct str name = doc_text(ref, "name"), prefix = doc_text(from, "prefix");
    json_t *doc SCOPED_JSON = in->lookup.get(in->lookup.arg, kind, doc_text(in->pod, "metadata.namespace"), name);
    if (!doc && !doc_flag(ref, "optional", false))
        return err_set(err, "there is no %s %.*s", kind_info(kind)->name, STR_FMT(name));
    static const char *const parts[] = {"data", "binaryData", "stringData"};
    for (size_t i = 0; doc && i < 3; i++) add_keys(doc_at(doc, parts[i]), doc, kind, prefix, a, vars);
    return true;
}

bool env_build(const struct env_input *in, struct arena *a, struct strs *out, struct err *err)
{
    struct vars vars = {0};
    size_t i;
    json_t *item;
    set(a, &vars, S("PATH"), S("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    set(a, &vars, S("HOSTNAME"), doc_text(in->pod, "metadata.name"));
    for (each(kv, in->host)) set(a, &vars, kv->key, kv->value);
    for (each(kv, in->image)) set(a, &vars, kv->key, kv->value);
    json_array_foreach(doc_at(in->container, "envFrom"), i, item) if (!from_all(in, item, a, &vars, err)) return false;
    json_array_foreach(doc_at(in->container, "env"), i, item)
    {
        struct str name = doc_text(item, "name"), value;
        const json_t *from = doc_at(item, "valueFrom");
        if (from && !value_from(in, from, a, &value, err)) return err_wrap(err, "env %.*s", STR_FMT(name));
        if (from && !value.p) continue;
        if (!from) value = env_expand(doc_text(item, "value"), (struct strs){vars.v, vars.n}, a);
        set(a, &vars, name, value);
    }
    *out = (struct strs){vars.v, vars.n};
    return true;
}
