/* probes.c - probes and HTTP hooks come from the node, which has no certificate of the mesh: the agent answers them
 * instead, by asking the application over loopback. */
#include <string.h>

#include "base/names.h"
#include "inject/internal.h"

const struct probe_type inject_probe_types[PROBE_TYPES] = {
    {"livenessProbe", "liveness", "liveness-port", PORT_LIVENESS},
    {"readinessProbe", "readiness", "readiness-port", PORT_READINESS},
    {"startupProbe", "startup", "startup-port", PORT_STARTUP},
};

/* A port given by number or by the name of one of the same container's ports; 0 when it is neither. */
static json_int_t port_number(const json_t *container, const json_t *port)
{
    const json_t *p;
    size_t i;
    if (json_is_integer(port)) return json_integer_value(port);
    if (!json_is_string(port)) return 0;
    json_array_foreach(json_object_get(container, "ports"), i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));
        if (name && strcmp(name, json_string_value(port)) == 0)
            return json_integer_value(json_object_get(p, "containerPort"));
    }
    int64_t number;
    return str_to_i64(str_of(json_string_value(port)), 1, 65535, &number) ? number : 0;
}

/* The probe as the agent has to carry it out, or NULL: exec, a host of its own, or nothing we know. */
static json_t *original_of(const json_t *container, const json_t *probe)
{
    static const char *const handlers[] = {"httpGet", "tcpSocket", "grpc"}, *const kinds[] = {"http", "tcp", "grpc"};
    for (size_t i = 0; i < 3; i++) {
        const json_t *h = json_object_get(probe, handlers[i]);
        json_int_t port = port_number(container, json_object_get(h, "port"));
        if (!h || port <= 0 || json_text(h, "host").n) continue;
        bool https = str_is(json_text(h, "scheme"), "HTTPS");
        json_t *out = json_pack("{s:s, s:I}", "kind", https ? "https" : kinds[i], "port", port);
        if (i == 0) {
            struct str path = json_text(h, "path");
            json_object_set_new(out, "path", inject_string(path.n ? path : S("/")));
            if (json_object_get(h, "httpHeaders"))
                json_object_set_new(out, "headers", json_deep_copy(json_object_get(h, "httpHeaders")));
        }
        if (i == 2 && json_text(h, "service").n)
            json_object_set_new(out, "service", inject_string(json_text(h, "service")));
        json_int_t timeout = json_integer_value(json_object_get(probe, "timeoutSeconds"));
        json_object_set_new(out, "timeout", json_integer(timeout > 0 ? timeout : 1));
        return out;
    }
    return NULL;
}

/* The probe with its handler exchanged; everything else, known or not, stays. */
static json_t *rewritten(const json_t *probe, const struct probe_type *type, const char *container)
{
    json_t *out = json_deep_copy(probe);
    json_object_del(out, "tcpSocket");
    json_object_del(out, "grpc");
    json_t *path = json_sprintf("/osm-%s-probe/%s", type->name, container);
    json_object_set_new(out, "httpGet",
                        json_pack("{s:o, s:i, s:s}", "path", path, "port", type->port, "scheme", "HTTP"));
    return out;
}

static void rewrite_one(const json_t *container, const char *at, const struct probe_type *type, json_t *patch,
                        json_t *probes)
{
    const json_t *probe = json_object_get(container, type->field);
    const char *name = json_string_value(json_object_get(container, "name"));
    json_t *original = name ? original_of(container, probe) : NULL;
    if (!original) return;
    json_object_set_new(original, "container", json_string(name));
    json_object_set_new(original, "type", json_string(type->name));
    json_array_append_new(probes, original);
    char path[128];
    int n = snprintf(path, sizeof path, "%s/%s", at, type->field);
    inject_op(patch, "replace", str_make(path, (size_t)n), rewritten(probe, type, name));
}

/* A hook may take as long as the pod has to end. Who knows its path may have the application end: unlike a probe's, it
 * is none that another pod could guess. */
static void rewrite_hook(const struct inject_input *in, const json_t *container, const char *at, const char *field,
                         const char *type, json_t *patch, json_t *probes)
{
    const json_t *hook = json_object_get(json_object_get(container, "lifecycle"), field);
    const char *name = json_string_value(json_object_get(container, "name"));
    json_t *original = name && json_object_get(hook, "httpGet") ? original_of(container, hook) : NULL;
    if (!original) return;
    json_int_t grace =
        json_integer_value(json_object_get(json_object_get(in->pod, "spec"), "terminationGracePeriodSeconds"));
    json_object_set_new(original, "container", json_string(name));
    json_object_set_new(original, "type", json_string(type));
    json_object_set_new(original, "timeout", json_integer(grace > 0 ? grace : 30));
    json_object_set_new(original, "key", inject_string(in->uuid));
    json_array_append_new(probes, original);
    char path[128];
    int n = snprintf(path, sizeof path, "%s/lifecycle/%s/httpGet", at, field);
    inject_op(patch, "replace", str_make(path, (size_t)n),
              json_pack("{s:o, s:i, s:s}", "path",
                        json_sprintf("/osm-%s-hook/%s%s%.*s", type, name, in->uuid.n ? "/" : "", STR_FMT(in->uuid)),
                        "port", PORT_HEALTHCHECK, "scheme", "HTTP"));
}

void inject_probes(const struct inject_input *in, const char *list, json_t *patch, json_t *probes, unsigned *ports)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(in->pod, "spec"), list), i, c)
    {
        for (size_t t = 0; t < PROBE_TYPES; t++) {
            char at[64];
            size_t before = json_array_size(probes);
            snprintf(at, sizeof at, "/spec/%s/%zu", list, i);
            rewrite_one(c, at, &inject_probe_types[t], patch, probes);
            if (json_array_size(probes) > before) *ports |= 1u << t;
        }
        char at[64];
        snprintf(at, sizeof at, "/spec/%s/%zu", list, i);
        rewrite_hook(in, c, at, "postStart", "post-start", patch, probes);
        rewrite_hook(in, c, at, "preStop", "pre-stop", patch, probes);
    }
}
