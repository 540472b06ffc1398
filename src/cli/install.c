/* osm install and osm uninstall mesh. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
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

struct wanted {
    const char *verb;
    struct kube_place place;
    json_t *values;
    int64_t timeout_s;
    bool yaml, dry_run, no_wait;
    struct err err;
};

/* ---- what is asked for ----------------------------------------------------------------------------------- */

static void put(struct wanted *w, const char *name, const char *value)
{
    json_t *osm = json_object_get(w->values, "osm");
    if (!osm) json_object_set_new(w->values, "osm", osm = json_object());
    json_object_set_new(osm, name, json_string(value));
}

static void put_image(struct wanted *w, const char *ref)
{
    json_t *more = json_pack("{s:{s:{s:s}}}", "osm", "image", "ref", ref);
    install_merge(w->values, more);
    json_decref(more);
}

static bool read_values(struct wanted *w, const char *path)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf text SCOPED_BUF = {0};
    struct nodes docs = {0};
    if (!file_read(path, MAX_VALUES_BYTES, &text, &w->err)) return false;
    if (!node_parse(a, buf_view(&text), path, &node_limits_default, &docs, &w->err)) return false;
    for (each(d, docs)) {
        if ((*d)->type != NODE_MAP) return err_set(&w->err, "%s: values are a mapping", path);
        json_t *more = node_to_json(*d);
        install_merge(w->values, more);
        json_decref(more);
    }
    return true;
}

static void set_bool(struct wanted *w, const char *name, const char *text, struct argp_state *state)
{
    bool on = strcmp(text, "true") == 0;
    if (!on && strcmp(text, "false") != 0) argp_error(state, "'%s' is neither true nor false", text);
    json_t *more = json_pack("{s:{s:b}}", "osm", name, on);
    install_merge(w->values, more);
    json_decref(more);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct wanted *w = state->input;
    int64_t ns;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &w->place;
        return 0;
    case OPT_IMAGE:
        put_image(w, arg);
        return 0;
    case OPT_MESH:
        put(w, "meshName", arg);
        return 0;
    case OPT_NAMESPACE:
        put(w, "osmNamespace", arg);
        return 0;
    case OPT_SET:
        if (!install_set(w->values, str_of(arg), &w->err)) argp_error(state, "--set %s: %s", arg, w->err.text);
        return 0;
    case 'f':
        if (!read_values(w, arg)) argp_error(state, "%s", w->err.text);
        return 0;
    case OPT_SINGLE:
        set_bool(w, "enforceSingleMesh", arg, state);
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

static const struct argp_option options[] = {
    {"image", OPT_IMAGE, "REF", 0, "The image of osm that the cluster can pull (make image builds one)", 0},
    {"mesh-name", OPT_MESH, "NAME", 0, "Name of the mesh (osm)", 0},
    {"osm-namespace", OPT_NAMESPACE, "NAME", 0, "Namespace of the control plane (osm-system)", 0},
    {"set", OPT_SET, "NAME=VALUE", 0, "A value, in Helm's syntax; may be given again (docs/values.md lists them)", 0},
    {"values", 'f', "FILE", 0, "A YAML file of values; may be given again", 0},
    {"enforce-single-mesh", OPT_SINGLE, "true|false", 0, "Refuse another mesh in the cluster (true)", 0},
    {"output", 'o', "yaml", 0, "Print the objects; nothing is asked or changed", 0},
    {"dry-run", OPT_DRY_RUN, NULL, 0, "Check the cluster and say what would be applied; nothing is changed", 0},
    {"no-wait", OPT_NO_WAIT, NULL, 0, "Do not wait until the control plane is available", 0},
    {"timeout", OPT_TIMEOUT, "DURATION", 0, "How long to wait for it (5m)", 0},
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

static bool into_cluster(struct wanted *w, const struct install_values *v, const json_t *objects, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_founds found;
    struct installer in = {.client = kube_connect(&w->place, a, err), .say = say};
    bool ok = in.client && install_find(&in, a, &found, err) && install_allowed(v, &found, err);
    if (ok && w->dry_run)
        say_titles(objects, "would be applied");
    else if (ok)
        ok = install_apply(&in, objects, err) && (w->no_wait || install_wait(&in, v, w->timeout_s, err));
    kube_client_free(in.client);
    return ok;
}

static bool prepare(struct wanted *w, struct arena *a, struct install_values *v, json_t **objects, struct err *err)
{
    struct strs remarks = {0};
    if (!install_decode(w->values, a, v, &remarks, err)) return false;
    for (each(r, remarks)) fprintf(stderr, "osm %s: %.*s\n", w->verb, STR_FMT(*r));
    return install_render(v, a, objects, err);
}

static int install(struct wanted *w)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_values v;
    struct err err = {0};
    json_t *objects = NULL;
    bool ok = prepare(w, a, &v, &objects, &err);
    if (ok && w->yaml)
        print_yaml(objects);
    else if (ok && (ok = into_cluster(w, &v, objects, &err)) && !w->dry_run)
        printf("OSM is installed: mesh %.*s in namespace %.*s\n", STR_FMT(v.osm.mesh), STR_FMT(v.osm.ns));
    json_decref(objects);
    json_decref(w->values);
    return ok ? 0 : verb_fail("%s", err.text);
}

int verb_install(int argc, char **argv)
{
    struct wanted w = {.verb = "install", .values = json_object(), .timeout_s = 300};
    argv[0] = "osm install";
    argp_parse(&argp, argc, argv, 0, NULL, &w);
    return install(&w);
}
