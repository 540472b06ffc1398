#include "controller/sources.h"

#include <stdlib.h>

#include "base/log.h"
#include "kube/client.h"
#include "mesh/platform.h"

struct sources {
    struct sources_options opt;
    struct arena *arena;
    struct mesh_platform platform;
    struct file_source *files;
    struct kube_source *kube;
};

/* "10.0.0.0/8,fd00::/8" */
static struct strs list_of(struct arena *a, const char *text)
{
    struct strs l = {0};
    for (struct str rest = str_of(text); rest.p;) {
        struct str one = str_trim(str_cut(&rest, ','));
        if (one.n) list_push(a, &l, one);
    }
    return l;
}

static void set_platform(struct sources *s)
{
    const struct controller_options *o = s->opt.controller;
    s->platform = (struct mesh_platform){.service_ranges = list_of(s->arena, o->service_range),
                                         .pod_ranges = list_of(s->arena, o->pod_range),
                                         .trust_domain = str_of(o->trust_domain),
                                         .system_ns = str_of(o->system_ns),
                                         .mesh = str_of(o->mesh),
                                         .is_closed = !o->dirs[0]};
    mesh_platform_set(s->opt.sheet, &s->platform);
}

static bool start_files(struct sources *s, struct err *err)
{
    const struct controller_options *o = s->opt.controller;
    struct file_source_options from = {.state_dir = o->state_dir, .on_batch = s->opt.on_batch, .arg = s->opt.arg};
    for (size_t i = 0; i < 3; i++) from.dirs[i] = o->dirs[i];
    s->files = file_source_new(s->opt.base, s->opt.store, &from, err);
    return s->files != NULL;
}

/* ---- Kubernetes ---- */

static void on_batch(void *arg)
{
    struct sources *s = arg;
    s->opt.on_batch(s->opt.arg);
}

/* What the options say goes before what the API says. */
static void on_ranges(void *arg, struct strs services, struct strs pods)
{
    struct sources *s = arg;
    const struct controller_options *o = s->opt.controller;
    struct mesh_platform p = s->platform;
    if (!o->service_range) p.service_ranges = services;
    if (!o->pod_range) p.pod_ranges = pods;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str s_text = str_join(a, p.service_ranges, S(", ")), p_text = str_join(a, p.pod_ranges, S(", "));
    log_info("addresses of Services: %.*s; of pods: %.*s", STR_FMT(s_text), STR_FMT(p_text));
    mesh_platform_set(s->opt.sheet, &p);
}

static void start_kube(struct sources *s)
{
    const struct controller_options *o = s->opt.controller;
    bool needs_ranges = !o->service_range || !o->pod_range;
    s->kube = kube_source_new(s->opt.base, s->opt.store,
                              &(struct kube_source_options){.client = s->opt.client,
                                                            .system_ns = o->system_ns,
                                                            .on_batch = on_batch,
                                                            .on_ranges = needs_ranges ? on_ranges : NULL,
                                                            .arg = s});
}

struct sources *sources_new(const struct sources_options *opt, struct err *err)
{
    struct sources *s = xcalloc(1, sizeof *s);
    s->opt = *opt;
    s->arena = arena_new();
    set_platform(s);
    kube_metrics_init();
    kube_source_metrics_init();
    if (opt->client) start_kube(s);
    if (opt->client || start_files(s, err)) return s;
    sources_free(s);
    return NULL;
}

void sources_free(struct sources *s)
{
    if (!s) return;
    file_source_free(s->files);
    kube_source_free(s->kube);
    arena_free(s->arena);
    free(s);
}

bool sources_are_ready(const struct sources *s) { return !s->kube || kube_source_is_ready(s->kube); }

void sources_catch_up(struct sources *s)
{
    if (s->files) file_source_catch_up(s->files);
}

static struct str waits_for(void *arg, struct arena *a)
{
    struct sources *s = arg;
    return s->kube ? kube_source_waits_for(s->kube, a) : STR_NULL;
}

static struct source_problems problems(void *arg)
{
    struct sources *s = arg;
    return s->kube ? kube_source_problems(s->kube) : file_source_problems(s->files);
}

struct api_source sources_for_api(struct sources *s) { return (struct api_source){problems, waits_for, s}; }

void sources_published(struct sources *s)
{
    if (s->kube) kube_source_published(s->kube);
}
