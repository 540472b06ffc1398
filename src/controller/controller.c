#include "controller/controller.h"

#include <event2/event.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/file.h"
#include "base/log.h"
#include "base/names.h"
#include "controller/certificates.h"
#include "controller/ending.h"
#include "controller/kube_access.h"
#include "controller/kubernetes.h"
#include "controller/pipeline.h"
#include "controller/serve.h"
#include "controller/sources.h"
#include "mesh/settings.h"
#include "net/loop.h"

struct controller {
    const struct controller_options *opt;
    struct event_base *base;
    struct mailbox *mail;
    struct sheet *sheet;
    struct store *store;
    struct sources *sources;
    struct kube_access access; /* on Kubernetes */
    struct kubernetes *kubernetes;
    struct certificates *certificates;
    struct xds_server *xds;
    struct pipeline *pipeline;
    struct api *api;
    struct ending *ending;
};

/* What the settings say about rooms that are no cells. */
static void follow_settings(struct controller *c)
{
    const struct mesh_settings *s = sheet_value(c->sheet, &mesh_settings_cell, STR_NULL);
    if (!s) return;
    certificates_follow(c->certificates, s);
    xds_server_set_max_streams(c->xds, (int)s->max_proxies);
    if (c->kubernetes) kubernetes_settled(c->kubernetes, s);
    api_set_debug(c->api, s->debug_server);
    log_set_level_by_name(s->controller_log_level);
}

static void settled(void *arg, uint64_t revision)
{
    struct controller *c = arg;
    follow_settings(c);
    log_debug("revision %llu is computed", (unsigned long long)revision);
    if (c->sources) sources_published(c->sources);
}

static void pod_came_or_went(void *arg, struct str uid, bool alive)
{
    certificates_set_pod(((struct controller *)arg)->certificates, uid, alive);
}

static void object_changed(void *arg, enum kind k, struct str key, const struct object *now)
{
    struct controller *c = arg;
    if (c->kubernetes) kubernetes_object(c->kubernetes, k, key, now);
}

static void batch_read(void *arg)
{
    struct controller *c = arg;
    if (c->sources && sources_are_ready(c->sources)) pipeline_release(c->pipeline);
    pipeline_kick(c->pipeline);
}

static void settle(void *arg)
{
    struct controller *c = arg;
    sources_catch_up(c->sources);
    pipeline_settle(c->pipeline);
}

static uint64_t revision(void *arg) { return pipeline_revision(((struct controller *)arg)->pipeline); }

/* A new certificate of our own: for new connections. */
static void new_certificate(void *arg, SSL_CTX *tls)
{
    struct controller *c = arg;
    if (c->xds) xds_server_set_tls(c->xds, tls);
}

static bool start_certificates(struct controller *c, struct err *err)
{
    struct certificates_options o = {c->base, c->mail, c->opt, c->access.client, c->access.writer, new_certificate, c};
    c->certificates = certificates_new(&o, err);
    return c->certificates != NULL;
}

/* Without folders our objects come from a Kubernetes API. */
static bool open_access(struct controller *c, struct err *err)
{
    return c->opt->dirs[0] || kube_access_open(&c->access, c->base, c->opt, err);
}

static bool start_kubernetes(struct controller *c, struct err *err)
{
    struct kubernetes_options o = {.base = c->base,
                                   .mail = c->mail,
                                   .api = &c->access,
                                   .issuer = certificates_issuer(c->certificates),
                                   .sheet = c->sheet,
                                   .store = c->store,
                                   .controller = c->opt};
    if (!c->access.client) return true;
    c->kubernetes = kubernetes_new(&o, err);
    return c->kubernetes != NULL;
}

static bool start_flow(struct controller *c, struct err *err)
{
    c->pipeline = pipeline_new(&(struct pipeline_options){.base = c->base,
                                                          .sheet = c->sheet,
                                                          .store = c->store,
                                                          .xds = c->xds,
                                                          .mesh = c->opt->mesh,
                                                          .on_object = object_changed,
                                                          .on_settled = settled,
                                                          .on_pod = pod_came_or_went,
                                                          .arg = c});
    sheet_observe(c->sheet, &mesh_settings_cell, STR_NULL);
    struct sources_options from = {c->base, c->sheet, c->store, c->opt, c->access.client, batch_read, c};
    c->sources = sources_new(&from, err);
    if (c->sources && sources_are_ready(c->sources)) pipeline_release(c->pipeline);
    return c->sources != NULL;
}

/* Of the cluster whose objects it reads. */
static bool is_pod(const struct controller_options *o) { return !o->dirs[0] && !o->kubeconfig; }

static bool start_api(struct controller *c, struct err *err)
{
    c->api = api_new(&(struct api_options){.base = c->base,
                                           .sheet = c->sheet,
                                           .store = c->store,
                                           .xds = c->xds,
                                           .roots = issuer_roots(certificates_issuer(c->certificates)),
                                           .settle = settle,
                                           .source = sources_for_api(c->sources),
                                           .revision = revision,
                                           .arg = c,
                                           .unix_path = c->opt->api_socket,
                                           .verbs_port = is_pod(c->opt) ? PORT_VERBS : 0,
                                           .address = c->opt->address,
                                           .port = (uint16_t)c->opt->http_port},
                     err);
    return c->api != NULL;
}

static bool start(struct controller *c, struct err *err)
{
    c->base = loop_base_new(err);
    if (!c->base) return false;
    c->mail = mailbox_new(c->base, err);
    if (!c->mail) return false;
    c->sheet = sheet_new();
    c->store = store_new(c->sheet);
    c->ending = ending_new(c->base, is_pod(c->opt));
    return dir_make(c->opt->state_dir, 0700, err) && open_access(c, err) && start_certificates(c, err) &&
           start_kubernetes(c, err) && (c->xds = serve_proxies(c->base, c->opt, c->certificates, err)) &&
           start_flow(c, err) && start_api(c, err);
}

static void end(struct controller *c)
{
    api_free(c->api);
    sources_free(c->sources);
    if (c->certificates) certificates_stop(c->certificates);
    if (c->xds) xds_server_free(c->xds);
    if (c->pipeline) pipeline_free(c->pipeline);
    kubernetes_free(c->kubernetes);
    certificates_free(c->certificates);
    kube_access_close(&c->access);
    if (c->store) store_free(c->store);
    if (c->sheet) sheet_free(c->sheet);
    ending_free(c->ending);
    mailbox_free(c->mail);
    if (c->base) event_base_free(c->base);
}

bool controller_run(const struct controller_options *opt, struct err *err)
{
    struct controller c = {.opt = opt};
    bool ok = start(&c, err);
    bool was_ended = c.access.was_ended;
    if (ok) {
        ending_of(c.ending, c.api, c.xds);
        log_info("the controller serves proxies on %s:%d", opt->address, opt->port);
        event_base_dispatch(c.base);
    }
    end(&c);
    return ok || was_ended;
}
