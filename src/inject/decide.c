#include "base/names.h"
#include "inject/internal.h"

static const json_t *spec_of(const json_t *pod) { return json_object_get(pod, "spec"); }

struct str inject_annotation(const json_t *pod, const char *key)
{
    return json_text(json_object_get(json_object_get(pod, "metadata"), "annotations"), key);
}

bool inject_switch(struct str value, const char *what, enum tri *out, struct err *err)
{
    static const char *const on[] = {"enabled", "yes", "true"}, *const off[] = {"disabled", "no", "false"};
    *out = TRI_UNSET;
    if (!value.p) return true;
    for (size_t i = 0; i < 3; i++) {
        if (str_eq_nocase(value, str_of(on[i]))) *out = TRI_TRUE;
        if (str_eq_nocase(value, str_of(off[i]))) *out = TRI_FALSE;
    }
    if (*out != TRI_UNSET) return true;
    return err_set(err, "%s is \"%.*s\"; write enabled or disabled", what, STR_FMT(value));
}

static struct inject_decision decided(enum inject_action action, struct str reason)
{
    return (struct inject_decision){action, reason};
}

static bool is_windows(const json_t *spec)
{
    return str_is(json_text(json_object_get(spec, "os"), "name"), "windows") ||
           str_is(json_text(json_object_get(spec, "nodeSelector"), "kubernetes.io/os"), "windows");
}

static const json_t *user_of(const json_t *with_context)
{
    return json_object_get(json_object_get(with_context, "securityContext"), "runAsUser");
}

/* The name of a container that would run as the sidecar's user, or STR_NULL. Such a process would be taken for the
 * sidecar by the capture rules and bypass the mesh. */
static struct str container_with_sidecar_uid(const json_t *spec, const char *list)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(spec, list), i, c)
    {
        const json_t *uid = user_of(c) ? user_of(c) : user_of(spec);
        if (json_integer_value(uid) == UID_SIDECAR) return json_text(c, "name");
    }
    return STR_NULL;
}

static const json_t *named(const json_t *list, const char *name)
{
    const json_t *c;
    size_t i;
    json_array_foreach(list, i, c) if (str_is(json_text(c, "name"), name)) return c;
    return NULL;
}

static bool runs(const json_t *container, const char *verb)
{
    const json_t *command = json_object_get(container, "command");
    const char *word = json_string_value(json_array_get(command, 1));
    return word && strcmp(word, verb) == 0;
}

bool inject_is_injected(const json_t *pod)
{
    const json_t *init = json_object_get(spec_of(pod), "initContainers");
    const json_t *apps = json_object_get(spec_of(pod), "containers"); /* the classic order */
    return runs(named(init, CONTAINER_CAPTURE), "capture") &&
           (runs(named(init, CONTAINER_SIDECAR), "agent") || runs(named(apps, CONTAINER_SIDECAR), "agent"));
}

/* A name of ours that the user's pod already has, or NULL. */
static const char *taken_name(const json_t *spec)
{
    static const char *const containers[] = {CONTAINER_CAPTURE, CONTAINER_SIDECAR};
    static const char *const volumes[] = {"osm-sidecar", "osm-token", "osm-trust"};
    for (size_t i = 0; i < 2; i++)
        if (named(json_object_get(spec, "containers"), containers[i]) ||
            named(json_object_get(spec, "initContainers"), containers[i]))
            return containers[i];
    for (size_t i = 0; i < 3; i++)
        if (named(json_object_get(spec, "volumes"), volumes[i])) return volumes[i];
    return NULL;
}

/* Why a pod that should be injected cannot be; false with the sentence. */
static bool can_inject(const json_t *pod, struct arena *a, struct err *err)
{
    const json_t *spec = spec_of(pod);
    struct capture_lists lists;
    if (is_windows(spec)) return err_set(err, "a Windows pod cannot be in the mesh: disable injection for it");
    if (!inject_lists(pod, NULL, a, &lists, err)) return false;
    if (inject_is_injected(pod)) return true;
    struct str name = container_with_sidecar_uid(spec, "containers");
    if (!name.p) name = container_with_sidecar_uid(spec, "initContainers");
    if (name.p)
        return err_set(err, "container %.*s runs as uid %d, which is the sidecar's: give it another runAsUser",
                       STR_FMT(name), UID_SIDECAR);
    const char *taken = taken_name(spec);
    if (taken) return err_set(err, "the name %s is the mesh's own: rename the pod's container or volume", taken);
    return true;
}

