/* Kubeconfigs: every form, merged files, and one sentence for each mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "kube/config.h"
#include "kube/exec.h"

#define HEAD    "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
#define CONTEXT "contexts: [{name: a, context: {cluster: c, user: u}}]\n"
#define CLUSTER "clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443/'}}]\n"
#define USER(x) "users: [{name: u, user: {" x "}}]\n"

struct world {
    struct arena *a;
    struct kube_config c;
    struct err err;
};

static int setup(void **state)
{
    struct world *w = *state = xcalloc(1, sizeof *w);
    w->a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    arena_free(w->a);
    free(w);
    return 0;
}

static bool merge(struct world *w, const char *context, const char *const texts[])
{
    struct kube_config_files files = {0};
    for (size_t i = 0; texts[i]; i++)
        list_push(w->a, &files, ((struct kube_config_file){str_fmt(w->a, "/etc/kube/%zu.yaml", i), str_of(texts[i])}));
    err_clear(&w->err);
    return kube_config_merge(files, str_of(context), w->a, &w->c, &w->err);
}

static bool one(struct world *w, const char *text) { return merge(w, NULL, (const char *const[]){text, NULL}); }

static void assert_str(struct str s, const char *want)
{
    char text[512];
    snprintf(text, sizeof text, "%.*s", STR_FMT(s));
    assert_string_equal(text, want);
}

static void a_token_and_data(void **state)
{
    struct world *w = *state;
    assert_true(one(w, HEAD CONTEXT "clusters: [{name: c, cluster: {server: 'https://[::1]:6443', "
                                    "certificate-authority-data: aGVsbG8=, certificate-authority: ignored, "
                                    "tls-server-name: kubernetes, proxy-url: 'http://p:3128'}}]\n" USER("token: abc")));
    assert_str(w->c.server, "https://[::1]:6443");
    assert_str(w->c.roots, "hello");
    assert_int_equal(w->c.roots_file.n, 0);
    assert_str(w->c.tls_server_name, "kubernetes");
    assert_str(w->c.proxy_url, "http://p:3128");
    assert_str(w->c.token, "abc");
    assert_str(w->c.ns, "default");
    assert_str(w->c.context, "a");
}

static void paths_are_relative_to_their_file(void **state)
{
    struct world *w = *state;
    assert_true(one(w, HEAD CONTEXT
                    "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: pki/ca}}]\n" USER(
                        "client-certificate: ./c.pem, client-key: /abs/k.pem, tokenFile: t")));
    assert_str(w->c.roots_file, "/etc/kube/pki/ca");
    assert_str(w->c.cert_file, "/etc/kube/./c.pem");
    assert_str(w->c.key_file, "/abs/k.pem");
    assert_str(w->c.token_file, "/etc/kube/t");
}

static void the_first_of_merged_files_wins(void **state)
{
    struct world *w = *state;
    const char *const texts[] = {
        "contexts: [{name: b, context: {cluster: c2, user: u, namespace: shop}}]\n", "",
        HEAD CONTEXT CLUSTER USER("token: first") "preferences: {}\nextensions: []\n",
        "current-context: b\nclusters: [{name: c2, cluster: {server: 'http://localhost:8001'}}]\n" USER(
            "token: second"),
        NULL};
    assert_true(merge(w, NULL, texts));
    assert_str(w->c.server, "https://10.0.0.1:6443");
    assert_true(merge(w, "b", texts));
    assert_str(w->c.server, "http://localhost:8001");
    assert_str(w->c.token, "first");
    assert_str(w->c.ns, "shop");
}

static void an_exec_plugin_and_impersonation(void **state)
{
    struct world *w = *state;
    assert_true(
        one(w, HEAD CONTEXT CLUSTER USER(
                   "as: jane, as-uid: '7', as-groups: [x, y], exec: {apiVersion: client.authentication.k8s.io/v1, "
                   "command: bin/login, args: [get-token], env: [{name: A, value: b}], provideClusterInfo: true, "
                   "interactiveMode: IfAvailable, installHint: get it}")));
    assert_str(w->c.exec->command, "/etc/kube/bin/login");
    assert_str(w->c.exec->args.v[0], "get-token");
    assert_str(w->c.exec->env.v[0].value, "b");
    assert_true(w->c.exec->gives_cluster);
    assert_false(w->c.exec->asks_always);
    assert_str(w->c.as_user, "jane");
    assert_int_equal(w->c.as_groups.n, 2);
    char *info = exec_info(&w->c);
    assert_non_null(strstr(info, "\"server\":\"https://10.0.0.1:6443\""));
    free(info);
}

static void every_mistake_is_one_sentence(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a: [", "/etc/kube/0.yaml:2:1: "},
        {"- x", "not a kubeconfig"},
        {"", "there is no current-context"},
        {"current-context: z\n" CONTEXT, "there is no context \"z\" (there are: a)"},
        {HEAD "contexts: [{name: a, context: {cluster: gone, user: u}}]",
         "names the cluster \"gone\", which is not there"},
        {HEAD CONTEXT CLUSTER, "names the user \"u\", which is not there"},
        {HEAD CONTEXT "clusters: [{name: c, cluster: {}}]\n" USER(""), "write https://HOST:PORT"},
        {HEAD CONTEXT "clusters: [{name: c, cluster: {server: 10.0.0.1}}]\n" USER(""), "write https://HOST:PORT"},
        {HEAD CONTEXT "clusters: [{name: c, cluster: {server: 'https://a b'}}]\n" USER(""), "is not an address"},
        {HEAD CONTEXT
         "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority-data: '!'}}]\n" USER(""),
         "clusters[0].cluster.certificate-authority-data"},
        {HEAD CONTEXT "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: x, "
                      "insecure-skip-tls-verify: true}}]\n" USER(""),
         "both insecure-skip-tls-verify and a certificate-authority"},
        {HEAD CONTEXT "clusters: [{name: c, cluster: {server: 'https://h', insecure-skip-tls-verify: perhaps}}]\n",
         "/etc/kube/0.yaml:5:"},
        {HEAD CONTEXT CLUSTER USER("client-certificate: x"), "a client-certificate without a client-key"},
        {HEAD CONTEXT CLUSTER USER("client-key: x"), "a client-key without a client-certificate"},
        {HEAD CONTEXT CLUSTER USER("auth-provider: {name: gcp}"), "auth-provider, which Kubernetes removed"},
        {HEAD CONTEXT CLUSTER USER("as-groups: [x]"), "as-uid or as-groups without as"},
        {HEAD CONTEXT CLUSTER USER("token: \"a\\r\\nX: y\""), "line break"},
        {HEAD CONTEXT CLUSTER USER("exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"),
         "write client.authentication.k8s.io/v1"},
        {HEAD CONTEXT CLUSTER USER("exec: {apiVersion: client.authentication.k8s.io/v1}"), "command"},
        {HEAD "contexts: [{name: a, context: {cluster: c, user: u, namespace: 'A/b'}}]\n" CLUSTER USER(""),
         "which cannot be a name"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = one(w, cases[i].text);
        if (ok || !strstr(w->err.text, cases[i].says) || !strstr(w->err.text, "/etc/kube/0.yaml"))
            fail_msg("case %zu says: %s", i, w->err.text);
        assert_null(strchr(w->err.text, '\n'));
    }
}

/* ---- files ---- */

