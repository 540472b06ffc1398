#include "mesh/retry.h"

#include "base/names.h"
#include "kinds/retry.h"
#include "mesh/service.h"
#include "mesh/settings.h"

static const struct field repeat_fields[] = {
    FIELD(struct mesh_repeat, on, "on", F_STR),
    FIELD(struct mesh_repeat, n, "n", F_INT),
    FIELD(struct mesh_repeat, per_try_ns, "perTry", F_DURATION),
    FIELD(struct mesh_repeat, backoff_ns, "backoff", F_DURATION),
};
static const struct table repeat_table = TABLE("Repeat", struct mesh_repeat, repeat_fields);
static const struct field fields[] = {
    FIELD(struct mesh_retry, valid, "valid", F_BOOL),
    FIELD(struct mesh_retry, title, "title", F_STR),
    FIELD(struct mesh_retry, created, "created", F_INT),
    FIELD(struct mesh_retry, source, "source", F_STR),
    FIELD(struct mesh_retry, destinations, "destinations", F_STRS),
    FIELD(struct mesh_retry, repeat, "repeat", F_INLINE, .sub = &repeat_table),
    FIELD(struct mesh_retry, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_retry_table = TABLE("Retry", struct mesh_retry, fields);
static const struct field retried_fields[] = {
    FIELD(struct mesh_retried, service, "service", F_STR),
    FIELD(struct mesh_retried, title, "title", F_STR),
    FIELD(struct mesh_retried, repeat, "repeat", F_INLINE, .sub = &repeat_table),
};
static const struct table retried_table = TABLE("Retried", struct mesh_retried, retried_fields);
static const struct field retries_fields[] = {
    FIELD(struct mesh_retries, services, "services", F_LIST, .sub = &retried_table),
};
const struct table mesh_retries_table = TABLE("Retries", struct mesh_retries, retries_fields);

/* ---- one Retry by itself --------------------------------------------------------------------------------- */

static bool is_condition(struct str word)
{
    static const char *const known[] = {"5xx",
                                        "gateway-error",
                                        "reset",
                                        "reset-before-request",
                                        "connect-failure",
                                        "envoy-ratelimited",
                                        "retriable-4xx",
                                        "refused-stream", /* and those of gRPC: */
                                        "cancelled",
                                        "deadline-exceeded",
                                        "internal",
                                        "resource-exhausted",
                                        "unavailable"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(word, known[i])) return true;
    return false;
}

/* Envoy passes over words that it does not know, without a word. */
static struct str conditions(struct str text, struct arena *a, struct mesh_diags *diags)
{
    struct strs words = {0};
    while (text.p) {
        struct str word = str_trim(str_cut(&text, ','));
        if (is_condition(word))
            list_push(a, &words, word);
        else if (word.n)
            diag_error(a, diags, E_BAD_OBJECT, "retryOn: %.*s is no condition that a proxy knows: it is passed over",
                       STR_FMT(word));
    }
    return str_join(a, strs_sort_unique(words), S(","));
}

static void add_destination(const struct object *o, const struct subject *s, struct arena *a, struct mesh_retry *out)
{
    if (str_is(s->kind, "Service"))
        list_push(a, &out->destinations, key_of(a, s->ns.n ? s->ns : o->meta.ns, s->name));
    else
        diag_error(a, &out->diags, E_DESTINATION_KIND, "destination %.*s %.*s is no Service: it is passed over",
                   STR_FMT(s->kind), STR_FMT(s->name));
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_RETRY, key);
    const struct retry *r = retry_of(o);
    if (!r) return false;
    struct mesh_retry *out = value;
    const struct subject *source = &r->spec.source;
    const struct retry_policy *p = &r->spec.policy;
    out->title = object_title(a, o);
    out->created = o->meta.created;
    out->source = key_of(a, source->ns.n ? source->ns : o->meta.ns, source->name);
    for (each(d, r->spec.destinations)) add_destination(o, d, a, out);
    out->destinations = strs_sort_unique(out->destinations);
    out->repeat = (struct mesh_repeat){.n = p->num_retries, p->per_try_timeout_ns, p->backoff_ns};
    out->repeat.on = conditions(p->retry_on, a, &out->diags);
    out->valid = str_is(source->kind, "ServiceAccount") && out->repeat.on.n && out->destinations.n;
    if (!str_is(source->kind, "ServiceAccount"))
        diag_error(a, &out->diags, E_SOURCE_KIND, "source %.*s %.*s is no ServiceAccount: nothing is repeated",
                   STR_FMT(source->kind), STR_FMT(source->name));
    else if (!out->valid)
        diag_error(a, &out->diags, E_BAD_OBJECT, "no %s is left: nothing is repeated",
                   out->repeat.on.n ? "destination" : "condition of retryOn");
    return true;
}
const struct cell_kind mesh_retry_cell = {"retry", &mesh_retry_table, compute};

const struct mesh_retry *mesh_retry(struct cell *c, struct str key) { return sheet_read(c, &mesh_retry_cell, key); }

/* ---- what an account repeats ----------------------------------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
    const struct mesh_retry *x = *(const struct mesh_retry *const *)a, *y = *(const struct mesh_retry *const *)b;
    return mesh_is_older(x->created, x->title, y->created, y->title) ? -1 : 1;
}

static bool is_taken(const struct mesh_retries *l, struct str service)
{
    for (size_t i = 0; i < l->services.n; i++)
        if (str_eq(l->services.v[i].service, service)) return true;
    return false;
}

static int by_service(const void *a, const void *b)
{
    return str_cmp(((const struct mesh_retried *)a)->service, ((const struct mesh_retried *)b)->service);
}

static bool compute_retries(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct mesh_retries *out = value;
    LIST(const struct mesh_retry *) all = {0};
    if (!mesh_settings(c)->retry) return true;
    struct strs keys = store_index(c, INDEX_RETRIES_BY_SOURCE, key);
    for (each(k, keys)) {
        const struct mesh_retry *r = mesh_retry(c, *k);
        if (r && r->valid && str_eq(r->source, key)) list_push(a, &all, r);
    }
    list_sort(&all, by_age);
    for (each(r, all))
        for (size_t i = 0; i < (*r)->destinations.n; i++) {
            struct str service = (*r)->destinations.v[i];
            if (!is_taken(out, service))
                list_push(a, &out->services, ((struct mesh_retried){service, (*r)->title, (*r)->repeat}));
        }
    list_sort(&out->services, by_service);
    return true;
}
const struct cell_kind mesh_retries_cell = {"retries", &mesh_retries_table, compute_retries};

const struct mesh_retries *mesh_retries(struct cell *c, struct str account)
{
    return sheet_read(c, &mesh_retries_cell, account);
}
