/* pod_volume.h - volumes of a pod. */
#pragma once
#include "kinds/pod_container.h"

/* One file in a volume. */
struct kube_volume_item {
    struct str key, path; /* path: relative, without ".." */
    struct opt_int mode;
};
struct kube_empty_dir {
    struct str medium, size_limit;
};
/* configMap or secret; all keys unless |items|. */
struct kube_keyed_volume {
    struct str name; /* configMap.name or secret.secretName */
    LIST(struct kube_volume_item) items;
    struct opt_int default_mode; /* not set: 0644 */
    bool optional;
};
struct kube_downward_item {
    struct str path;
    struct kube_field_ref *field;
    struct kube_resource_field_ref *resource;
    struct opt_int mode;
};
struct kube_downward_volume {
    LIST(struct kube_downward_item) items;
    struct opt_int default_mode;
};
struct kube_token_source {
    struct str audience; /* empty: the API server's */
    int64_t expiration_s;
    struct str path;
};
struct kube_projected_source {                     /* exactly one */
    struct kube_keyed_volume *config_map, *secret; /* both by .name here */
    struct kube_downward_volume *downward;
    struct kube_token_source *token;
};
struct kube_projected_volume {
    LIST(struct kube_projected_source) sources;
    struct opt_int default_mode;
};
struct kube_claim_volume {
    struct str claim;
    bool read_only;
};
struct kube_host_path {
    struct str path, type;
};
struct kube_volume { /* exactly one; all NULL: a kind of volume that is not read */
    struct str name;
    struct kube_empty_dir *empty_dir;
    struct kube_keyed_volume *config_map, *secret;
    struct kube_downward_volume *downward;
    struct kube_projected_volume *projected;
    struct kube_claim_volume *claim;
    struct kube_host_path *host_path;
};
extern const struct table kube_volume_table;
