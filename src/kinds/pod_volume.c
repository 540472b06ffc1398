#include "kinds/pod_volume.h"

#define F(T, m, name, type, ...)   FIELD(struct kube_##T, m, name, type, __VA_ARGS__)
#define T(name, type, fields, ...) TABLE(name, struct kube_##type, fields, __VA_ARGS__)
#define MODE                       .min = 0, .max = 0777

extern const struct table kube_field_ref_table, kube_resource_field_ref_table;

/* A path below the volume: what leads out of it is refused. */
static bool stays_inside(struct str path)
{
    if (path.n == 0 || path.p[0] == '/') return false;
    while (path.p)
        if (str_is(str_cut(&path, '/'), "..")) return false;
    return true;
}

static void check_path(struct str path, struct arena *a, struct problems *out)
{
    if (!stays_inside(path)) problem_add(a, out, true, NULL, S("path"), "must be a relative path without \"..\"");
}

static void check_item(const void *v, struct arena *a, struct problems *out)
{
    check_path(((const struct kube_volume_item *)v)->path, a, out);
}
static const struct field item_fields[] = {
    F(volume_item, key, "key", F_STR, .flags = FIELD_REQUIRED, .doc = "The key."),
    F(volume_item, path, "path", F_STR, .flags = FIELD_REQUIRED, .doc = "The file, relative to the volume."),
    F(volume_item, mode, "mode", F_OPT_INT, MODE, .doc = "Its permissions."),
};
static const struct table item_table =
    T("KeyToPath", volume_item, item_fields, .check = check_item, .doc = "One file of a volume.");

static const struct field empty_dir_fields[] = {
    F(empty_dir, medium, "medium", F_STR, .doc = "Memory for a directory in memory."),
    F(empty_dir, size_limit, "sizeLimit", F_QUANTITY, .doc = "The most it may hold."),
};
static const struct table empty_dir_table =
    T("EmptyDirVolumeSource", empty_dir, empty_dir_fields, .doc = "An empty directory that lives as long as the pod.");

#define KEYED_FIELDS(name_of)                                                                                          \
    {                                                                                                                  \
        F(keyed_volume, name, name_of, F_STR, .doc = "Name of the object."),                                           \
            F(keyed_volume, items, "items", F_LIST, .sub = &item_table,                                                \
              .doc = "Which keys, and as which files; all when absent."),                                              \
            F(keyed_volume, default_mode, "defaultMode", F_OPT_INT, MODE,                                              \
              .doc = "Permissions of the files; 0644 when absent."),                                                   \
            F(keyed_volume, optional, "optional", F_BOOL, .doc = "Whether it may be absent."),                         \
    }
static const struct field by_name_fields[] = KEYED_FIELDS("name"), by_secret_name_fields[] = KEYED_FIELDS("secretName");
static const struct table config_map_table =
    T("ConfigMapVolumeSource", keyed_volume, by_name_fields, .doc = "The keys of a ConfigMap as files.");
static const struct table secret_table =
    T("SecretVolumeSource", keyed_volume, by_secret_name_fields, .doc = "The keys of a Secret as files.");
static const struct table secret_projection_table =
    T("SecretProjection", keyed_volume, by_name_fields, .doc = "The keys of a Secret as files.");

static void check_downward(const void *v, struct arena *a, struct problems *out)
{
    check_path(((const struct kube_downward_item *)v)->path, a, out);
}
static const struct field downward_item_fields[] = {
    F(downward_item, path, "path", F_STR, .flags = FIELD_REQUIRED, .doc = "The file, relative to the volume."),
    F(downward_item, field, "fieldRef", F_OBJ, .sub = &kube_field_ref_table, .doc = "A field of the pod itself."),
    F(downward_item, resource, "resourceFieldRef", F_OBJ, .sub = &kube_resource_field_ref_table,
      .doc = "A limit or request of a container."),
    F(downward_item, mode, "mode", F_OPT_INT, MODE, .doc = "The file's permissions."),
};
static const struct table downward_item_table = T("DownwardAPIVolumeFile", downward_item, downward_item_fields,
                                                  .check = check_downward, .doc = "A fact about the pod as a file.");
