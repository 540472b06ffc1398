#include "base/names.h"
#include "install/internal.h"
#include "kinds/schema.h"

json_t *render_str(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

void render_set(json_t *o, const char *key, json_t *value) { json_object_set_new(o, key, value); }

static json_t *labels(const struct render *r)
{
    return json_pack("{s:s, s:o, s:s}", "app.kubernetes.io/name", "openservicemesh.io", "app.kubernetes.io/instance",
                     render_str(r->o->mesh), "app.kubernetes.io/version", "v" OSM_VERSION);
}

json_t *render_add(struct render *r, const char *api_version, const char *kind, struct str ns, struct str name)
{
    json_t *meta = json_pack("{s:o, s:o}", "name", render_str(name), "labels", labels(r));
    if (ns.n) render_set(meta, "namespace", render_str(ns));
    json_t *o = json_pack("{s:s, s:s, s:o}", "apiVersion", api_version, "kind", kind, "metadata", meta);
    json_array_append_new(r->out, o);
    return o;
}

/* ---- namespace and definitions --------------------------------------------------------------------------- */

/* The control plane's own pods keep the restricted standard, and are never injected. */
static void add_namespace(struct render *r)
{
    json_t *o = render_add(r, "v1", "Namespace", STR_NULL, r->o->ns);
    json_t *l = json_object_get(json_object_get(o, "metadata"), "labels");
    render_set(l, "name", render_str(r->o->ns));
    render_set(l, LABEL_CONTROL_PLANE, json_string("osm"));
    render_set(l, LABEL_POD_SECURITY, json_string("restricted"));
}

static void add_definition(struct render *r, enum kind k)
{
    struct buf text SCOPED_BUF = {0};
    struct nodes docs = {0};
    struct err err = {0};
    crd_write(k, &text);
    if (!node_parse(r->a, buf_view(&text), "crd", &node_limits_default, &docs, &err)) return;
    for (each(d, docs)) json_array_append_new(r->out, node_to_json(*d));
}

/* ---- the preset MeshConfig ------------------------------------------------------------------------------- */

static json_t *texts(struct strs l)
{
    json_t *out = json_array();
    for (each(s, l)) json_array_append_new(out, render_str(*s));
    return out;
}

static json_t *numbers(struct ints l)
{
    json_t *out = json_array();
    for (each(n, l)) json_array_append_new(out, json_integer(*n));
    return out;
}

static json_t *sidecar(const struct install_osm *o)
{
    json_t *s =
        json_pack("{s:b, s:o, s:I, s:o, s:o}", "enablePrivilegedInitContainer", o->privileged_init, "logLevel",
                  render_str(o->envoy_log_level), "maxDataPlaneConnections", (json_int_t)o->max_connections,
                  "configResyncInterval", render_str(o->resync), "localProxyMode", render_str(o->local_proxy_mode));
    if (o->sidecar_image.n) render_set(s, "envoyImage", render_str(o->sidecar_image));
    return s;
}

static json_t *traffic(const struct install_osm *o)
{
    return json_pack("{s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "enableEgress", o->egress,
                     "enablePermissiveTrafficPolicyMode", o->permissive, "outboundIPRangeExclusionList",
                     texts(o->out_ranges_exclude), "outboundIPRangeInclusionList", texts(o->out_ranges_include),
                     "outboundPortExclusionList", numbers(o->out_ports_exclude), "inboundPortExclusionList",
                     numbers(o->in_ports_exclude), "networkInterfaceExclusionList", texts(o->interfaces_exclude));
}

static json_t *observability(const struct render *r)
{
    const struct install_osm *o = r->o;
    json_t *tracing = json_pack("{s:b}", "enable", o->tracing.enable);
    struct str jaeger = str_fmt(r->a, "jaeger.%.*s.svc.cluster.local", STR_FMT(o->ns));
    if (o->tracing.enable) {
        render_set(tracing, "address", render_str(o->tracing.address.n ? o->tracing.address : jaeger));
        render_set(tracing, "port", json_integer(o->tracing.port));
        render_set(tracing, "endpoint", render_str(o->tracing.endpoint));
    }
    return json_pack("{s:o, s:b, s:o}", "osmLogLevel", render_str(o->controller_log_level), "enableDebugServer",
                     o->debug_server, "tracing", tracing);
}

static json_t *flags(const struct install_flags *f)
{
    return json_pack("{s:b, s:b, s:b, s:b, s:b}", "enableWASMStats", f->wasm_stats, "enableEgressPolicy",
                     f->egress_policy, "enableIngressBackendPolicy", f->ingress_policy, "enableEnvoyActiveHealthChecks",
                     f->health_checks, "enableRetryPolicy", f->retry);
}

static void add_mesh_config(struct render *r)
{
    const struct install_osm *o = r->o;
    json_t *m = render_add(r, "config.openservicemesh.io/v1alpha2", "MeshConfig", o->ns, S(NAME_MESH_CONFIG));
    json_t *certificate = json_pack("{s:o, s:I}", "serviceCertValidityDuration", render_str(o->provider.validity),
                                    "certKeyBitSize", (json_int_t)o->provider.key_bits);
    render_set(m, "spec",
               json_pack("{s:o, s:o, s:o, s:o, s:o}", "sidecar", sidecar(o), "traffic", traffic(o), "observability",
                         observability(r), "certificate", certificate, "featureFlags", flags(&o->flags)));
}

/* ---- all ------------------------------------------------------------------------------------------------- */

static bool is_kind(const json_t *object, const char *kind)
{
    const char *k = json_string_value(json_object_get(object, "kind"));
    return k && strcmp(k, kind) == 0;
}

bool install_is_preset(const json_t *object) { return is_kind(object, "MeshConfig"); }

bool install_is_definition(const json_t *object) { return is_kind(object, "CustomResourceDefinition"); }

void install_remember(json_t *objects, const json_t *values)
{
    json_t *effective = install_effective(values), *o;
    char *text = json_dumps(effective, JSON_COMPACT | JSON_SORT_KEYS);
    size_t i;
    json_array_foreach(objects, i, o)
    {
        if (!is_kind(o, "Deployment")) continue;
        json_t *meta = json_object_get(o, "metadata");
        render_set(meta, "annotations", json_pack("{s:s}", INSTALL_ANNOTATION_VALUES, text));
    }
    free(text);
    json_decref(effective);
}

bool install_render(const struct install_values *v, struct arena *a, json_t **objects, struct err *err)
{
    struct render r = {.v = v, .o = &v->osm, .a = a};
    if (!v->osm.image.ref.n)
        return err_set(err, "no image is named: give --image REF, an image with osm and envoy that your cluster can "
                            "pull (make image builds one)");
    *objects = r.out = json_array();
    add_namespace(&r);
    for (int k = 0; k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->flags & KIND_MESH) add_definition(&r, (enum kind)k);
    render_rights(&r);
    render_control_plane(&r);
    render_webhooks(&r);
    add_mesh_config(&r);
    return true;
}
