#include "cli/namespace_local.h"

#include <stdio.h>

#include "base/file.h"
#include "base/names.h"
#include "cli/local.h"
#include "cli/local_files.h"
#include "cli/manifest_edit.h"

/* A namespace that no manifest declares is in the mesh, and its pods have sidecars; this says so. */
static struct str declaration(struct arena *a, const char *mesh, struct str name)
{
    return str_fmt(a,
                   "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: \"%.*s\"\n  labels:\n    " LABEL_MONITORED_BY
                   ": \"%s\"\n  annotations:\n    " ANNOTATION_INJECT ": \"enabled\"\n",
                   STR_FMT(name), mesh);
}

/* Where the namespace is declared, or where it will be. */
struct declared {
    const char *path;
    struct str text, mesh;
};

static struct str mesh_of(struct arena *a, struct str text, struct str name)
{
    struct nodes docs = {0};
    struct err ignored = {0};
    if (!node_parse(a, text, "", &node_limits_default, &docs, &ignored)) return STR_NULL;
    const struct node *meta = node_get(manifest_namespace(docs, name), S("metadata"));
    return node_get_str(node_get(meta, S("labels")), S(LABEL_MONITORED_BY));
}

static bool is_mesh_here(const struct ns_call *c, struct err *err)
{
    return str_is(str_of(c->mesh), NAME_MESH) ||
           err_set(err, "the mesh on this machine is \"" NAME_MESH "\", not \"%s\"", c->mesh);
}

static bool find(struct ns_call *c, struct str name, struct declared *out, struct err *err)
{
    const char *dir = local_folder(c->a, err);
    if (!dir) return false;
    if (!is_dns_label(name)) return err_set(err, "'%.*s' is not a name for a namespace", STR_FMT(name));
    const struct manifest *m =
        manifest_defining(manifests_below(dir, c->a), str_fmt(c->a, "Namespace %.*s", STR_FMT(name)));
    if (!m && !is_mesh_here(c, err)) return false;
    *out = (struct declared){.path = m ? m->path : str_fmt(c->a, "%s/namespace-%.*s.yaml", dir, STR_FMT(name)).p,
                             .text = m ? m->text : declaration(c->a, c->mesh, name)};
    out->mesh = mesh_of(c->a, out->text, name);
    return true;
}

static bool write(struct ns_call *c, struct declared *d, struct str name, const struct manifest_edit *edits, size_t n,
                  struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!manifest_edit(c->a, d->text, d->path, name, edits[i], &d->text, err)) return false;
    return file_write_atomic(d->path, d->text, 0644, err);
}

static bool is_others(struct ns_call *c, const struct declared *d, struct str name, struct err *err)
{
    if (!d->mesh.n || str_is(d->mesh, c->mesh)) return false;
    err_set(err, "namespace %.*s is in the mesh \"%.*s\", not in \"%s\"", STR_FMT(name), STR_FMT(d->mesh), c->mesh);
    return true;
}

bool local_ns_add(struct ns_call *c, struct str name, struct err *err)
{
    struct declared d;
    struct manifest_edit edits[] = {{"labels", LABEL_MONITORED_BY, c->mesh},
                                    {"annotations", ANNOTATION_INJECT, c->no_injection ? "disabled" : "enabled"}};
    if (str_is(name, NAME_SYSTEM_NAMESPACE))
        return err_set(err, "namespace %.*s has a control plane and cannot be in a mesh", STR_FMT(name));
    if (!is_mesh_here(c, err) || !find(c, name, &d, err) || is_others(c, &d, name, err) ||
        !write(c, &d, name, edits, 2, err))
        return false;
    printf("Namespace [%.*s] successfully added to mesh [%s] in %s\n", STR_FMT(name), c->mesh, d.path);
    return true;
}

bool local_ns_remove(struct ns_call *c, struct str name, struct err *err)
{
    struct declared d;
    struct manifest_edit edits[] = {{"labels", LABEL_MONITORED_BY, NULL},
                                    {"annotations", ANNOTATION_INJECT, NULL},
                                    {"annotations", ANNOTATION_METRICS, NULL}};
    if (!find(c, name, &d, err) || is_others(c, &d, name, err)) return false;
    if (!d.mesh.n) {
        printf("Namespace [%.*s] already does not belong to any mesh\n", STR_FMT(name));
        return true;
    }
    if (!write(c, &d, name, edits, 3, err)) return false;
    printf("Namespace [%.*s] successfully removed from mesh [%s] in %s\n", STR_FMT(name), c->mesh, d.path);
    return true;
}

bool local_ns_ignore(struct ns_call *c, struct str name, struct err *err)
{
    struct declared d;
    struct manifest_edit edit = {"labels", LABEL_IGNORE, "true"};
    if (!find(c, name, &d, err) || !write(c, &d, name, &edit, 1, err)) return false;
    printf("Successfully configured namespace [%.*s] to be ignored in %s\n", STR_FMT(name), d.path);
    return true;
}

static bool set_metrics(struct ns_call *c, struct str name, bool on, struct err *err)
{
    struct declared d;
    struct manifest_edit edit = {"annotations", ANNOTATION_METRICS, on ? "enabled" : NULL};
    if (!find(c, name, &d, err)) return false;
    if (!d.mesh.n)
        return err_set(err, "namespace %.*s is not in a mesh: osm namespace add %.*s", STR_FMT(name), STR_FMT(name));
    if (!write(c, &d, name, &edit, 1, err)) return false;
    printf("Metrics successfully %s in namespace [%.*s] in %s, for pods that start from now on\n",
           on ? "enabled" : "disabled", STR_FMT(name), d.path);
    return true;
}

bool local_ns_metrics_on(struct ns_call *c, struct str name, struct err *err)
{
    return set_metrics(c, name, true, err);
}

bool local_ns_metrics_off(struct ns_call *c, struct str name, struct err *err)
{
    return set_metrics(c, name, false, err);
}
