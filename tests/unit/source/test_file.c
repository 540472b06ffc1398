/* Real files, real inotify; every wait is for a condition. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "kinds/mesh_config.h"
#include "source/source.h"

#define NS(name)          "apiVersion: v1\nkind: Namespace\nmetadata: {name: " name "}\n"
#define NS_LABEL(name, l) "apiVersion: v1\nkind: Namespace\nmetadata: {name: " name ", labels: {l: '" l "'}}\n"

static struct {
    char root[64], one[96], two[96], state[96];
    struct event_base *base;
    struct sheet *sheet;
    struct store *store;
    struct file_source *source;
    struct file_source_options opt;
    struct arena *arena;
    int batches, changes;
} t;

static void on_batch(void *arg)
{
    (void)arg;
    t.batches++;
}
static void on_change(void *arg, enum kind k, struct str key, const struct object *old, const struct object *now)
{
    (void)arg, (void)k, (void)key, (void)old, (void)now;
    t.changes++;
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    strcpy(t.root, "/tmp/osm-source-XXXXXX");
    assert_non_null(mkdtemp(t.root));
    snprintf(t.one, sizeof t.one, "%s/one", t.root);
    snprintf(t.two, sizeof t.two, "%s/two", t.root);
    snprintf(t.state, sizeof t.state, "%s/state", t.root);
    mkdir(t.one, 0755);
    mkdir(t.two, 0755);
    t.base = event_base_new();
    t.sheet = sheet_new();
    t.store = store_new(t.sheet);
    t.arena = arena_new();
    store_on_change(t.store, on_change, NULL);
    t.opt = (struct file_source_options){.dirs = {t.one, t.two}, .state_dir = t.state, .on_batch = on_batch};
    return 0;
}

static void start(void)
{
    struct err err = {0};
    t.source = file_source_new(t.base, t.store, &t.opt, &err);
    if (!t.source) fail_msg("%s", err.text);
}

static void restart(void)
{
    file_source_free(t.source);
    store_free(t.store);
    sheet_free(t.sheet);
    t.sheet = sheet_new();
    t.store = store_new(t.sheet);
    start();
}

static int teardown(void **state)
{
    (void)state;
    struct err err = {0};
    file_source_free(t.source);
    store_free(t.store);
    sheet_free(t.sheet);
    event_base_free(t.base);
    arena_free(t.arena);
    assert_true(tree_remove(t.root, &err));
    return 0;
}

static const char *path_of(const char *name) { return str_fmt(t.arena, "%s/%s", t.root, name).p; }

/* Opened, written, closed: as editors without renaming do. */
static void save_n(const char *name, const char *text, size_t n)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    close(fd);
}
static void save(const char *name, const char *text) { save_n(name, text, strlen(text)); }

static void wake(evutil_socket_t fd, short what, void *arg) { (void)fd, (void)what, (void)arg; }

