/* osm uninstall mesh: what osm install made goes, in reverse order. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/names.h"
#include "cli/kube.h"
#include "cli/verb.h"
#include "install/apply.h"

enum { OPT_MESH = 256, OPT_NAMESPACE, OPT_DELETE_NS };

struct wanted {
    struct kube_place place;
    const char *mesh, *ns;
    bool force, everything, ns_too;
};

static const struct argp_option options[] = {
    {"mesh-name", OPT_MESH, "NAME", 0, "Name of the mesh (osm)", 0},
    {"osm-namespace", OPT_NAMESPACE, "NAME", 0, "Namespace of its control plane (osm-system)", 0},
    {"force", 'f', NULL, 0, "Do not ask", 0},
    {"delete-cluster-wide-resources", 'a', NULL, 0,
     "Also delete the definitions, and with them every custom resource in the cluster, and the CA", 0},
    {"delete-namespace", OPT_DELETE_NS, NULL, 0, "Also delete the namespace of the control plane", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct wanted *w = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &w->place;
        return 0;
    case OPT_MESH:
        w->mesh = arg;
        return 0;
    case OPT_NAMESPACE:
        w->ns = arg;
        return 0;
    case 'f':
        w->force = true;
        return 0;
    case 'a':
        w->everything = true;
        return 0;
    case OPT_DELETE_NS:
        w->ns_too = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0 || strcmp(arg, "mesh") != 0) argp_error(state, "'mesh' is what can be uninstalled");
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say: osm uninstall mesh");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&kube_argp, 0, "Cluster:", 1}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 "mesh",
                                 "Takes a mesh out of a Kubernetes cluster. Pods that run keep their sidecars until "
                                 "they are made again.\v"
                                 "Examples:\n  osm uninstall mesh\n  osm uninstall mesh -f --delete-namespace",
                                 children,
                                 NULL,
                                 NULL};

static void say(void *arg, struct str line)
{
    (void)arg;
    fprintf(stderr, "%.*s\n", STR_FMT(line));
}

static bool agreed(const char *question)
{
    char line[16] = "";
    printf("%s [y/n]: ", question);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static json_t *objects_of(const struct wanted *w, struct arena *a, struct install_values *v, struct err *err)
{
    struct strs remarks = {0};
    json_t *objects = NULL, *values = json_pack("{s:{s:s, s:s, s:{s:s}}}", "osm", "meshName", w->mesh, "osmNamespace",
                                                w->ns, "image", "ref", "none");
    bool ok = install_decode(values, a, v, &remarks, err) && install_render(v, a, &objects, err);
    json_decref(values);
    return ok ? objects : NULL;
}

/* Labels and annotations that put namespaces into the mesh: without it they would only mislead. */
static bool release_namespaces(struct installer *in, const struct wanted *w, struct arena *a, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.version = "v1", .plural = "namespaces"};
    struct str selected = kube_escape(a, str_fmt(a, LABEL_MONITORED_BY "=%s", w->mesh));
    struct kube_request r = kube_list(a, ref, str_fmt(a, "labelSelector=%.*s", STR_FMT(selected)).p, 500, STR_NULL);
    const json_t *ns;
    size_t i;
    if (!kube_fetch(in->client, &r, a, &x, err)) return false;
    json_t *patch = json_pack("{s:{s:{s:n}, s:{s:n, s:n}}}", "metadata", "labels", LABEL_MONITORED_BY, "annotations",
                              ANNOTATION_INJECT, ANNOTATION_METRICS);
    bool ok = true;
    json_array_foreach(json_object_get(x.json, "items"), i, ns)
    {
        struct kube_answer y;
        const char *name = json_string_value(json_object_get(json_object_get(ns, "metadata"), "name"));
        ref.name = str_of(name);
        struct kube_request change = kube_patch(a, ref, KUBE_PATCH_MERGE, patch);
        ok = ok && kube_fetch(in->client, &change, a, &y, err);
        if (ok) say(NULL, str_fmt(a, "Namespace %s is no longer in the mesh", name));
    }
    json_decref(patch);
    return ok;
}

static bool delete_ca(struct installer *in, const struct install_values *v, struct arena *a, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.version = "v1", .plural = "secrets", .ns = v->osm.ns, .name = v->osm.ca_secret};
    struct kube_request r = kube_delete(a, ref, STR_NULL, STR_NULL);
    bool ok = kube_fetch(in->client, &r, a, &x, err) || x.status == 404;
    if (ok) err_clear(err);
    return ok;
}

static bool uninstall(struct installer *in, const struct wanted *w, struct arena *a, struct err *err)
{
    struct install_values v;
    json_t *objects = objects_of(w, a, &v, err);
    bool ok = objects && install_remove(in, objects, w->everything, w->ns_too, err) &&
              release_namespaces(in, w, a, err) && (!w->everything || delete_ca(in, &v, a, err));
    json_decref(objects);
    return ok;
}

/* 1: it is there. 0: not, which is fine. */
static int is_there(struct installer *in, const struct wanted *w, struct arena *a, struct err *err)
{
    struct install_founds found;
    if (!install_find(in, a, &found, err)) return -1;
    for (each(f, found)) {
        if (!str_is(f->mesh, w->mesh) || !str_is(f->ns, w->ns)) continue;
        if (!f->is_archived) return 1;
        err_set(err, "mesh \"%s\" is run by the archived Open Service Mesh: its own command takes it away", w->mesh);
        return -1;
    }
    return 0;
}

int verb_uninstall(int argc, char **argv)
{
    struct wanted w = {.mesh = NAME_MESH, .ns = NAME_SYSTEM_NAMESPACE};
    argv[0] = "osm uninstall";
    argp_parse(&argp, argc, argv, 0, NULL, &w);
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct installer in = {.client = kube_connect(&w.place, a, &err), .say = say};
    int there = in.client ? is_there(&in, &w, a, &err) : -1;
    if (there == 0)
        printf("There is no mesh \"%s\" in namespace %s: what may be left of it is removed\n", w.mesh, w.ns);
    struct str question = str_fmt(a, "Uninstall mesh \"%s\" in namespace %s%s?", w.mesh, w.ns,
                                  w.everything ? " and delete every custom resource of the mesh in the cluster" : "");
    bool ok = there >= 0;
    if (ok && !w.force && !agreed(question.p)) {
        printf("Nothing was changed.\n");
        kube_client_free(in.client);
        return 0;
    }
    ok = ok && uninstall(&in, &w, a, &err);
    kube_client_free(in.client);
    if (!ok) return verb_fail("%s", err.text);
    printf("OSM is uninstalled: mesh %s in namespace %s\n", w.mesh, w.ns);
    return 0;
}
