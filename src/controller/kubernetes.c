#include "controller/kubernetes.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#include "admit/admit.h"
#include "base/log.h"
#include "base/names.h"
#include "identity/own.h"
#include "net/tls.h"
#include "status/leader.h"
#include "status/objects.h"
#include "status/trust.h"
#include "status/webhooks.h"

#define LEASE           "osm-controller"
#define SIDECAR_CURRENT "1" /* what new sidecars are: design.md section 2 rule 7 */

enum { HOOKS = 2 };

/* One of the two webhooks' certificates. */
struct hook_cert {
    struct kubernetes *k;
    enum admit_hook hook;
    struct str dns;
    struct own_cert *own;
    SSL_CTX *tls;
};

struct kubernetes {
    struct kubernetes_options opt;
    struct arena *arena;
    struct admit_server *admit;
    struct hook_cert certs[HOOKS];
    struct leader *leader;
    struct trust_maps *trust;
    struct object_status *status;
    struct webhook_keeper *keepers[HOOKS];
    struct hash128 settings; /* of those the webhooks have */
};

/* ---- webhooks -------------------------------------------------------------------------------------------- */

struct strs kubernetes_names(struct arena *a, const struct controller_options *opt)
{
    struct strs out = {0};
    list_push(a, &out, str_fmt(a, "osm-injector.%s.svc", opt->system_ns));
    list_push(a, &out, str_fmt(a, "osm-validator.%s.svc", opt->system_ns));
    return out;
}

static void hook_renewed(void *arg, struct str chain, struct str key)
{
    struct hook_cert *c = arg;
    struct err err = {0};
    SSL_CTX *tls = tls_server_context(&(struct tls_options){.chain = chain, .key = key, .alpn = "http/1.1"}, &err);
    if (!tls) {
        log_error("%.*s keeps its old certificate: %s", STR_FMT(c->dns), err.text);
        return;
    }
    SSL_CTX_free(c->tls);
    c->tls = tls;
    if (c->k->admit) admit_server_set_tls(c->k->admit, c->hook, tls);
}

static bool start_certs(struct kubernetes *k, struct err *err)
{
    struct strs names = kubernetes_names(k->arena, k->opt.controller);
    for (size_t i = 0; i < HOOKS; i++) {
        struct hook_cert *c = &k->certs[i];
        *c = (struct hook_cert){.k = k, .hook = (enum admit_hook)i, .dns = names.v[i]};
        struct own_cert_options own = {k->opt.base, k->opt.mail, k->opt.issuer, 0, c->dns, hook_renewed, c};
        if (!(c->own = own_cert_new(&own, err))) return false;
        if (!c->tls) return err_set(err, "no certificate for %.*s", STR_FMT(c->dns));
    }
    return true;
}

static bool start_admit(struct kubernetes *k, struct err *err)
{
    const struct controller_options *o = k->opt.controller;
    k->admit = admit_server_new(
        &(struct admit_options){
            .address = o->address,
            .inject_port = (uint16_t)o->inject_port,
            .validate_port = (uint16_t)o->validate_port,
            .mesh = str_of(o->mesh),
            .system_ns = str_of(o->system_ns),
            .image = str_of(o->sidecar_image),
            .controller = o->sidecar_controller ? str_of(o->sidecar_controller)
                                                : str_fmt(k->arena, "osm-controller.%s.svc:%d", o->system_ns, PORT_XDS),
            .generation = S(SIDECAR_CURRENT),
            .is_classic = k->opt.api->is_classic,
            .tls = {k->certs[ADMIT_MUTATE].tls, k->certs[ADMIT_VALIDATE].tls}},
        err);
    return k->admit != NULL;
}

/* ---- what is written ------------------------------------------------------------------------------------- */

static void lead(void *arg, bool leads) { writer_set_leader(((struct kubernetes *)arg)->opt.api->writer, leads); }

/* Never the same twice, also when a pod is made again under its old name. */
static struct str identity(struct arena *a)
{
    char host[256] = "osm";
    unsigned char salt[8];
    const char *pod = getenv("POD_NAME");
    gethostname(host, sizeof host - 1);
    RAND_bytes(salt, sizeof salt);
    struct str out = str_fmt(a, "%s_", pod ? pod : host);
    for (size_t i = 0; i < sizeof salt; i++) out = str_fmt(a, "%.*s%02x", STR_FMT(out), salt[i]);
    return out;
}

static struct webhook_keeper *keep(struct kubernetes *k, const char *plural, const char *kind, const char *name)
{
    return webhook_keeper_new(&(struct webhook_keeper_options){.client = k->opt.api->client,
                                                               .writer = k->opt.api->writer,
                                                               .plural = plural,
                                                               .kind = kind,
                                                               .name = str_of(name),
                                                               .pem = issuer_roots(k->opt.issuer)});
}

static void start_writing(struct kubernetes *k)
{
    const struct controller_options *o = k->opt.controller;
    k->trust = trust_maps_new(k->opt.api->writer, str_of(o->mesh), issuer_roots(k->opt.issuer));
    k->status = object_status_new(k->opt.api->writer, k->opt.store, k->opt.sheet);
    k->keepers[0] = keep(k, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", o->mutating_name);
    k->keepers[1] = keep(k, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", o->validating_name);
    k->leader = leader_new(&(struct leader_options){.base = k->opt.base,
                                                    .client = k->opt.api->client,
                                                    .ns = str_of(o->system_ns),
                                                    .name = S(LEASE),
                                                    .identity = identity(k->arena),
                                                    .changed = lead,
                                                    .arg = k});
}

/* ---- news ------------------------------------------------------------------------------------------------ */

void kubernetes_object(struct kubernetes *k, enum kind kind, struct str key, const struct object *now)
{
    admit_server_object(k->admit, kind, key, now);
    if (kind == KIND_NAMESPACE) trust_maps_namespace(k->trust, key, now);
    object_status_mark(k->status, kind, key);
}

static void take_settings(struct kubernetes *k, const struct mesh_settings *settings)
{
    struct hasher h;
    hasher_init(&h);
    table_hash(&mesh_settings_table, settings, &h);
    struct hash128 hash = hasher_end(&h);
    if (hash128_eq(hash, k->settings)) return;
    k->settings = hash;
    admit_server_set_settings(k->admit, settings);
}

void kubernetes_settled(struct kubernetes *k, const struct mesh_settings *settings)
{
    take_settings(k, settings);
    object_status_settle(k->status);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

struct kubernetes *kubernetes_new(const struct kubernetes_options *opt, struct err *err)
{
    struct kubernetes *k = xcalloc(1, sizeof *k);
    k->opt = *opt;
    k->arena = arena_new();
    if (start_certs(k, err) && start_admit(k, err)) {
        start_writing(k);
        return k;
    }
    kubernetes_free(k);
    return NULL;
}

void kubernetes_free(struct kubernetes *k)
{
    if (!k) return;
    leader_free(k->leader);
    for (size_t i = 0; i < HOOKS; i++) webhook_keeper_free(k->keepers[i]);
    trust_maps_free(k->trust);
    object_status_free(k->status);
    admit_server_free(k->admit);
    for (size_t i = 0; i < HOOKS; i++) {
        own_cert_free(k->certs[i].own);
        SSL_CTX_free(k->certs[i].tls);
    }
    arena_free(k->arena);
    free(k);
}
