/* osm mesh list, osm namespace …, osm metrics …: of the cluster on this machine where one runs, else of Kubernetes. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "cli/api.h"
#include "cli/kube.h"
#include "cli/namespace.h"
#include "cli/namespace_local.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "install/apply.h"

enum { OPT_MESH = 256, OPT_NO_INJECTION, MAX_NAMES = 64 };

struct asked {
    const char *verb, *sub;
    struct kube_place place;
    const char *mesh;
    const char *names[MAX_NAMES];
    size_t n;
    bool no_injection;
};

static void print(const struct text_table *t)
{
    struct buf out SCOPED_BUF = {0};
    text_table_write(t, &out);
    fwrite(out.p, 1, out.n, stdout);
}

/* ---- arguments ------------------------------------------------------------------------------------------- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct asked *q = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &q->place;
        return 0;
    case OPT_MESH:
        q->mesh = arg;
        return 0;
    case OPT_NO_INJECTION:
        q->no_injection = true;
        return 0;
    case 'n': /* osm metrics: --namespace */
    case ARGP_KEY_ARG:
        if (key == ARGP_KEY_ARG && !q->sub)
            q->sub = arg;
        else if (q->n == MAX_NAMES)
            argp_error(state, "more than %d namespaces", MAX_NAMES);
        else
            q->names[q->n++] = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "what shall be done?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&kube_argp, 0, "Cluster:", 1}, {0}};

/* ---- mesh ------------------------------------------------------------------------------------------------ */

static int local_meshes(struct arena *a)
{
    static const char *const header[] = {"MESH", "NAMESPACE", "VERSION", "MODE", "EGRESS", "STATE", NULL};
    struct err err = {0};
    json_t *st = api_get("/v1/status", &err);
    if (!st) return verb_fail("%s", err.text);
    const json_t *m = json_object_get(st, "mesh");
    struct text_table t = text_table_new(a, header);
    text_table_row(&t, (struct str[]){json_text(m, "name"), json_text(m, "namespace"), json_text(m, "version"),
                                      json_flag(m, "permissive") ? S("permissive") : S("SMI policy"),
                                      json_flag(m, "egress") ? S("on") : S("off"), S("local")});
    print(&t);
    json_decref(st);
    return 0;
}

static bool added_namespaces(struct kube_client *c, struct arena *a, struct str mesh, struct str *out, struct err *err)
{
    struct kube_answer x;
    struct strs names = {0};
    struct kube_ref ref = {.version = "v1", .plural = "namespaces"};
    struct str label = kube_escape(a, str_fmt(a, LABEL_MONITORED_BY "=%.*s", STR_FMT(mesh)));
    struct kube_request r = kube_list(a, ref, str_fmt(a, "labelSelector=%.*s", STR_FMT(label)).p, 500, STR_NULL);
    const json_t *ns;
    size_t i;
    if (!kube_fetch(c, &r, a, &x, err)) return false;
    json_array_foreach(json_object_get(x.json, "items"), i, ns)
        list_push(a, &names, json_text(json_object_get(ns, "metadata"), "name"));
    *out = names.n ? str_join(a, names, S(",")) : S("-");
    return true;
}

static int kube_meshes(const struct asked *q, struct arena *a)
{
    static const char *const header[] = {"MESH NAME", "MESH NAMESPACE", "VERSION", "ADDED NAMESPACES", NULL};
    struct err err = {0};
    struct install_founds found;
    struct installer in = {.client = kube_connect(&q->place, a, &err)};
    struct text_table t = text_table_new(a, header);
    bool ok = in.client && install_find(&in, a, &found, &err);
    for (size_t i = 0; ok && i < found.n; i++) {
        const struct install_found *f = &found.v[i];
        struct str version =
            f->is_archived ? str_fmt(a, "%.*s (archived Open Service Mesh)", STR_FMT(f->version)) : f->version;
        struct str added;
        ok = added_namespaces(in.client, a, f->mesh, &added, &err);
        if (ok) text_table_row(&t, (struct str[]){f->mesh, f->ns, version, added});
    }
    kube_client_free(in.client);
    if (!ok) return verb_fail("%s", err.text);
    if (found.n)
        print(&t);
    else
        printf("No mesh in this cluster; osm install makes one\n");
    return 0;
}