/* Turns the loop until |is_true|; fails after 10 s. */
#define WAIT(is_true)                                                                                                  \
    do {                                                                                                               \
        int64_t end_ = clock_mono_ns() + (int64_t)10 * 1000000000;                                                     \
        while (!(is_true)) {                                                                                           \
            if (clock_mono_ns() > end_) fail_msg("never true: %s", #is_true);                                          \
            event_base_once(t.base, -1, EV_TIMEOUT, wake, NULL, &(struct timeval){0, 20000});                          \
            event_base_loop(t.base, EVLOOP_ONCE);                                                                      \
        }                                                                                                              \
    } while (0)

static bool has(const char *ns) { return store_peek(t.store, KIND_NAMESPACE, str_of(ns)) != NULL; }
static const char *label(const char *ns)
{
    const struct object *o = store_peek(t.store, KIND_NAMESPACE, str_of(ns));
    return o ? str_c(t.arena, kvs_get(o->meta.labels, S("l"))) : "absent";
}
#define is_label(ns, l) (strcmp(label(ns), (l)) == 0)

/* All problems, "E8001 one/a.yaml:1:2 object: text" a line; paths below the test's folder. */
static const char *problems(void)
{
    SCOPED_BUF struct buf b = {0};
    struct source_problems l = file_source_problems(t.source);
    for (size_t i = 0; i < l.n; i++) {
        struct str where = str_sub(l.v[i].where, strlen(t.root) + 1, l.v[i].where.n);
        buf_fmt(&b, "%c%d %.*s", l.v[i].is_error ? 'E' : 'W', l.v[i].code, STR_FMT(where));
        buf_fmt(&b, " [%.*s] %.*s\n", STR_FMT(l.v[i].object), STR_FMT(l.v[i].text));
    }
    return str_c(t.arena, buf_view(&b));
}
#define assert_problem(text)                                                                                           \
    do {                                                                                                               \
        if (!strstr(problems(), (text))) fail_msg("no \"%s\" in:\n%s", (text), problems());                            \
    } while (0)

static void what_is_there_at_the_start_is_read(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a") "---\n" NS("b"));
    save("one/c.json", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"c\"}}");
    mkdir(path_of("one/sub"), 0755);
    save("one/sub/d.yml", NS("d"));
    save("one/.hidden.yaml", NS("h1"));
    save("one/notes.txt", NS("h2"));
    mkdir(path_of("one/.git"), 0755);
    save("one/.git/x.yaml", NS("h3"));
    start();
    assert_true(has("a") && has("b") && has("c") && has("d"));
    assert_false(has("h1") || has("h2") || has("h3"));
    assert_string_equal(problems(), "");
    assert_int_equal(t.batches, 0);
}

static void a_list_is_its_items(void **state)
{
    (void)state;
    save("one/a.yaml", "apiVersion: v1\nkind: List\nitems:\n"
                       "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n"
                       "- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n");
    start();
    assert_true(has("a") && has("b"));
    assert_int_equal(store_peek(t.store, KIND_NAMESPACE, S("b"))->line, 5);
}

static void what_a_manifest_leaves_out_is_the_same_in_every_run(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    save("one/b.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: b, uid: mine, generation: 3}}");
    start();
    const struct object *a = store_peek(t.store, KIND_NAMESPACE, S("a")),
                        *b = store_peek(t.store, KIND_NAMESPACE, S("b"));
    assert_int_equal(a->meta.uid.n, 36);
    assert_int_equal(a->meta.created, 0);
    assert_int_equal(a->meta.generation, 0);
    assert_true(str_is(b->meta.uid, "mine") && b->meta.generation == 3);
    const char *uid = str_c(t.arena, a->meta.uid);
    restart();
    assert_true(str_is(store_peek(t.store, KIND_NAMESPACE, S("a"))->meta.uid, uid));
}

static void saving_renaming_and_deleting_are_followed(void **state)
{
    (void)state;
    start();
    save("one/a.yaml", NS("a"));
    WAIT(has("a"));
    assert_true(t.batches > 0);
    save("one/a.yaml", NS_LABEL("a", "2"));
    WAIT(is_label("a", "2"));
    save("one/.a.yaml.new", NS_LABEL("a", "3"));
    rename(path_of("one/.a.yaml.new"), path_of("one/a.yaml"));
    WAIT(is_label("a", "3"));
    rename(path_of("one/a.yaml"), path_of("one/b.yaml"));
    unlink(path_of("one/b.yaml"));
    WAIT(!has("a"));
}

static void new_folders_are_followed(void **state)
{
    (void)state;
    start();
    mkdir(path_of("one/x"), 0755);
    mkdir(path_of("one/x/y"), 0755);
    save("one/x/y/a.yaml", NS("a"));
    WAIT(has("a"));
    save("one/x/y/a.yaml", NS("b"));
    WAIT(has("b") && !has("a"));
    rename(path_of("one/x"), path_of("one/z")); /* known by its new name */
    save("one/z/y/a.yaml", NS("c"));
    WAIT(has("c") && !has("b"));
    assert_true(str_ends(store_peek(t.store, KIND_NAMESPACE, S("c"))->file, S("one/z/y/a.yaml")));
    rename(path_of("one/z"), path_of("away"));
    WAIT(!has("c"));
    save("away/y/a.yaml", NS("d")); /* no more ours */
    save("one/last.yaml", NS("e"));
    WAIT(has("e"));
    assert_false(has("d"));
    save("away/q.yaml", NS("q"));
    rename(path_of("away"), path_of("one/back"));
    WAIT(has("d") && has("q"));
    struct err err = {0};
    assert_true(tree_remove(path_of("one/back"), &err));
    WAIT(!has("d") && !has("q"));
}

static void an_emptied_file_gets_time_to_return(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    t.changes = 0;
    int64_t began = clock_mono_ns();
    save("one/a.yaml", "");
    file_source_catch_up(t.source);
    assert_true(has("a"));
    save("one/a.yaml", NS_LABEL("a", "2"));
    WAIT(is_label("a", "2"));
    assert_int_equal(t.changes, 1); /* never gone */
    save("one/a.yaml", "\n");
    file_source_catch_up(t.source);
    assert_true(has("a"));
    WAIT(!has("a"));
    assert_true(clock_mono_ns() - began >= 200000000);
    assert_string_equal(problems(), "");
}

static void a_vanished_file_gets_time_to_return(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    t.changes = 0;
    rename(path_of("one/a.yaml"), path_of("one/a.yaml~"));
    file_source_catch_up(t.source);
    assert_true(has("a"));
    save("one/a.yaml", NS("a"));
    save("one/b.yaml", NS("b"));
    WAIT(has("b"));
    assert_int_equal(t.changes, 1); /* b alone */
    int64_t began = clock_mono_ns();
    unlink(path_of("one/a.yaml"));
    WAIT(!has("a"));
    assert_true(clock_mono_ns() - began >= 200000000);
}

static void a_broken_text_keeps_the_last_good_objects_and_recovers(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    save("one/b.yaml", NS("b"));
    start();
    save("one/a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, lab");
    WAIT(problems()[0]);
    assert_problem("E8001 one/a.yaml:4:1 ");
    assert_problem("last good text stays in force");
    assert_true(has("a"));
    save("one/b.yaml", NS_LABEL("b", "2")); /* the rest goes on */
    WAIT(is_label("b", "2"));
    save("one/a.yaml", NS_LABEL("a", "2"));
    WAIT(is_label("a", "2"));
    assert_string_equal(problems(), "");
}

static void the_old_text_put_back_mends_too(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    save("one/a.yaml", "{");
    WAIT(problems()[0]);
    save("one/a.yaml", NS("a"));
    WAIT(!problems()[0]);
    assert_true(has("a"));
}

static void the_last_good_text_outlives_a_restart(void **state)
{
    (void)state;
    struct stat st;
    save("one/a.yaml", NS_LABEL("a", "1"));
    start();
    save("one/a.yaml", NS_LABEL("a", "2"));
    WAIT(is_label("a", "2"));
    save("one/a.yaml", "a: [");
    WAIT(problems()[0]);
    restart();
    assert_string_equal(label("a"), "2");
    assert_problem("E8001 one/a.yaml:");
    assert_int_equal(stat(path_of("state/last-good"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    save("one/a.yaml", NS_LABEL("a", "3"));
    WAIT(is_label("a", "3") && !problems()[0]);
}

static void a_damaged_last_good_text_is_not_used(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    save("one/a.yaml", "a: [");
    WAIT(problems()[0]);
    assert_int_equal(system(str_fmt(t.arena, "cd %s/last-good && for f in *; do echo '# torn' >> $f; done", t.state).p),
                     0);
    restart();
    assert_false(has("a"));
    assert_problem("nothing of it is used");
}

static void a_file_deleted_for_good_leaves_no_last_good_text(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    restart();
    assert_int_not_equal(rmdir(path_of("state/last-good")), 0);
    unlink(path_of("one/a.yaml"));
    WAIT(!has("a"));
    restart();
    assert_int_not_equal(rmdir(path_of("state")), 0);
    assert_int_equal(rmdir(path_of("state/last-good")), 0); /* empty */
}

static void without_state_dir_the_objects_in_memory_hold(void **state)
{
    (void)state;
    t.opt.state_dir = NULL;
    save("one/a.yaml", NS("a"));
    start();
    save("one/a.yaml", "{");
    WAIT(problems()[0]);
    assert_true(has("a"));
}

static void a_later_folder_wins_and_gives_back(void **state)
{
    (void)state;
    save("one/a.yaml", NS_LABEL("a", "one"));
    save("two/z.yaml", NS_LABEL("a", "two"));
    start();
    assert_string_equal(label("a"), "two");
    assert_string_equal(problems(), "");
    save("one/a.yaml", NS_LABEL("a", "one again"));
    save("one/b.yaml", NS("b"));
    WAIT(has("b"));
    assert_string_equal(label("a"), "two");
    unlink(path_of("two/z.yaml"));
    WAIT(is_label("a", "one again"));
}

static void of_two_in_one_folder_the_first_stays(void **state)
{
    (void)state;
    save("one/b.yaml", NS_LABEL("a", "second"));
    save("one/a.yaml", NS_LABEL("a", "first") "---\n" NS_LABEL("a", "third"));
    start();
    assert_string_equal(label("a"), "first");
    assert_problem("E8002 one/b.yaml:1 [Namespace a] is already given in");
    assert_problem("E8002 one/a.yaml:5 [Namespace a] is already given in");
    unlink(path_of("one/a.yaml"));
    WAIT(is_label("a", "second"));
    assert_string_equal(problems(), "");
}

static void kinds_can_be_passed_over_per_folder(void **state)
{
    (void)state;
    t.opt.skip[0] = (uint64_t)1 << KIND_NAMESPACE;
    save("one/a.yaml", NS("a"));
    save("two/b.yaml", NS("b"));
    start();
    assert_true(!has("a") && has("b"));
    assert_string_equal(problems(), "");
}

static void an_unknown_kind_is_a_warning_and_the_rest_is_used(void **state)
{
    (void)state;
    save("one/a.yaml", "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x, namespace: n}\n---\n" NS("a"));
    start();
    assert_true(has("a"));
    assert_problem("W8010 one/a.yaml:");
    assert_problem("[Thing n/x]");
    /* one of our own in a version that is not read is hardly meant to be ignored */
    save("one/b.yaml", "apiVersion: access.smi-spec.io/v9\nkind: TrafficTarget\nmetadata: {name: x, namespace: n}\n");
    WAIT(strstr(problems(), "E8010 one/b.yaml:"));
}

static void an_object_with_errors_is_absent_and_the_rest_is_used(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a") "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\n"
                               "spec:\n  ports:\n  - port: eighty\n---\n- no\n- object\n");
    start();
    assert_true(has("a"));
    assert_problem("E8000 one/a.yaml:10:");
    assert_problem("[Service n/s] spec.ports[0].port");
}

#define MESH_CONFIG(permissive, life)                                                                                  \
    "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshConfig\n"                                               \
    "metadata: {name: osm-mesh-config, namespace: osm-system}\nspec:\n"                                                \
    "  traffic: {enablePermissiveTrafficPolicyMode: " permissive "}\n"                                                 \
    "  certificate: {serviceCertValidityDuration: " life ", certKeyBitSize: 2048}\n---\n"

static const struct mesh_config *config(void)
{
    return mesh_config_of(store_peek(t.store, KIND_MESH_CONFIG, S("osm-system/osm-mesh-config")));
}

static void an_object_that_gets_errors_stays_as_it_last_was_good(void **state)
{
    (void)state;
    save("one/a.yaml", MESH_CONFIG("true", "24h") NS_LABEL("a", "1"));
    start();
    assert_true(config()->spec.traffic.permissive);
    save("one/a.yaml", MESH_CONFIG("false", "24 hours") NS_LABEL("a", "2"));
    WAIT(is_label("a", "2"));
    assert_true(config()->spec.traffic.permissive);
    assert_problem("the last good one stays in force");
    restart();
    assert_true(config()->spec.traffic.permissive);
    assert_string_equal(label("a"), "2");
    save("one/a.yaml", MESH_CONFIG("false", "24h") NS_LABEL("a", "3"));
    WAIT(is_label("a", "3") && !problems()[0]);
    assert_false(config()->spec.traffic.permissive);
    save("one/a.yaml", NS_LABEL("a", "4"));
    WAIT(is_label("a", "4"));
    assert_null(config());
}

static void a_mesh_config_that_never_was_good_closes_the_mesh(void **state)
{
    (void)state;
    save("one/a.yaml", MESH_CONFIG("true", "24 hours"));
    start();
    assert_non_null(config());
    assert_false(config()->spec.traffic.permissive);
    assert_false(config()->spec.traffic.enable_egress);
    assert_problem("until it is mended: SMI policy, egress off");
    save("one/a.yaml", MESH_CONFIG("true", "24h"));
    WAIT(!problems()[0]);
    assert_true(config()->spec.traffic.permissive);
}

static void a_mesh_config_in_a_file_that_never_parsed_closes_the_mesh(void **state)
{
    (void)state;
    save("one/a.yaml", MESH_CONFIG("true", "24h") "a: [");
    save("one/b.yaml", NS("b"));
    start();
    assert_non_null(config());
    assert_false(config()->spec.traffic.permissive);
    assert_problem("as it speaks of a MeshConfig: SMI policy, egress off");
    assert_true(has("b"));
    save("one/a.yaml", MESH_CONFIG("true", "24h"));
    WAIT(!problems()[0]);
    assert_true(config()->spec.traffic.permissive);
    save("one/a.yaml", MESH_CONFIG("true", "24h") "a: [");
    WAIT(problems()[0]);
    assert_problem("its last good text stays in force");
    assert_true(config()->spec.traffic.permissive);
    save("one/c.yaml", NS("c") "a: [");
    unlink(path_of("one/a.yaml"));
    WAIT(!config());
    assert_problem("nothing of it is used");
}

static void a_large_file_is_a_problem_and_its_last_good_text_stays(void **state)
{
    (void)state;
    enum { SIZE = 10 << 20 };
    save("one/a.yaml", NS("a"));
    start();
    char *big = xmalloc(SIZE);
    memset(big, '#', SIZE);
    save_n("one/a.yaml", big, SIZE);
    WAIT(problems()[0]);
    assert_problem("E8001 one/a.yaml [] ");
    assert_problem("larger than");
    assert_true(has("a"));
    free(big);
    save("one/a.yaml", NS("b"));
    WAIT(has("b") && !has("a") && !problems()[0]);
}

static void deep_nesting_and_nul_are_problems(void **state)
{
    (void)state;
    char deep[2001];
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    save_n("one/deep.yaml", deep, 2000);
    save_n("one/nul.yaml", "apiVersion: v1\nkind: Name\0space\n", 32);
    save("one/a.yaml", NS("a"));
    start();
    assert_true(has("a"));
    assert_problem("E8001 one/deep.yaml:");
    assert_problem("E8001 one/nul.yaml:");
}

static void what_cannot_be_read_is_a_problem(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    assert_int_equal(mkfifo(path_of("one/pipe.yaml"), 0644), 0); /* must not block */
    assert_int_equal(symlink("/nowhere", path_of("one/link.yaml")), 0);
    start();
    assert_true(has("a"));
    assert_problem("E8001 one/pipe.yaml [] not a regular file");
}

static void a_linked_file_is_read(void **state)
{
    (void)state;
    save("outside.yaml", NS("a"));
    start();
    assert_int_equal(symlink("../outside.yaml", path_of("one/link.yaml")), 0);
    WAIT(has("a"));
    save("other", NS("b"));
    assert_int_equal(link(path_of("other"), path_of("one/hard.yaml")), 0);
    WAIT(has("b"));
}

/* Between the event and the reading the file may be gone: then it counts as vanished. */
static void a_file_deleted_before_it_is_read_is_no_problem(void **state)
{
    (void)state;
    start();
    save("one/a.yaml", NS("a"));
    unlink(path_of("one/a.yaml"));
    save("one/b.yaml", NS("b"));
    WAIT(has("b"));
    assert_false(has("a"));
    assert_string_equal(problems(), "");
}

static void what_did_not_change_keeps_its_identity(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a") "---\n" NS("b"));
    start();
    const struct object *a = store_peek(t.store, KIND_NAMESPACE, S("a"));
    t.changes = 0;
    save("one/a.yaml", NS("a") "---\n" NS_LABEL("b", "2"));
    WAIT(is_label("b", "2"));
    assert_ptr_equal(store_peek(t.store, KIND_NAMESPACE, S("a")), a);
    assert_int_equal(t.changes, 1);
    int batches = t.batches;
    save("one/a.yaml", NS("a") "---\n" NS_LABEL("b", "2"));
    file_source_catch_up(t.source);
    assert_int_equal(t.batches, batches);
}

static void an_object_that_moves_to_another_file_stays(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    t.changes = 0;
    save("one/b.yaml", NS("a"));
    unlink(path_of("one/a.yaml"));
    WAIT(str_ends(store_peek(t.store, KIND_NAMESPACE, S("a"))->file, S("b.yaml")));
    assert_int_equal(t.changes, 0);
    assert_string_equal(problems(), "");
}

static void a_folder_that_is_gone_is_a_problem_and_may_come_back(void **state)
{
    (void)state;
    save("one/a.yaml", NS("a"));
    start();
    rename(t.one, path_of("gone"));
    WAIT(!has("a"));
    assert_problem("E8001 one [] the folder is gone");
    rename(path_of("gone"), t.one);
    WAIT(has("a"));
    assert_string_equal(problems(), "");
    save("one/b.yaml", NS("b"));
    WAIT(has("b"));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct err err = {0};
    t.opt.dirs[1] = path_of("none");
    t.source = file_source_new(t.base, t.store, &t.opt, &err);
    assert_null(t.source);
    assert_non_null(strstr(err.text, "/none"));
}

static void warnings_of_objects_are_listed(void **state)
{
    (void)state;
    save("one/a.yaml",
         "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: Retry\nmetadata: {name: r, namespace: n}\n"
         "spec:\n  source: {kind: ServiceAccount, name: s, namespace: n}\n"
         "  destinations: [{kind: Service, name: d, namespace: n}]\n"
         "  retryPolicy: {retryOn: 5xx, perTryTimeout: 1s, numRetries: 2, retryBackoffBaseInterval: 1s}\n  nonsense: "
         "1\n");
    start();
    assert_non_null(store_peek(t.store, KIND_RETRY, S("n/r")));
    assert_problem("W8003 one/a.yaml:8:3 [Retry n/r] spec.nonsense");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_there_at_the_start_is_read),
        T(a_list_is_its_items),
        T(what_a_manifest_leaves_out_is_the_same_in_every_run),
        T(saving_renaming_and_deleting_are_followed),
        T(new_folders_are_followed),
        T(an_emptied_file_gets_time_to_return),
        T(a_vanished_file_gets_time_to_return),
        T(a_broken_text_keeps_the_last_good_objects_and_recovers),
        T(the_old_text_put_back_mends_too),
        T(the_last_good_text_outlives_a_restart),
        T(a_damaged_last_good_text_is_not_used),
        T(a_file_deleted_for_good_leaves_no_last_good_text),
        T(without_state_dir_the_objects_in_memory_hold),
        T(a_later_folder_wins_and_gives_back),
        T(of_two_in_one_folder_the_first_stays),
        T(kinds_can_be_passed_over_per_folder),
        T(an_unknown_kind_is_a_warning_and_the_rest_is_used),
        T(an_object_with_errors_is_absent_and_the_rest_is_used),
        T(an_object_that_gets_errors_stays_as_it_last_was_good),
        T(a_mesh_config_that_never_was_good_closes_the_mesh),
        T(a_mesh_config_in_a_file_that_never_parsed_closes_the_mesh),
        T(a_large_file_is_a_problem_and_its_last_good_text_stays),
        T(deep_nesting_and_nul_are_problems),
        T(what_cannot_be_read_is_a_problem),
        T(a_linked_file_is_read),
        T(a_file_deleted_before_it_is_read_is_no_problem),
        T(what_did_not_change_keeps_its_identity),
        T(an_object_that_moves_to_another_file_stays),
        T(a_folder_that_is_gone_is_a_problem_and_may_come_back),
        T(a_folder_that_is_not_there_is_an_error),
        T(warnings_of_objects_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
