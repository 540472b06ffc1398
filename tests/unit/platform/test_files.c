// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "platform/local/image.h"
#include "platform/local/log_file.h"
#include "platform/local/made.h"
#include "platform/local/state.h"
#include "platform/local/volume.h"

static char *dir;

static int make_dir(void **state)
{
    (void)state;
    char pattern[] = "/tmp/osm-unit-XXXXXX";
    dir = xstrdup(mkdtemp(pattern));
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    struct err err = {0};
    bool ok = tree_remove(dir, &err);
    free(dir);
    return !ok;
}

static const char *path(struct arena *a, const char *name) { return str_fmt(a, "%s/%s", dir, name).p; }

static struct str text_of(struct arena *a, const char *name)
{
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    return file_read(path(a, name), 64 << 20, &b, &err) ? str_dup(a, buf_view(&b)) : STR_NULL;
}

static void put(struct arena *a, const char *name, const char *text)
{
    struct err err = {0};
    assert_true(file_write_atomic(path(a, name), str_of(text), 0644, &err));
}

static void a_log_is_bounded_and_keeps_what_came_before(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct event_base *base = event_base_new();
    struct log_file *l = log_file_new(base, path(a, "c.log"), &err);
    char block[4096];
    struct stat now, old;
    assert_non_null(l);
    memset(block, 'x', sizeof block);
    block[sizeof block - 1] = '\n';
    for (int i = 0; i < (LOG_FILE_MAX + (1 << 20)) / 4096; i++) {
        assert_int_equal(write(log_file_fd(l, 0), block, sizeof block), sizeof block);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    log_file_free(l);
    event_base_free(base);
    assert_int_equal(stat(path(a, "c.log"), &now), 0);
    assert_int_equal(stat(path(a, "c.log.1"), &old), 0);
    assert_true(now.st_size <= LOG_FILE_MAX && old.st_size <= LOG_FILE_MAX);
    assert_int_equal(now.st_size + old.st_size, LOG_FILE_MAX + (1 << 20));
}

static void images_are_found_by_pattern_with_and_without_registry(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct image_table t = {0};
    assert_true(dir_make(path(a, "layer"), 0755, &err));
    put(a, "images.yaml",
        "images:\n- {match: 'shop/*', layer: ./layer, command: [shop], user: 7}\n- {match: 'mariadb:*'}\n");
    assert_true(image_table_read(path(a, "images.yaml"), a, &t, &err));
    assert_true(str_ends(image_find(&t, S("docker.io/shop/app:1"))->layer, S("/layer")));
    assert_int_equal(image_find(&t, S("shop/app"))->user, 7);
    assert_int_equal(image_find(&t, S("docker.io/library/mariadb:10.11"))->user, -1);
    assert_null(image_find(&t, S("nginx")));
    put(a, "bad.yaml", "images:\n- {match: 'x', layer: ./nowhere}\n");
    assert_false(image_table_read(path(a, "bad.yaml"), a, &t, &err));
    assert_non_null(strstr(err.text, "there is no directory"));
    put(a, "typo.yaml", "images:\n- {match: 'x', layers: y}\n");
    err_clear(&err);
    assert_false(image_table_read(path(a, "typo.yaml"), a, &t, &err));
    assert_non_null(strstr(err.text, "typo.yaml:2:"));
}

static void objects_of_a_round_that_are_not_made_again_go(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct made *m = made_new(dir);
    made_round_begin(m);
    made_set(m, KIND_SERVICE_ACCOUNT, S("shop"), S("default"), json_object());
    made_set(m, KIND_POD, S("shop"), S("web"), json_object());
    made_round_end(m);
    assert_true(str_is(text_of(a, "serviceaccount_shop_default.json"),
                       "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"default\","
                       "\"namespace\":\"shop\"}}"));
    made_round_begin(m);
    made_round_end(m);
    assert_null(text_of(a, "serviceaccount_shop_default.json").p);
    assert_non_null(text_of(a, "pod_shop_web.json").p);
    made_drop(m, KIND_POD, S("shop"), S("web"));
    assert_null(made_get(m, KIND_POD, S("shop"), S("web")));
    made_free(m);
}

static void one_lock_per_state_directory(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct state s = state_paths(a, path(a, "state"));
    assert_true(state_prepare(&s, a, &err));
    assert_int_equal(state_running(&s), 0);
    int lock = state_lock(&s, &err);
    assert_true(lock >= 0 && write(lock, "4711\n", 5) == 5);
    assert_int_equal(state_running(&s), 4711);
    assert_int_equal(state_lock(&s, &err), -1);
    assert_non_null(strstr(err.text, "already running here (process 4711)"));
    close(lock);
    assert_int_equal(state_running(&s), 0);
}

static json_t *find(void *arg, enum kind kind, struct str ns, struct str name)
{
    (void)ns, (void)name;
    return kind == KIND_CONFIG_MAP ? json_pack("{s:{s:s}}", "data", "k", *(const char **)arg) : NULL;
}

static void volumes_follow_their_objects_and_keep_within_themselves(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct volumes v;
    const char *value = "one";
    json_t *pod SCOPED_JSON = json_loads(
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{\"volumes\":[{\"name\":\"c\","
        "\"configMap\":{\"name\":\"m\",\"items\":[{\"key\":\"k\",\"path\":\"d/"
        "f\",\"mode\":256}]}},{\"name\":\"t\",\"projected\":"
        "{\"sources\":[{\"serviceAccountToken\":{\"path\":\"token\",\"expirationSeconds\":100}}]}}]}}",
        0, NULL);
    struct volume_input in = {
        .pod = pod, .dir = dir, .tokens = {token_issue, dir}, .claims = dir, .lookup = {find, &value}, .now = 1000};
    assert_true(volumes_prepare(&in, a, &v, &err));
    assert_true(str_is(text_of(a, "c/d/f"), "one"));
    assert_int_equal(v.refresh, 1080);
    assert_int_equal(v.token_files.n, 1);
    struct str token = text_of(a, "t/token");
    value = "two";
    in.keep_tokens = true;
    assert_true(volumes_prepare(&in, a, &v, &err));
    assert_true(str_is(text_of(a, "c/d/f"), "two"));
    assert_true(token.n == 64 && str_eq(text_of(a, "t/token"), token));
    json_t *bad SCOPED_JSON = json_loads("{\"spec\":{\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"m\","
                                         "\"items\":[{\"key\":\"k\",\"path\":\"../f\"}]}}]}}",
                                         0, NULL);
    in.pod = bad;
    assert_false(volumes_prepare(&in, a, &v, &err));
    assert_non_null(strstr(err.text, "is not a path within a volume"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_is_bounded_and_keeps_what_came_before, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(images_are_found_by_pattern_with_and_without_registry, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(objects_of_a_round_that_are_not_made_again_go, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(one_lock_per_state_directory, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(volumes_follow_their_objects_and_keep_within_themselves, make_dir, remove_dir)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
