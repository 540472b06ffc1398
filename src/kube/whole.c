/* A whole state by pages, for servers without streaming lists. */
#include "kube/request.h"
#include "kube/watch_internal.h"

static const struct node_limits limits = {.bytes = WATCH_MAX_OBJECT, .depth = 64, .nodes = 400000};

/* The name of what is too much for us, so that it can be told which it is. */
static struct node *read_metadata(struct arena *a, struct str json, struct err *err)
{
    json_error_t e;
    json_t *doc = json_loadb(json.p, json.n, JSON_ALLOW_NUL, &e);
    if (!doc) return ERR_NULL(err, "what comes is not JSON: %s", e.text);
    json_t *o = json_object_get(doc, "object"), *meta = json_object_get(o ? o : doc, "metadata"), *less = json_object();
    const char *const names[] = {"name", "namespace", "resourceVersion"};
    for (size_t i = 0; i < 3; i++) {
        json_t *v = json_object_get(meta, names[i]);
        if (json_is_string(v) && !memchr(json_string_value(v), 0, json_string_length(v)))
            json_object_set(less, names[i], v);
    }
    json_t *small = json_pack("{s:o}", "metadata", less);
    if (o) {
        const char *type = json_string_value(json_object_get(doc, "type"));
        small = json_pack("{s:s, s:o}", "type", type ? type : "", "object", small);
    }
    struct node *n = node_of_json(a, small, err);
    json_decref(small);
    json_decref(doc);
    return n;
}

struct node *watch_parse(struct arena *a, struct str json, bool *unreadable, struct err *err)
{
    struct err first = {0};
    struct node *n = node_parse_json(a, json, &limits, &first);
    *unreadable = n == NULL;
    return n ? n : read_metadata(a, json, err);
}

static bool take_item(struct kube_watch *w, struct str json)
{
    struct arena *a SCOPED_ARENA = arena_new();
    bool unreadable;
    struct node *n = watch_parse(a, json, &unreadable, &w->end_why);
    if (!n) {
        w->end = END_LYING;
        return false;
    }
    w->events++;
    w->opt.ops->event(w->opt.arg, unreadable ? KUBE_UNREADABLE : KUBE_SET, n);
    return true;
}

/* What is left of the list when its items are taken out. */
static bool take_envelope(struct kube_watch *w, struct str json)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct node *n = node_parse_json(a, json, &limits, &w->end_why);
    const struct node *meta = node_get(n, S("metadata"));
    struct str version = node_get_str(meta, S("resourceVersion")), go_on = node_get_str(meta, S("continue"));
    if (!version.n) {
        w->end = END_LYING;
        if (n) err_set(&w->end_why, "the list has no resourceVersion");
        return false;
    }
    /* Pages of two versions do not make one state. */
    if (w->list_version.n && !str_eq(buf_view(&w->list_version), version)) {
        w->end = END_EXPIRED;
        return false;
    }
    buf_reset(&w->list_version);
    buf_str(&w->list_version, version);
    buf_reset(&w->go_on);
    buf_str(&w->go_on, go_on);
    return true;
}

static bool on_document(void *arg, struct str json, bool is_item)
{
    return is_item ? take_item(arg, json) : take_envelope(arg, json);
}

static bool on_data(void *arg, struct str piece)
{
    struct kube_watch *w = arg;
    watch_limit(w, WATCH_IDLE_MS);
    if (frames_feed(&w->frames, piece, &w->end_why)) return true;
    if (w->end == END_BY_ITSELF) w->end = END_LYING;
    return false;
}

static void ask_page(struct kube_watch *w);

/* The rest of the pages is too old: everything again, and in one, which no compaction can cut. */
static void begin_unpaged(struct kube_watch *w)
{
    watch_count(w, "page-expired");
    w->is_unpaged = true;
    list_start(w);
}

static void on_done(void *arg, const struct kube_answer *answer)
{
    struct kube_watch *w = arg;
    bool is_cut = answer->is_ok && (frames_is_open(&w->frames) || !w->list_version.n);
    w->call = NULL;
    watch_limit(w, -1);
    frames_release(&w->frames);
    if ((answer->status == 410 || w->end == END_EXPIRED) && !w->is_unpaged)
        begin_unpaged(w);
    else if (is_cut && w->end == END_BY_ITSELF) {
        w->end = END_LYING;
        err_set(&w->end_why, "the list ends in the middle");
        watch_failed(w, answer);
    } else if (!answer->is_ok || w->end != END_BY_ITSELF)
        watch_failed(w, answer);
    else if (w->go_on.n)
        ask_page(w);
    else if (watch_whole(w, buf_view(&w->list_version)))
        watch_again(w, 0);
}

static void ask_page(struct kube_watch *w)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str path = str_fmt(a, "%s?", watch_path(w)), token = kube_escape(a, buf_view(&w->go_on));
    const char *query = w->opt.query ? w->opt.query : "";
    if (!w->is_unpaged) path = str_fmt(a, "%.*slimit=%d&", STR_FMT(path), WATCH_PAGE);
    if (w->go_on.n) path = str_fmt(a, "%.*scontinue=%.*s&", STR_FMT(path), STR_FMT(token));
    if (w->stale && w->floor.n && !w->go_on.n)
        path = str_fmt(a, "%.*sresourceVersion=%.*s&resourceVersionMatch=NotOlderThan&", STR_FMT(path),
                       STR_FMT(buf_view(&w->floor)));
    path = str_fmt(a, "%.*s%s", STR_FMT(path), query);
    while (path.n && strchr("?&", path.p[path.n - 1])) path.n--;
    w->end = END_BY_ITSELF;
    w->frames = (struct frames){.kind = FRAMES_LIST, .max = WATCH_MAX_OBJECT, .document = on_document, .arg = w};
    watch_limit(w, WATCH_IDLE_MS);
    struct kube_request r = {.path = str_c(a, path),
                             .accept = w->opt.metadata_only
                                           ? "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
                                             "application/json"
                                           : NULL,
                             .timeout_ms = -1,
                             .is_stream = true,
                             .no_retry = true,
                             .data = on_data};
    w->call = kube_call_start(w->client, &r, on_done, w);
}

void list_start(struct kube_watch *w)
{
    w->ask = ASK_LIST;
    buf_reset(&w->go_on);
    buf_reset(&w->list_version);
    w->opt.ops->begin(w->opt.arg);
    ask_page(w);
}