static const char *outside_reason(const struct inject_input *in)
{
    struct str system = in->system_ns.n ? in->system_ns : S(NAME_SYSTEM_NAMESPACE);
    struct str mesh = in->mesh.n ? in->mesh : S(NAME_MESH);
    const json_t *pod = in->pod;
    if (json_is_true(json_object_get(spec_of(pod), "hostNetwork"))) return "the pod uses the host's network";
    if (inject_annotation(pod, "kubernetes.io/config.mirror").p) return "the pod is a static pod's mirror";
    if (str_is(in->ns, "kube-system") || str_is(in->ns, "kube-public") || str_eq(in->ns, system))
        return "its namespace belongs to the system";
    if (kvs_get(in->ns_labels, S(LABEL_IGNORE)).p) return "its namespace has the label " LABEL_IGNORE;
    if (kvs_get(in->ns_labels, S(LABEL_CONTROL_PLANE)).p) return "its namespace has the label " LABEL_CONTROL_PLANE;
    if (!str_eq(kvs_get(in->ns_labels, S(LABEL_MONITORED_BY)), mesh))
        return "its namespace is not in the mesh (label " LABEL_MONITORED_BY ")";
    return NULL;
}

static struct inject_decision decide_by_switch(const struct inject_input *in, struct arena *a)
{
    struct err err = {0};
    enum tri pod, ns, metrics;
    if (!inject_switch(inject_annotation(in->pod, ANNOTATION_INJECT), "the pod's annotation " ANNOTATION_INJECT, &pod,
                       &err) ||
        !inject_switch(kvs_get(in->ns_annotations, S(ANNOTATION_INJECT)),
                       "the namespace's annotation " ANNOTATION_INJECT, &ns, &err) ||
        !inject_switch(kvs_get(in->ns_annotations, S(ANNOTATION_METRICS)),
                       "the namespace's annotation " ANNOTATION_METRICS, &metrics, &err))
        return decided(INJECT_REFUSE, str_dup(a, err_str(&err)));
    if (pod == TRI_FALSE) return decided(INJECT_SKIP, S("the pod's annotation disables injection"));
    if (pod == TRI_UNSET && ns != TRI_TRUE)
        return decided(INJECT_SKIP,
                       S("neither the pod nor its namespace enables injection (annotation " ANNOTATION_INJECT ")"));
    if (!can_inject(in->pod, a, &err)) return decided(INJECT_REFUSE, str_dup(a, err_str(&err)));
    return decided(INJECT_YES, pod == TRI_TRUE ? S("the pod's annotation enables injection")
                                               : S("the namespace's annotation enables injection"));
}

struct inject_decision inject_decide(const struct inject_input *in, struct arena *a)
{
    if (!in->ns_known)
        return decided(INJECT_REFUSE,
                       str_fmt(a, "namespace %.*s is not known to the mesh yet: try again", STR_FMT(in->ns)));
    const char *outside = outside_reason(in);
    if (outside) return decided(INJECT_SKIP, str_of(outside));
    return decide_by_switch(in, a);
}

struct str inject_pod_security(struct str ns, struct kvs ns_labels, struct arena *a)
{
    struct str level = kvs_get(ns_labels, S(LABEL_POD_SECURITY));
    if (!str_is(level, "baseline") && !str_is(level, "restricted")) return STR_NULL;
    return str_fmt(a,
                   "namespace %.*s enforces pod security level \"%.*s\", which refuses the container that captures "
                   "traffic (capability NET_ADMIN): label the namespace " LABEL_POD_SECURITY
                   "=privileged, or disable injection for its pods (annotation " ANNOTATION_INJECT ": disabled)",
                   STR_FMT(ns), STR_FMT(level));
}
