#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "kube/config.h"

enum { MAX_FILE = 4 << 20, MAX_NAMESPACE = 256 };

struct kube_config_options kube_config_options_of_env(void)
{
    return (struct kube_config_options){.env_list = getenv("KUBECONFIG"),
                                        .home = getenv("HOME"),
                                        .host = getenv("KUBERNETES_SERVICE_HOST"),
                                        .port = getenv("KUBERNETES_SERVICE_PORT")};
}

/* In a list, a file that is not there is passed over; one that was named alone must be there. */
static bool add_file(struct arena *a, struct str path, bool must_exist, struct kube_config_files *l, struct err *err)
{
    SCOPED_BUF struct buf text = {0};
    const char *name = str_c(a, path);
    if (!must_exist && access(name, F_OK) != 0 && errno == ENOENT) return true;
    if (!file_read(name, MAX_FILE, &text, err)) return false;
    list_push(a, l, ((struct kube_config_file){str_dup(a, path), str_dup(a, buf_view(&text))}));
    return true;
}

static bool add_list(struct arena *a, struct str list, struct kube_config_files *l, struct err *err)
{
    while (list.p) {
        struct str path = str_cut(&list, ':');
        if (path.n && !add_file(a, path, false, l, err)) return false;
    }
    return true;
}

static bool find_files(const struct kube_config_options *o, struct arena *a, struct kube_config_files *l,
                       struct err *err)
{
    if (o->kubeconfig) return add_file(a, str_of(o->kubeconfig), true, l, err);
    if (o->env_list && *o->env_list) return add_list(a, str_of(o->env_list), l, err);
    return !o->home || add_file(a, str_fmt(a, "%s/.kube/config", o->home), false, l, err);
}

static void copy_options_name(const struct kube_config_options *o, struct err *err)
{
    if (o->env_list && *o->env_list)
        err_set(err, "none of the files of KUBECONFIG=%s is there, and this is no pod", o->env_list);
    else
        err_set(err,
                "there is no kubeconfig (%s/.kube/config) and this is no pod; give --kubeconfig FILE or set KUBECONFIG",
                o->home ? o->home : "~");
}

bool kube_config_load(const struct kube_config_options *opt, struct arena *a, struct kube_config *out, struct err *err)
{
    struct kube_config_files files = {0};
    if (!find_files(opt, a, &files, err)) return false;
    if (files.n) return kube_config_merge(files, str_of(opt->context), a, out, err);
    if (opt->host && *opt->host) return kube_config_load_pod(opt, a, out, err);
    copy_options_name(opt, err);
    return false;
}

static struct str read_namespace(struct arena *a, const char *dir)
{
    SCOPED_BUF struct buf text = {0};
    struct err ignored = {0};
    if (!file_read(str_c(a, str_fmt(a, "%s/namespace", dir)), MAX_NAMESPACE, &text, &ignored)) return S("default");
    struct str ns = str_trim(buf_view(&text));
    return is_dns_label(ns) ? str_dup(a, ns) : S("default");
}

bool kube_config_load_pod(const struct kube_config_options *opt, struct arena *a, struct kube_config *out,
                          struct err *err)
{
    const char *dir = opt->pod_dir ? opt->pod_dir : KUBE_POD_DIR;
    const char *port = opt->port && *opt->port ? opt->port : "443";
    if (!opt->host || !*opt->host)
        return err_set(err, "this is no pod: KUBERNETES_SERVICE_HOST is not set; give --kubeconfig FILE");
    bool is_v6 = str_find(str_of(opt->host), ':') >= 0;
    *out = (struct kube_config){.from = S("the pod's service account"), .ns = read_namespace(a, dir)};
    out->server = str_fmt(a, is_v6 ? "https://[%s]:%s" : "https://%s:%s", opt->host, port);
    out->token_file = str_fmt(a, "%s/token", dir);
    out->roots_file = str_fmt(a, "%s/ca.crt", dir);
    if (access(out->token_file.p, R_OK) == 0) return true;
    return err_errno(err, errno, "%s: the pod has no token of its service account (automountServiceAccountToken?)",
                     out->token_file.p);
}
