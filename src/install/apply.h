/* apply.h - an installation in a cluster: what is there, bringing objects in, waiting, taking them out. Blocks: for
 * verbs. */
#pragma once
#include "install/render.h"
#include "kube/request.h"

/* Field manager of what a person installs. */
#define INSTALL_MANAGER "osm-install"

/* One line of progress, without a line end. */
typedef void install_say_fn(void *arg, struct str line);
struct installer {
    struct kube_client *client;
    install_say_fn *say;
    void *arg;
};

/* A control plane that runs in the cluster. Texts in the arena given. */
struct install_found {
    struct str mesh, ns, version, image;
    struct str values;    /* what osm install was asked for, as JSON; empty: not known */
    struct str release;   /* Helm's name for it; empty: not installed by Helm */
    bool is_archived;     /* it is Open Service Mesh's own */
    bool enforces_single; /* it refuses other meshes in its cluster */
};
struct install_founds {
    struct install_found *v;
    size_t n;
};
/* All control planes, by namespace and mesh. */
MUST bool install_find(struct installer *in, struct arena *a, struct install_founds *out, struct err *err);
/* May |v| be installed, or installed again, beside what was found? One sentence why not. */
MUST bool install_allowed(const struct install_values *v, const struct install_founds *found, struct err *err);

/* The control plane of |mesh| (in |ns|, empty: in any namespace) if `osm mesh upgrade` can serve it; else NULL and one
 * sentence. */
MUST const struct install_found *install_upgradable(const struct install_founds *found, struct str mesh, struct str ns,
                                                    struct err *err);
/* The values it was installed with, a new tree; NULL with err when they are not known. */
MUST json_t *install_recall(const struct install_found *f, struct err *err);

/* The reference to an object that install_render makes; false for other kinds. Texts point into the object. */
MUST bool install_ref(const json_t *object, struct kube_ref *out);
/* A namespace |ns| that is being deleted is waited for until it is gone, |timeout_s| at most: nothing can be made in
 * it. */
MUST bool install_await_namespace(struct installer *in, struct str ns, int64_t timeout_s, struct err *err);
/* Applies all in order; presets that are there stay as they are. Definitions are waited for before what needs them. The
 * first failure ends it: calling it again goes on. */
MUST bool install_apply(struct installer *in, const json_t *objects, struct err *err);
/* Until the control plane is available and the API server trusts its webhooks, |timeout_s| at most. An image that
 * cannot be pulled ends it at once. */
MUST bool install_wait(struct installer *in, const struct install_values *v, int64_t timeout_s, struct err *err);
/* Deletes what is in |before| and no longer in |now|; namespaces and definitions stay. */
MUST bool install_prune(struct installer *in, const json_t *before, const json_t *now, struct err *err);
/* Deletes all in reverse order, absent ones passed over; definitions only when |definitions|, the namespace only when
 * |ns|. */
MUST bool install_remove(struct installer *in, const json_t *objects, bool definitions, bool ns, struct err *err);
