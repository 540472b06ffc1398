/* The order in which a revision leaves the pipeline: settings, then pods that may have certificates, then proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/names.h"
#include "controller/pipeline.h"
#include "kinds/object.h"
#include "mesh/platform.h"
#include "mesh/settings.h"
#include "net/loop.h"

struct fixture {
    struct event_base *base;
    struct sheet *sheet;
    struct store *store;
    struct xds_server *xds;
    struct pipeline *pipeline;
    int64_t validity_ns; /* as the last settled revision says */
    int64_t of_pod;      /* as it was when the last pod came */
    int pods;
    uint64_t settled;
};

static void on_settled(void *arg, uint64_t revision)
{
    struct fixture *f = arg;
    f->settled = revision;
    f->validity_ns =
        ((const struct mesh_settings *)sheet_value(f->sheet, &mesh_settings_cell, STR_NULL))->certificate_ns;
    assert_true(pipeline_revision(f->pipeline) == revision);
}

static void on_pod(void *arg, struct str uid, bool alive)
{
    struct fixture *f = arg;
    assert_true(f->settled > 0 && uid.n > 0);
    f->of_pod = f->validity_ns;
    f->pods += alive ? 1 : -1;
}

static int setup(void **state)
{
    struct err err = {0};
    struct fixture *f = xcalloc(1, sizeof *f);
    *state = f;
    f->base = loop_base_new(&err);
    f->sheet = sheet_new();
    f->store = store_new(f->sheet);
    f->xds = xds_server_new(f->base, &(struct xds_options){.threads = 1, .address = "127.0.0.1"}, &err);
    assert_non_null(f->xds);
    mesh_platform_set(f->sheet, &mesh_platform_local);
    f->pipeline = pipeline_new(&(struct pipeline_options){.base = f->base,
                                                          .sheet = f->sheet,
                                                          .store = f->store,
                                                          .xds = f->xds,
                                                          .on_settled = on_settled,
                                                          .on_pod = on_pod,
                                                          .arg = f});
    sheet_observe(f->sheet, &mesh_settings_cell, STR_NULL);
    pipeline_release(f->pipeline);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    xds_server_free(f->xds);
    pipeline_free(f->pipeline);
    store_free(f->store);
    sheet_free(f->sheet);
    event_base_free(f->base);
    free(f);
    return 0;
}

static void put(struct fixture *f, json_t *doc)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct problems problems = {0};
    struct object *o = object_of_json(doc, a, &problems);
    assert_non_null(o);
    store_put(f->store, o);
    json_decref(doc);
}

static void put_pod(struct fixture *f, const char *name)
{
    put(f, json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:{s:[{s:s, s:s}]}, s:{s:s}}", "apiVersion", "v1", "kind",
                     "Pod", "metadata", "namespace", "a", "name", name, "uid", name, "labels", LABEL_PROXY_UUID, "u",
                     "spec", "containers", "name", "c", "image", "i", "status", "podIP", "10.244.0.2"));
}

static void put_validity(struct fixture *f, const char *text)
{
    put(f, json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:{s:s}}}", "apiVersion", "config.openservicemesh.io/v1alpha2",
                     "kind", "MeshConfig", "metadata", "namespace", NAME_SYSTEM_NAMESPACE, "name", NAME_MESH_CONFIG,
                     "spec", "certificate", "serviceCertValidityDuration", text));
}

static void settings_are_in_force_before_a_pod_of_their_revision_may_have_a_certificate(void **state)
{
    struct fixture *f = *state;
    put_pod(f, "one"); /* whichever the source reads first */
    put(f, json_pack("{s:s, s:s, s:{s:s, s:{s:s}}}", "apiVersion", "v1", "kind", "Namespace", "metadata", "name", "a",
                     "labels", LABEL_MONITORED_BY, NAME_MESH));
    put(f, json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "v1", "kind", "ServiceAccount", "metadata", "namespace",
                     "a", "name", "default"));
    put_validity(f, "30m");
    pipeline_settle(f->pipeline);
    assert_int_equal(f->pods, 1);
    assert_int_equal(f->of_pod, INT64_C(1800000000000));
    put_pod(f, "two");
    put_validity(f, "20m");
    pipeline_settle(f->pipeline);
    assert_int_equal(f->pods, 2);
    assert_int_equal(f->of_pod, INT64_C(1200000000000));
    store_remove(f->store, KIND_POD, S("a/one"));
    pipeline_settle(f->pipeline);
    assert_int_equal(f->pods, 1);
    uint64_t before = pipeline_revision(f->pipeline);
    pipeline_settle(f->pipeline);
    assert_int_equal(pipeline_revision(f->pipeline), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_are_in_force_before_a_pod_of_their_revision_may_have_a_certificate,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