int verb_mesh(int argc, char **argv)
{
    static const struct argp argp = {NULL,
                                     parse,
                                     "list | upgrade",
                                     "The meshes here, and new versions and settings for one in a cluster (osm mesh "
                                     "upgrade -h).\vExamples:\n  osm mesh list\n  osm mesh upgrade --image REF",
                                     children,
                                     NULL,
                                     NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct asked q = {.verb = "mesh"};
    if (argc > 1 && strcmp(argv[1], "upgrade") == 0) return mesh_upgrade(argc - 1, argv + 1);
    argv[0] = "osm mesh";
    argp_parse(&argp, argc, argv, 0, NULL, &q);
    if (strcmp(q.sub, "list") != 0 || q.n) return verb_usage("mesh", "'list' and 'upgrade' are what it can do");
    return kube_place_is_local(&q.place) ? local_meshes(a) : kube_meshes(&q, a);
}

/* ---- namespace ------------------------------------------------------------------------------------------- */

static int local_namespaces(struct arena *a)
{
    static const char *const header[] = {"NAMESPACE", "MESH", "SIDECAR-INJECTION", "PODS IN MESH", NULL};
    struct err err = {0};
    size_t i;
    json_t *ns;
    json_t *all = api_get("/v1/namespaces", &err);
    if (!all) return verb_fail("%s", err.text);
    struct text_table t = text_table_new(a, header);
    json_array_foreach(all, i, ns)
    {
        struct str mesh = json_flag(ns, "ignored") ? S("(ignored)") : json_text(ns, "mesh");
        text_table_row(&t, (struct str[]){json_text(ns, "name"), mesh.n ? mesh : S("-"),
                                          json_text(ns, "injection").n ? json_text(ns, "injection") : S("-"),
                                          str_fmt(a, "%lld", (long long)json_number(ns, "pods"))});
    }
    print(&t);
    json_decref(all);
    return 0;
}

typedef bool ns_fn(struct ns_call *c, struct str name, struct err *err);

/* A subcommand in a cluster, and on this machine. */
struct sub {
    const char *verb, *sub;
    ns_fn *fn, *local;
};

static int each_name(const struct asked *q, struct arena *a, const struct sub *s)
{
    struct err err = {0};
    struct ns_call c = {.a = a, .mesh = q->mesh ? q->mesh : NAME_MESH, .no_injection = q->no_injection};
    if (!q->n) return verb_usage(q->verb, "%s which namespace?", q->sub);
    bool is_local = kube_place_is_local(&q->place);
    if (!is_local) c.client = kube_connect(&q->place, a, &err);
    bool ok = is_local || c.client;
    for (size_t i = 0; ok && i < q->n; i++) ok = (is_local ? s->local : s->fn)(&c, str_of(q->names[i]), &err);
    kube_client_free(c.client);
    return ok ? 0 : verb_fail("%s", err.text);
}

static int list_namespaces(const struct asked *q, struct arena *a)
{
    struct err err = {0};
    struct ns_call c = {.a = a, .mesh = q->mesh ? q->mesh : NAME_MESH, .only_mesh = q->mesh != NULL};
    if (q->n) return verb_usage(q->verb, "list takes no names");
    if (kube_place_is_local(&q->place)) return local_namespaces(a);
    c.client = kube_connect(&q->place, a, &err);
    bool ok = c.client && ns_list(&c, &err);
    kube_client_free(c.client);
    return ok ? 0 : verb_fail("%s", err.text);
}

static const struct sub subs[] = {
    {"namespace", "add", ns_add, local_ns_add},
    {"namespace", "remove", ns_remove, local_ns_remove},
    {"namespace", "ignore", ns_ignore, local_ns_ignore},
    {"metrics", "enable", ns_metrics_on, local_ns_metrics_on},
    {"metrics", "disable", ns_metrics_off, local_ns_metrics_off},
};

static int run_sub(const struct asked *q, struct arena *a)
{
    for (size_t i = 0; i < sizeof subs / sizeof *subs; i++)
        if (strcmp(q->verb, subs[i].verb) == 0 && strcmp(q->sub, subs[i].sub) == 0) return each_name(q, a, &subs[i]);
    return verb_usage(q->verb, "it cannot '%s'", q->sub);
}

int verb_namespace(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"mesh-name", OPT_MESH, "NAME", 0, "Which mesh (osm; list: all)", 0},
        {"disable-sidecar-injection", OPT_NO_INJECTION, NULL, 0, "add: in the mesh, but pods get no sidecar", 0},
        {0},
    };
    static const struct argp argp = {options,
                                     parse,
                                     "add NS... | remove NS | ignore NS... | list",
                                     "Which namespaces are in the mesh, and whether their pods get a sidecar.\v"
                                     "Examples:\n  osm namespace add shop\n  osm namespace list",
                                     children,
                                     NULL,
                                     NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct asked q = {.verb = "namespace"};
    argv[0] = "osm namespace";
    argp_parse(&argp, argc, argv, 0, NULL, &q);
    return strcmp(q.sub, "list") == 0 ? list_namespaces(&q, a) : run_sub(&q, a);
}

int verb_metrics(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"namespace", 'n', "NS", 0, "A namespace of the mesh; may be given again", 0},
        {0},
    };
    static const struct argp argp = {options,
                                     parse,
                                     "enable | disable",
                                     "Whether Prometheus is told to ask the sidecars of a namespace's pods, those that "
                                     "run and those that come.\v"
                                     "Examples:\n  osm metrics enable --namespace shop",
                                     children,
                                     NULL,
                                     NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct asked q = {.verb = "metrics"};
    argv[0] = "osm metrics";
    argp_parse(&argp, argc, argv, 0, NULL, &q);
    return run_sub(&q, a);
}
