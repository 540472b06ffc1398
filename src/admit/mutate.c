/* mutate.c - /mutate-pod-creation: a new pod gets its sidecar. Who does is the injector's matter (inject/). */
#include "admit/review.h"
#include "base/names.h"

static struct inject_input input_of(const struct admit_world *w, const struct admit_request *r)
{
    const struct object *ns = map_get(&w->objects[KIND_NAMESPACE], r->ns);
    struct inject_input in = {
        .pod = r->object, .ns = r->ns, .ns_known = ns, .mesh = w->mesh, .system_ns = w->system_ns};
    /* One UUID an admission; a pod that comes again keeps the one it has. */
    in.uuid = r->uid;
    if (!ns) return in;
    in.ns_labels = ns->meta.labels;
    in.ns_annotations = ns->meta.annotations;
    return in;
}

static void patch(const struct admit_world *w, const struct inject_input *in, struct arena *a, struct admit_answer *out)
{
    struct err err = {0};
    struct inject_settings set = inject_settings_of(w->settings, w->image);
    set.controller = w->controller;
    set.generation = w->generation;
    set.is_classic = w->is_classic;
    if (!inject_patch(in, &set, a, &out->patch, &err)) admit_deny(out, 403, str_dup(a, err_str(&err)));
}

void admit_mutate(const struct admit_world *w, const struct admit_request *r, struct arena *a, struct admit_answer *out)
{
    out->allowed = true;
    if (!str_is(r->kind, "Pod") || r->group.n || !str_is(r->operation, "CREATE")) return;
    if (!r->object) return (void)admit_deny(out, 422, S("the request carries no pod"));
    if (!w->settings)
        return (void)admit_deny(out, 500, S("the mesh has not read its configuration yet: try again in a moment"));
    struct inject_input in = input_of(w, r);
    struct inject_decision d = inject_decide(&in, a);
    if (d.action == INJECT_REFUSE) return (void)admit_deny(out, 403, d.reason);
    if (d.action == INJECT_SKIP) return;
    struct str why = inject_pod_security(in.ns, in.ns_labels, a);
    if (why.n) return (void)admit_deny(out, 403, why);
    patch(w, &in, a, out);
}