static const struct field downward_fields[] = {
    F(downward_volume, items, "items", F_LIST, .sub = &downward_item_table, .doc = "The files."),
    F(downward_volume, default_mode, "defaultMode", F_OPT_INT, MODE,
      .doc = "Permissions of the files; 0644 when absent."),
};
static const struct table downward_table =
    T("DownwardAPIVolumeSource", downward_volume, downward_fields, .doc = "Facts about the pod as files.");

static void check_token(const void *v, struct arena *a, struct problems *out)
{
    check_path(((const struct kube_token_source *)v)->path, a, out);
}
static const struct field token_fields[] = {
    F(token_source, audience, "audience", F_STR, .doc = "For whom the token is; the API server when absent."),
    F(token_source, expiration_s, "expirationSeconds", F_INT, .min = 600, .max = 1LL << 32, .def = "3600",
      .doc = "Seconds it is good for."),
    F(token_source, path, "path", F_STR, .flags = FIELD_REQUIRED, .doc = "The file, relative to the volume."),
};
static const struct table token_table =
    T("ServiceAccountTokenProjection", token_source, token_fields, .check = check_token,
      .doc = "A token of the pod's service account as a file.");

static const struct field source_fields[] = {
    F(projected_source, config_map, "configMap", F_OBJ, .sub = &config_map_table, .doc = "The keys of a ConfigMap."),
    F(projected_source, secret, "secret", F_OBJ, .sub = &secret_projection_table, .doc = "The keys of a Secret."),
    F(projected_source, downward, "downwardAPI", F_OBJ, .sub = &downward_table, .doc = "Facts about the pod."),
    F(projected_source, token, "serviceAccountToken", F_OBJ, .sub = &token_table,
      .doc = "A token of the pod's service account."),
};
static const struct table source_table =
    T("VolumeProjection", projected_source, source_fields, .doc = "One source of a projected volume.");
static const struct field projected_fields[] = {
    F(projected_volume, sources, "sources", F_LIST, .sub = &source_table, .doc = "The sources, laid over each other."),
    F(projected_volume, default_mode, "defaultMode", F_OPT_INT, MODE,
      .doc = "Permissions of the files; 0644 when absent."),
};
static const struct table projected_table =
    T("ProjectedVolumeSource", projected_volume, projected_fields, .doc = "Several sources in one volume.");

static const struct field claim_fields[] = {
    F(claim_volume, claim, "claimName", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Name of the claim."),
    F(claim_volume, read_only, "readOnly", F_BOOL, .doc = "Whether it cannot be written."),
};
static const struct table claim_table =
    T("PersistentVolumeClaimVolumeSource", claim_volume, claim_fields, .doc = "A kept volume.");

static const struct field host_path_fields[] = {
    F(host_path, path, "path", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
      .doc = "The directory or file on the node."),
    F(host_path, type, "type", F_STR, .doc = "What it must be."),
};
static const struct table host_path_table =
    T("HostPathVolumeSource", host_path, host_path_fields, .doc = "A directory or file of the node.");

static const struct field volume_fields[] = {
    F(volume, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Name that mounts use."),
    F(volume, empty_dir, "emptyDir", F_OBJ, .sub = &empty_dir_table, .doc = "An empty directory."),
    F(volume, config_map, "configMap", F_OBJ, .sub = &config_map_table, .doc = "The keys of a ConfigMap as files."),
    F(volume, secret, "secret", F_OBJ, .sub = &secret_table, .doc = "The keys of a Secret as files."),
    F(volume, downward, "downwardAPI", F_OBJ, .sub = &downward_table, .doc = "Facts about the pod as files."),
    F(volume, projected, "projected", F_OBJ, .sub = &projected_table, .doc = "Several sources in one volume."),
    F(volume, claim, "persistentVolumeClaim", F_OBJ, .sub = &claim_table, .doc = "A kept volume."),
    F(volume, host_path, "hostPath", F_OBJ, .sub = &host_path_table, .doc = "A directory or file of the node."),
};

static void check_volume(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_volume *x = v;
    int n =
        !!x->empty_dir + !!x->config_map + !!x->secret + !!x->downward + !!x->projected + !!x->claim + !!x->host_path;
    if (n > 1) problem_add(a, out, true, NULL, S(""), "must be of one type only");
}
const struct table kube_volume_table =
    T("Volume", volume, volume_fields, .check = check_volume, .doc = "Files for containers.");