static void write_file(struct world *w, const char *dir, const char *name, const char *text)
{
    assert_true(file_write_atomic(str_c(w->a, str_fmt(w->a, "%s/%s", dir, name)), str_of(text), 0600, &w->err));
}

static void files_are_found_as_kubectl_finds_them(void **state)
{
    struct world *w = *state;
    char dir[] = "/tmp/osm-kubeconfig-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct str list = str_fmt(w->a, "%s/absent:%s/one", dir, dir);
    write_file(w, dir, "one", HEAD CONTEXT CLUSTER USER("token: abc"));
    struct kube_config_options o = {.env_list = list.p, .home = dir};
    assert_true(kube_config_load(&o, w->a, &w->c, &w->err));
    o = (struct kube_config_options){.kubeconfig = str_fmt(w->a, "%s/absent", dir).p, .env_list = list.p};
    assert_false(kube_config_load(&o, w->a, &w->c, &w->err));
    o = (struct kube_config_options){.home = dir};
    assert_false(kube_config_load(&o, w->a, &w->c, &w->err));
    assert_non_null(strstr(w->err.text, "--kubeconfig FILE"));
    /* in a pod */
    o.host = "fd00::1", o.port = "6443", o.pod_dir = dir;
    assert_false(kube_config_load(&o, w->a, &w->c, &w->err));
    assert_non_null(strstr(w->err.text, "token"));
    write_file(w, dir, "token", "t");
    write_file(w, dir, "namespace", "osm-system\n");
    assert_true(kube_config_load(&o, w->a, &w->c, &w->err));
    assert_str(w->c.server, "https://[fd00::1]:6443");
    assert_str(w->c.ns, "osm-system");
    assert_true(tree_remove(dir, &w->err));
}

static void what_a_plugin_prints(void **state)
{
    struct world *w = *state;
    struct str v1 = S("client.authentication.k8s.io/v1");
    struct exec_credential c;
#define CREDENTIAL(status)                                                                                             \
    "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":" status "}"
    assert_true(exec_credential_read(
        S(CREDENTIAL("{\"token\":\"x\",\"expirationTimestamp\":\"2026-01-01T00:00:00Z\"}")), v1, w->a, &c, &w->err));
    assert_str(c.token, "x");
    assert_int_equal(c.expires, 1767225600);
    const char *const bad[] = {"",
                               "hello",
                               "{}",
                               CREDENTIAL("{}"),
                               CREDENTIAL("{\"clientKeyData\":\"k\"}"),
                               CREDENTIAL("{\"token\":\"x\",\"expirationTimestamp\":\"soon\"}"),
                               "{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(exec_credential_read(str_of(bad[i]), v1, w->a, &c, &w->err));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_token_and_data),
        T(paths_are_relative_to_their_file),
        T(the_first_of_merged_files_wins),
        T(an_exec_plugin_and_impersonation),
        T(every_mistake_is_one_sentence),
        T(files_are_found_as_kubectl_finds_them),
        T(what_a_plugin_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
