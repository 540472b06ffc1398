/* config.h - where the Kubernetes API is and how we say who we are: one context of a kubeconfig, or the pod's own
 * service account.
 *
 * Everything that kubectl accepts is read: client certificates as data or file, token, tokenFile, user and password,
 * exec plugins, impersonation, several contexts, several files merged, paths relative to their file,
 * insecure-skip-tls-verify, tls-server-name, proxy-url. auth-provider, which Kubernetes removed, is refused by a
 * sentence. Files named here are read by credentials.h when they are needed, as they change while we run. */
#pragma once
#include "base/field.h"

/* Where a pod finds itself: token, ca.crt and namespace. */
#define KUBE_POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct kube_exec {
    struct str command; /* as found in PATH, or a path */
    struct strs args;
    struct kvs env;         /* added to ours */
    struct str api_version; /* client.authentication.k8s.io/v1 or v1beta1 */
    struct str install_hint;
    bool gives_cluster; /* provideClusterInfo */
    bool asks_always;   /* interactiveMode: Always: refused where there is no terminal */
};

/* Texts are empty and pointers NULL when not given. */
struct kube_config {
    struct str from;    /* for messages: the file, or "the pod's service account" */
    struct str context; /* its name; empty in a pod */
    struct str server;  /* "https://10.0.0.1:6443", perhaps with a path, without a "/" at its end */
    struct str ns;      /* the context's namespace, the pod's own, or "default" */
    struct str tls_server_name, proxy_url;
    bool no_verify;                /* insecure-skip-tls-verify */
    struct str roots, roots_file;  /* PEM of certificate-authority-data; else its file, read again as it changes */
    struct str cert, cert_file;    /* client certificate */
    struct str key, key_file;      /* its key */
    struct str token, token_file;  /* the file wins and is read again as it changes */
    struct str username, password; /* basic authentication */
    struct str as_user, as_uid;    /* impersonation */
    struct strs as_groups;
    const struct kube_exec *exec;
};

struct kube_config_options {
    const char *kubeconfig; /* one file; NULL: the files of |env_list| */
    const char *env_list;   /* $KUBECONFIG: files separated by ":", of which the first that says something wins and
                               those that are not there are passed over; NULL or "": |home|/.kube/config */
    const char *home;
    const char *context;     /* NULL: current-context */
    const char *pod_dir;     /* NULL: KUBE_POD_DIR */
    const char *host, *port; /* $KUBERNETES_SERVICE_HOST and _PORT */
};
/* From the environment: KUBECONFIG, HOME, KUBERNETES_SERVICE_HOST and _PORT. */
struct kube_config_options kube_config_options_of_env(void);
/* For verbs: the kubeconfig, or, where there is none and this is a pod, the pod's own account. Copies into |a|. An
 * error is one sentence that names file and field. */
MUST bool kube_config_load(const struct kube_config_options *opt, struct arena *a, struct kube_config *out,
                           struct err *err);
/* The pod's own account, whatever kubeconfig there is. */
MUST bool kube_config_load_pod(const struct kube_config_options *opt, struct arena *a, struct kube_config *out,
                               struct err *err);

/* One file of the form kubeconfig, for untrusted bytes; |files| is merged in order. */
struct kube_config_file {
    struct str path, text;
};
struct kube_config_files {
    struct kube_config_file *v;
    size_t n;
};
/* Pure. |context| empty: current-context. */
MUST bool kube_config_merge(struct kube_config_files files, struct str context, struct arena *a,
                            struct kube_config *out, struct err *err);
