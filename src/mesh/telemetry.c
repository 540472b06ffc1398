#include "mesh/telemetry.h"

#include "base/names.h"
#include "kinds/extension_service.h"
#include "kinds/telemetry.h"
#include "mesh/log_format.h"
#include "mesh/platform.h"
#include "mesh/service.h"
#include "mesh/settings.h"

static const struct field log_fields[] = {
    FIELD(struct mesh_log, title, "title", F_STR),
    FIELD(struct mesh_log, text, "text", F_STR),
    FIELD(struct mesh_log, json, "json", F_STR),
    FIELD(struct mesh_log, collector, "collector", F_STR),
    FIELD(struct mesh_log, port, "port", F_INT),
    FIELD(struct mesh_log, timeout_ns, "timeoutNs", F_INT),
    FIELD(struct mesh_log, attributes, "attributes", F_MAP),
    FIELD(struct mesh_log, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_log_table = TABLE("Log", struct mesh_log, log_fields);
static const struct field choice_fields[] = {
    FIELD(struct mesh_log_choice, name, "name", F_STR),
    FIELD(struct mesh_log_choice, selector, "selector", F_MAP),
};
static const struct table choice_table = TABLE("LogChoice", struct mesh_log_choice, choice_fields);
static const struct field choices_fields[] = {
    FIELD(struct mesh_log_choices, selecting, "selecting", F_LIST, .sub = &choice_table),
    FIELD(struct mesh_log_choices, plain, "plain", F_STRS),
};
const struct table mesh_log_choices_table = TABLE("LogChoices", struct mesh_log_choices, choices_fields);
static const struct field all_fields[] = {FIELD(struct mesh_telemetries, keys, "keys", F_STRS)};
const struct table mesh_telemetries_table = TABLE("Telemetries", struct mesh_telemetries, all_fields);

static const struct telemetry *telemetry(struct cell *c, struct str key, const struct object **o)
{
    *o = store_get(c, KIND_TELEMETRY, key);
    const struct telemetry *t = telemetry_of(*o);
    return t && t->spec.access_log ? t : NULL;
}

/* ---- what one says --------------------------------------------------------------------------------------- */

static void set_format(struct arena *a, struct str format, struct mesh_log *out)
{
    struct err err = {0};
    if (!format.n || log_format_parse(a, format, &out->text, &out->json, &err)) return;
    diag_error(a, &out->diags, E_BAD_OBJECT, "accessLog.format: %s: the standard format is used", err.text);
}

static void set_attributes(struct arena *a, struct kvs given, struct mesh_log *out)
{
    LIST(struct kv) good = {0};
    for (each(kv, given)) {
        struct err err = {0};
        if (log_text_check(kv->value, &err))
            list_push(a, &good, *kv);
        else
            diag_error(a, &out->diags, E_BAD_OBJECT, "accessLog.openTelemetry.attributes.%.*s: %s: it is left out",
                       STR_FMT(kv->key), err.text);
    }
    out->attributes = (struct kvs){good.v, good.n};
}

/* Logs are sent by gRPC, which is HTTP/2; the proxies know no CA by which to judge a collector's certificate. */
static void set_collector(struct cell *c, struct arena *a, const struct otel_log *t, struct mesh_log *out)
{
    struct str key = key_of(a, t->service.ns, t->service.name);
    const struct extension_service *s = extension_service_of(store_get(c, KIND_EXTENSION_SERVICE, key));
    const char *wrong = !s                                  ? "is not there"
                        : s->spec.protocol != EXTENSION_H2C ? "must have the protocol h2c: gRPC in clear text"
                        : !mesh_is_host(s->spec.host)       ? "has a host that is neither a DNS name nor an address"
                                                            : NULL;
    if (wrong) {
        diag_error(a, &out->diags, s ? E_BAD_OBJECT : E_ABSENT,
                   "ExtensionService %.*s %s: logs go to standard output alone", STR_FMT(key), wrong);
        return;
    }
    out->collector = s->spec.host;
    out->port = s->spec.port;
    out->timeout_ns = s->spec.connect_timeout_ns;
    set_attributes(a, t->attributes, out);
}

static bool compute_log(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct mesh_log *out = value;
    const struct object *o;
    const struct telemetry *t = telemetry(c, key, &o);
    if (!t) return false;
    out->title = object_title(a, o);
    set_format(a, t->spec.access_log->format, out);
    if (t->spec.access_log->otel) set_collector(c, a, t->spec.access_log->otel, out);
    return true;
}
const struct cell_kind mesh_log_cell = {"log", &mesh_log_table, compute_log};

const struct mesh_log *mesh_log(struct cell *c, struct str key) { return sheet_read(c, &mesh_log_cell, key); }

/* ---- which one rules ------------------------------------------------------------------------------------- */

struct aged {
    struct str key;
    int64_t created;
    const struct telemetry *t;
};

static int by_age(const void *x, const void *y)
{
    const struct aged *a = x, *b = y;
    return mesh_is_older(a->created, a->key, b->created, b->key) ? -1 : 1;
}

static bool compute_choices(struct cell *c, struct str ns, struct arena *a, void *value)
{
    struct mesh_log_choices *out = value;
    LIST(struct aged) all = {0};
    struct str kind = str_of(kind_info(KIND_TELEMETRY)->name);
    struct strs keys = store_index(c, INDEX_BY_NAMESPACE, key_of(a, kind, ns));
    for (each(k, keys)) {
        const struct object *o;
        const struct telemetry *t = telemetry(c, *k, &o);
        if (t) list_push(a, &all, ((struct aged){*k, o->meta.created, t}));
    }
    list_sort(&all, by_age);
    for (each(x, all)) {
        struct str space, name;
        key_split(x->key, &space, &name);
        if (x->t->spec.selector.n)
            list_push(a, &out->selecting, ((struct mesh_log_choice){name, x->t->spec.selector}));
        else
            list_push(a, &out->plain, name);
    }
    return true;
}
const struct cell_kind mesh_log_choices_cell = {"log-choices", &mesh_log_choices_table, compute_choices};

const struct mesh_log_choices *mesh_log_choices(struct cell *c, struct str ns)
{
    return sheet_read(c, &mesh_log_choices_cell, ns);
}

struct str mesh_telemetry_of_labels(struct cell *c, struct str ns, struct kvs labels)
{
    const struct mesh_log_choices *all = mesh_log_choices(c, ns);
    for (each(x, all->selecting))
        if (labels_match(x->selector, labels)) return x->name;
    return STR_NULL;
}

struct str mesh_default_telemetry(struct cell *c, struct arena *a)
{
    struct str ns = mesh_platform(c)->system_ns;
    const struct mesh_log_choices *all = mesh_log_choices(c, ns);
    return all->plain.n ? key_of(a, ns, all->plain.v[0]) : STR_NULL;
}

struct str mesh_workload_telemetry(struct cell *c, struct arena *a, const struct workload *w)
{
    if (w->telemetry.n) return key_of(a, w->ns, w->telemetry);
    const struct mesh_log_choices *all = mesh_log_choices(c, w->ns);
    if (!all->plain.n || str_eq(w->ns, mesh_platform(c)->system_ns)) return STR_NULL;
    return key_of(a, w->ns, all->plain.v[0]);
}

static bool compute_all(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct mesh_telemetries *out = value;
    struct strs all = store_index(c, INDEX_ALL, str_of(kind_info(KIND_TELEMETRY)->name));
    struct str mine = mesh_default_telemetry(c, a);
    (void)key;
    for (each(k, all)) {
        const struct object *o;
        if (telemetry(c, *k, &o) && !str_eq(*k, mine)) list_push(a, &out->keys, *k);
    }
    return true;
}
const struct cell_kind mesh_telemetries_cell = {"telemetries", &mesh_telemetries_table, compute_all};

const struct mesh_telemetries *mesh_telemetries(struct cell *c)
{
    return sheet_read(c, &mesh_telemetries_cell, STR_NULL);
}

/* ---- diagnostics ----------------------------------------------------------------------------------------- */

/* Can one pod fit both? |*covers|: every pod that fits |y| fits |x|. */
static bool may_meet(struct kvs x, struct kvs y, bool *covers)
{
    *covers = true;
    for (each(kv, x)) {
        struct str other = kvs_get(y, kv->key);
        if (other.p && !str_eq(other, kv->value)) return false;
        *covers = *covers && other.p;
    }
    return true;
}

static void selecting_diags(struct arena *a, const struct mesh_log_choices *all, struct str name,
                            struct mesh_diags *out)
{
    const struct mesh_log_choice *mine = NULL;
    for (size_t i = all->selecting.n; i-- > 0;)
        if (str_eq(all->selecting.v[i].name, name)) mine = &all->selecting.v[i];
    for (const struct mesh_log_choice *x = all->selecting.v; mine && x < mine; x++) {
        bool covers;
        if (!may_meet(x->selector, mine->selector, &covers)) continue;
        (covers ? diag_error : diag_remark)(a, out, E_CONFLICT,
                                            "Telemetry %.*s is older and rules %s that fit this one's selector",
                                            STR_FMT(x->name), covers ? "all pods" : "those pods");
    }
}

void mesh_telemetry_diags(struct cell *c, struct arena *a, const struct object *o, struct mesh_diags *out)
{
    struct str key = object_key(a, o);
    const struct mesh_log *log = mesh_log(c, key);
    if (!log) {
        diag_remark(a, out, E_NOT_ENFORCED, "without accessLog it says nothing and counts as absent");
        return;
    }
    diag_append(a, out, log->diags.v, log->diags.n);
    const struct mesh_log_choices *all = mesh_log_choices(c, o->meta.ns);
    if (telemetry_of(o)->spec.selector.n)
        selecting_diags(a, all, o->meta.name, out);
    else if (all->plain.n && !str_eq(all->plain.v[0], o->meta.name))
        diag_error(a, out, E_CONFLICT, "Telemetry %.*s is older and rules the namespace: this one does nothing",
                   STR_FMT(all->plain.v[0]));
}
