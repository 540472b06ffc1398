/* osm install and osm mesh upgrade. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/list.h"
#include "base/names.h"
#include "base/node.h"
#include "base/yaml_write.h"
#include "cli/kube.h"
#include "cli/verb.h"
#include "install/apply.h"

enum {
    OPT_IMAGE = 256,
    OPT_MESH,
    OPT_NAMESPACE,
    OPT_SET,
    OPT_TIMEOUT,
    OPT_DRY_RUN,
    OPT_SINGLE,
    OPT_NO_WAIT,
    MAX_VALUES_BYTES = 1 << 20
};

/* One option that changes values. An upgrade plays them again on the values that are remembered. */
struct change {
    int option;
    const char *arg;
};

struct wanted {
    const char *verb; /* "install", "mesh upgrade" */
    bool is_upgrade;
    const char *mesh, *ns; /* of an upgrade: which one */
    struct kube_place place;
    struct arena *arena;
    LIST(struct change) changes;
    json_t *values;
    int64_t timeout_s;
    bool yaml, dry_run, no_wait;
};

/* ---- what is asked for ----------------------------------------------------------------------------------- */

/* Takes over |more|. */
static bool lay(json_t *values, json_t *more)
{
    install_merge(values, more);
    json_decref(more);
    return true;
}

static bool read_values(json_t *values, const char *path, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf text SCOPED_BUF = {0};
    struct nodes docs = {0};
    if (!file_read(path, MAX_VALUES_BYTES, &text, err)) return false;
    if (!node_parse(a, buf_view(&text), path, &node_limits_default, &docs, err)) return false;
    for (each(d, docs)) {
        if ((*d)->type != NODE_MAP) return err_set(err, "%s: values are a mapping", path);
        lay(values, node_to_json(*d));
    }
    return true;
}

static bool change(json_t *values, struct change c, struct err *err)
{
    switch (c.option) {
    case OPT_IMAGE:
        return lay(values, json_pack("{s:{s:{s:s}}}", "osm", "image", "ref", c.arg));
    case OPT_MESH:
        return lay(values, json_pack("{s:{s:s}}", "osm", "meshName", c.arg));
    case OPT_NAMESPACE:
        return lay(values, json_pack("{s:{s:s}}", "osm", "osmNamespace", c.arg));
    case OPT_SINGLE:
        if (strcmp(c.arg, "true") != 0 && strcmp(c.arg, "false") != 0)
            return err_set(err, "'%s' is neither true nor false", c.arg);
        return lay(values, json_pack("{s:{s:b}}", "osm", "enforceSingleMesh", strcmp(c.arg, "true") == 0));
    case OPT_SET:
        return install_set(values, str_of(c.arg), err) || err_wrap(err, "--set %s", c.arg);
    default:
        return read_values(values, c.arg, err);
    }
}

