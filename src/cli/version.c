/* osm version, osm env: what this program is, and which mesh its verbs would speak to. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/yaml_write.h"
#include "cli/api.h"
#include "cli/kube.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "install/apply.h"

enum { OPT_CLIENT = 256, OPT_VERSION };

struct asked {
    struct kube_place place;
    bool client_only, version_only, json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct asked *q = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &q->place;
        return 0;
    case OPT_VERSION:
        q->version_only = true;
        return 0;
    case OPT_CLIENT:
        q->client_only = true;
        return 0;
    case 'o':
        if (strcmp(arg, "json") != 0) argp_error(state, "--output json is what there is");
        q->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&kube_argp, 0, "Cluster:", 1}, {0}};

static json_t *text(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

static bool local_meshes(json_t *out, struct err *err)
{
    json_t *st = api_get("/v1/status", err);
    const json_t *m = json_object_get(st, "mesh");
    if (!st) return false;
    json_array_append_new(out, json_pack("{s:o, s:o, s:o, s:s, s:b}", "name", text(json_text(m, "name")), "namespace",
                                         text(json_text(m, "namespace")), "version", text(json_text(m, "version")),
                                         "image", "", "archived", 0));
    json_decref(st);
    return true;
}

static bool cluster_meshes(const struct asked *q, json_t *out, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_founds found = {0};
    struct installer in = {.client = kube_connect(&q->place, a, err)};
    bool ok = in.client && install_find(&in, a, &found, err);
    for (size_t i = 0; ok && i < found.n; i++) {
        const struct install_found *f = &found.v[i];
        json_array_append_new(out, json_pack("{s:o, s:o, s:o, s:o, s:b}", "name", text(f->mesh), "namespace",
                                             text(f->ns), "version", text(f->version), "image", text(f->image),
                                             "archived", (int)f->is_archived));
    }
    kube_client_free(in.client);
    return ok;
}

static void print_table(const json_t *meshes, struct arena *a)
{
    static const char *const header[] = {"MESH NAME", "MESH NAMESPACE", "VERSION", "IMAGE", NULL};
    struct buf out SCOPED_BUF = {0};
    struct text_table t = text_table_new(a, header);
    const json_t *m;
    size_t i;
    json_array_foreach(meshes, i, m)
    {
        struct str version = json_text(m, "version"), image = json_text(m, "image");
        if (json_flag(m, "archived")) version = str_fmt(a, "%.*s (archived Open Service Mesh)", STR_FMT(version));
        text_table_row(&t, (struct str[]){json_text(m, "name"), json_text(m, "namespace"), version,
                                          image.n ? image : S("(this machine)")});
    }
    text_table_write(&t, &out);
    if (i) fwrite(out.p, 1, out.n, stdout);
}

/* Is there any cluster to be asked? A machine without kubeconfig has none, which is no failure. */
static bool has_cluster(const struct asked *q, struct arena *a)
{
    struct kube_config_options from = kube_config_options_of_env();
    if (q->place.kubeconfig || q->place.context || (from.env_list && *from.env_list)) return true;
    return from.host || (from.home && access(str_fmt(a, "%s/.kube/config", from.home).p, F_OK) == 0);
}

static int print_version(const struct asked *q, struct arena *a)
{
    struct err err = {0};
    json_t *meshes = json_array();
    bool ok = true;
    if (q->client_only || q->version_only)
        ok = true;
    else if (kube_place_is_local(&q->place))
        ok = local_meshes(meshes, &err);
    else if (has_cluster(q, a))
        ok = cluster_meshes(q, meshes, &err);
    if (q->json) {
        json_t *all = json_pack("{s:{s:s}, s:O}", "client", "version", "v" OSM_VERSION, "meshes", meshes);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    } else {
        printf(q->version_only ? "v%s\n" : "osm %s\n", OSM_VERSION);
        print_table(meshes, a);
    }
    json_decref(meshes);
    return ok ? 0 : verb_fail("the versions of control planes are not known: %s", err.text);
}

int verb_version(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"client-only", OPT_CLIENT, NULL, 0, "Ask no mesh", 0},
        {"version-only", OPT_VERSION, NULL, 0, "Nothing but this program's version", 0},
        {"output", 'o', "json", 0, "For programs", 0},
        {0},
    };
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "The version of this program, and of every control plane: of the mesh on this "
                                     "machine where one runs, else of those in the cluster. Fails when a cluster is "
                                     "named that does not answer; without any, it prints its own.\v"
                                     "Examples:\n  osm version\n  osm version --client-only\n  osm version -o json",
                                     children,
                                     NULL,
                                     NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct asked q = {0};
    argv[0] = "osm version";
    argp_parse(&argp, argc, argv, 0, NULL, &q);
    return print_version(&q, a);
}

/* ---- osm env --------------------------------------------------------------------------------------------- */

static json_t *kubernetes(const struct kube_place *p, struct arena *a)
{
    struct kube_config_options from = kube_config_options_of_env();
    struct kube_config c;
    struct err err = {0};
    if (p->kubeconfig) from.kubeconfig = p->kubeconfig;
    from.context = p->context;
    if (!kube_config_load(&from, a, &c, &err)) return json_pack("{s:s}", "unknown", err.text);
    return json_pack("{s:o, s:o, s:o, s:o}", "from", text(c.from), "context", text(c.context), "server", text(c.server),
                     "namespace", text(c.ns));
}

int verb_env(int argc, char **argv)
{
    static const struct argp argp = {NULL,
                                     parse,
                                     NULL,
                                     "What the verbs take from their surroundings, as YAML: which cluster they mean, "
                                     "and whether a mesh on this machine comes before it. There is no file of "
                                     "settings.\v"
                                     "Examples:\n  osm env\n  OSM_STATE=/tmp/mesh osm env\n  osm env --context staging",
                                     children,
                                     NULL,
                                     NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf out SCOPED_BUF = {0};
    struct asked q = {0};
    const char *envoy = getenv("ENVOY");
    argv[0] = "osm env";
    argp_parse(&argp, argc, argv, 0, NULL, &q);
    bool local = kube_place_is_local(&q.place);
    json_t *all = json_pack("{s:s, s:s, s:{s:s, s:b}, s:o, s:s}", "version", "v" OSM_VERSION, "verbsMean",
                            local ? "this machine" : "the cluster", "local", "state", api_state_dir(), "runs", local,
                            "kubernetes", kubernetes(&q.place, a), "envoy", envoy && *envoy ? envoy : "envoy");
    yaml_write(all, &out);
    fwrite(out.p, 1, out.n, stdout);
    json_decref(all);
    return 0;
}