static void take(struct wanted *w, int option, const char *arg, struct argp_state *state)
{
    struct change c = {option, arg};
    struct err err = {0};
    if (!change(w->values, c, &err)) argp_error(state, "%s", err.text);
    list_push(w->arena, &w->changes, c);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct wanted *w = state->input;
    int64_t ns;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &w->place;
        return 0;
    case OPT_MESH:
    case OPT_NAMESPACE:
        if (w->is_upgrade)
            *(key == OPT_MESH ? &w->mesh : &w->ns) = arg;
        else
            take(w, key, arg, state);
        return 0;
    case OPT_IMAGE:
    case OPT_SET:
    case OPT_SINGLE:
    case 'f':
        take(w, key, arg, state);
        return 0;
    case OPT_TIMEOUT:
        if (!duration_parse(str_of(arg), &ns)) argp_error(state, "'%s' is no duration; write 5m", arg);
        w->timeout_s = ns / 1000000000;
        return 0;
    case 'o':
        if (strcmp(arg, "yaml") != 0) argp_error(state, "--output yaml is what there is");
        w->yaml = true;
        return 0;
    case OPT_DRY_RUN:
        w->dry_run = true;
        return 0;
    case OPT_NO_WAIT:
        w->no_wait = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define OPTION_SET                                                                                                     \
    {                                                                                                                  \
        "set", OPT_SET, "NAME=VALUE", 0, "A value, in Helm's syntax; may be given again (docs/values.md)", 0           \
    }
#define OPTION_VALUES                                                                                                  \
    {                                                                                                                  \
        "values", 'f', "FILE", 0, "A YAML file of values; may be given again", 0                                       \
    }
#define OPTION_DRY_RUN                                                                                                 \
    {                                                                                                                  \
        "dry-run", OPT_DRY_RUN, NULL, 0, "Check the cluster and say what would be applied; nothing is changed", 0      \
    }
#define OPTION_NO_WAIT                                                                                                 \
    {                                                                                                                  \
        "no-wait", OPT_NO_WAIT, NULL, 0, "Do not wait until the control plane is available", 0                         \
    }
#define OPTION_TIMEOUT                                                                                                 \
    {                                                                                                                  \
        "timeout", OPT_TIMEOUT, "DURATION", 0, "How long to wait for it (5m)", 0                                       \
    }

static const struct argp_option options[] = {
    {"image", OPT_IMAGE, "REF", 0, "The image of osm that the cluster can pull (make image builds one)", 0},
    {"mesh-name", OPT_MESH, "NAME", 0, "Name of the mesh (osm)", 0},
    {"osm-namespace", OPT_NAMESPACE, "NAME", 0, "Namespace of the control plane (osm-system)", 0},
    OPTION_SET,
    OPTION_VALUES,
    {"enforce-single-mesh", OPT_SINGLE, "true|false", 0, "Refuse another mesh in the cluster (true)", 0},
    {"output", 'o', "yaml", 0, "Print the objects; nothing is asked or changed", 0},
    OPTION_DRY_RUN,
    OPTION_NO_WAIT,
    OPTION_TIMEOUT,
    {0},
};
static const struct argp_child children[] = {{&kube_argp, 0, "Cluster:", 1}, {0}};
static const struct argp argp = {
    options,
    parse,
    NULL,
    "Installs the mesh into a Kubernetes cluster, or brings an installation to these values.\v"
    "Examples:\n"
    "  osm install --image registry.example/osm:0.1.0\n"
    "  osm install --image REF --set osm.enablePermissiveTrafficPolicy=false\n"
    "  osm install --image REF --output yaml | kubectl apply --server-side -f -",
    children,
    NULL,
    NULL};

/* ---- doing it -------------------------------------------------------------------------------------------- */

static void say(void *arg, struct str line)
{
    (void)arg;
    fprintf(stderr, "%.*s\n", STR_FMT(line));
}

static void print_yaml(const json_t *objects)
{
    struct buf out SCOPED_BUF = {0};
    const json_t *o;
    size_t i;
    json_array_foreach(objects, i, o)
    {
        buf_c(&out, "---\n");
        yaml_write(o, &out);
    }
    fwrite(out.p, 1, out.n, stdout);
}

static void say_titles(const json_t *objects, const char *what)
{
    const json_t *o;
    size_t i;
    json_array_foreach(objects, i, o)
    {
        struct kube_ref ref;
        if (!install_ref(o, &ref)) continue;
        printf("%s %.*s%s%.*s %s\n", ref.plural, STR_FMT(ref.ns), ref.ns.n ? "/" : "", STR_FMT(ref.name), what);
    }
}

/* What is to be in the cluster. */
struct goal {
    struct install_values v;
    json_t *objects, *before; /* before: what was asked for last; NULL: nothing, or it is not known */
};

static void goal_release(struct goal *g)
{
    json_decref(g->objects);
    json_decref(g->before);
}

static bool prepare(const char *verb, const json_t *values, struct arena *a, struct goal *g, struct err *err)
{
    struct strs remarks = {0};
    if (!install_decode(values, a, &g->v, &remarks, err)) return false;
    for (each(r, remarks)) fprintf(stderr, "osm %s: %.*s\n", verb, STR_FMT(*r));
    if (!install_render(&g->v, a, &g->objects, err)) return false;
    install_remember(g->objects, values);
    return true;
}

/* What the same mesh was installed with, to be able to take away what is no longer wanted. */
static void recall(const struct install_found *f, struct arena *a, struct goal *g)
{
    struct install_values v;
    struct strs ignored = {0};
    struct err err = {0};
    json_t *values = f->values.n ? install_recall(f, &err) : NULL;
    if (values && install_decode(values, a, &v, &ignored, &err) && !install_render(&v, a, &g->before, &err))
        g->before = NULL;
    json_decref(values);
}

static bool carry_out(struct installer *in, const struct wanted *w, const struct goal *g, struct err *err)
{
    if (w->dry_run) {
        say_titles(g->objects, "would be applied");
        return true;
    }
    return install_await_namespace(in, g->v.osm.ns, w->timeout_s, err) && install_apply(in, g->objects, err) &&
           (!g->before || install_prune(in, g->before, g->objects, err)) &&
           (w->no_wait || install_wait(in, &g->v, w->timeout_s, err));
}

/* ---- osm install ----------------------------------------------------------------------------------------- */

static bool into_cluster(struct wanted *w, struct goal *g, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_founds found;
    struct installer in = {.client = kube_connect(&w->place, a, err), .say = say};
    bool ok = in.client && install_find(&in, a, &found, err) && install_allowed(&g->v, &found, err);
    for (size_t i = 0; ok && i < found.n; i++)
        if (str_eq(found.v[i].ns, g->v.osm.ns)) recall(&found.v[i], a, g);
    ok = ok && carry_out(&in, w, g, err);
    kube_client_free(in.client);
    return ok;
}

static bool install(struct wanted *w, struct err *err)
{
    struct goal g = {0};
    bool ok = prepare(w->verb, w->values, w->arena, &g, err);
    if (ok && w->yaml)
        print_yaml(g.objects);
    else if (ok && (ok = into_cluster(w, &g, err)) && !w->dry_run)
        printf("OSM is installed: mesh %.*s in namespace %.*s\n", STR_FMT(g.v.osm.mesh), STR_FMT(g.v.osm.ns));
    goal_release(&g);
    return ok;
}

static int end(struct wanted *w, bool ok, const struct err *err)
{
    json_decref(w->values);
    arena_free(w->arena);
    return ok ? 0 : verb_fail("%s", err->text);
}

int verb_install(int argc, char **argv)
{
    struct wanted w = {.verb = "install", .values = json_object(), .timeout_s = 300, .arena = arena_new()};
    struct err err = {0};
    argv[0] = "osm install";
    argp_parse(&argp, argc, argv, 0, NULL, &w);
    bool ok = install(&w, &err);
    return end(&w, ok, &err);
}

/* ---- osm mesh upgrade ------------------------------------------------------------------------------------ */

static const json_t *preset_of(const json_t *objects)
{
    const json_t *o;
    size_t i;
    json_array_foreach(objects, i, o) if (install_is_preset(o)) return json_object_get(o, "spec");
    return NULL;
}

/* What the user should know that an upgrade does not do. */
static void remark(const struct wanted *w, const struct goal *g, const struct install_found *f)
{
    if (g->before && !json_equal(preset_of(g->before), preset_of(g->objects)))
        fprintf(
            stderr,
            "osm %s: the MeshConfig stays as it is, so values that only set it have no effect: kubectl -n %.*s edit "
            "meshconfig " NAME_MESH_CONFIG "\n",
            w->verb, STR_FMT(f->ns));
    if (!str_eq(f->image, g->v.osm.image.ref))
        fprintf(stderr, "osm %s: pods keep their sidecars until they are made again (kubectl rollout restart)\n",
                w->verb);
}

static bool merge(const struct wanted *w, json_t *values, struct err *err)
{
    for (each(c, w->changes))
        if (!change(values, *c, err)) return false;
    return true;
}

static bool plan_upgrade(const struct wanted *w, const struct install_found *f, struct goal *g, struct err *err)
{
    json_t *values = install_recall(f, err);
    recall(f, w->arena, g);
    bool ok = values && merge(w, values, err) && prepare(w->verb, values, w->arena, g, err);
    json_decref(values);
    if (!ok) return false;
    if (!str_eq(g->v.osm.mesh, f->mesh) || !str_eq(g->v.osm.ns, f->ns))
        return err_set(err,
                       "a mesh keeps its name and namespace (osm.meshName, osm.osmNamespace): install another one");
    remark(w, g, f);
    return true;
}

static bool upgrade(struct wanted *w, struct err *err)
{
    struct install_founds found;
    struct goal g = {0};
    struct installer in = {.client = kube_connect(&w->place, w->arena, err), .say = say};
    const struct install_found *f = NULL;
    if (in.client && install_find(&in, w->arena, &found, err))
        f = install_upgradable(&found, str_of(w->mesh), str_of(w->ns), err);
    bool ok = f && plan_upgrade(w, f, &g, err) && carry_out(&in, w, &g, err);
    if (ok && !w->dry_run)
        printf("OSM is upgraded: mesh %.*s in namespace %.*s, image %.*s\n", STR_FMT(f->mesh), STR_FMT(f->ns),
               STR_FMT(g.v.osm.image.ref));
    goal_release(&g);
    kube_client_free(in.client);
    return ok;
}

int mesh_upgrade(int argc, char **argv)
{
    static const struct argp_option upgrade_options[] = {
        {"image", OPT_IMAGE, "REF", 0, "The new image (the one it has)", 0},
        {"mesh-name", OPT_MESH, "NAME", 0, "Name of the mesh (osm)", 0},
        {"osm-namespace", OPT_NAMESPACE, "NAME", 0, "Namespace of its control plane (where the mesh is found)", 0},
        OPTION_SET,
        OPTION_VALUES,
        OPTION_DRY_RUN,
        OPTION_NO_WAIT,
        OPTION_TIMEOUT,
        {0},
    };
    static const struct argp upgrade_argp = {
        upgrade_options,
        parse,
        NULL,
        "Brings the control plane of a mesh in a Kubernetes cluster to this version, and to the values that are given; "
        "all others stay what they were. The old control plane serves until the new one is ready. Pods keep their "
        "sidecars until they are made again.\v"
        "Examples:\n"
        "  osm mesh upgrade --image registry.example/osm:0.2.0\n"
        "  osm mesh upgrade --set osm.osmController.replicaCount=3\n"
        "  osm mesh upgrade --set osm.osmController.autoScale=null --dry-run",
        children,
        NULL,
        NULL};
    struct wanted w = {.verb = "mesh upgrade",
                       .is_upgrade = true,
                       .mesh = NAME_MESH,
                       .ns = "",
                       .values = json_object(),
                       .timeout_s = 300,
                       .arena = arena_new()};
    struct err err = {0};
    argv[0] = "osm mesh upgrade";
    argp_parse(&upgrade_argp, argc, argv, 0, NULL, &w);
    bool ok = kube_place_is_local(&w.place)
                  ? err_set(&err, "the mesh on this machine is this program: osm local down, then up with the new one "
                                  "(for a cluster give --kubeconfig or --context)")
                  : upgrade(&w, &err);
    return end(&w, ok, &err);
}
