#include "mesh/platform.h"

#include "base/names.h"

static const struct field fields[] = {
    FIELD(struct mesh_platform, service_ranges, "serviceRanges", F_STRS),
    FIELD(struct mesh_platform, pod_ranges, "podRanges", F_STRS),
    FIELD(struct mesh_platform, trust_domain, "trustDomain", F_STR),
    FIELD(struct mesh_platform, system_ns, "systemNamespace", F_STR),
    FIELD(struct mesh_platform, mesh, "mesh", F_STR),
    FIELD(struct mesh_platform, is_closed, "closed", F_BOOL),
};
const struct table mesh_platform_table = TABLE("Platform", struct mesh_platform, fields);
const struct cell_kind mesh_platform_cell = {"platform", &mesh_platform_table, NULL};

static struct str local_services[] = {S_INIT("10.96.0.0/12")}, local_pods[] = {S_INIT("10.244.0.0/16")};
const struct mesh_platform mesh_platform_local = {
    .service_ranges = {local_services, 1},
    .pod_ranges = {local_pods, 1},
    .trust_domain = S_INIT(NAME_TRUST_DOMAIN),
    .system_ns = S_INIT(NAME_SYSTEM_NAMESPACE),
    .mesh = S_INIT(NAME_MESH),
};

static void release(void *arena) { arena_free(arena); }

void mesh_platform_set(struct sheet *s, const struct mesh_platform *p)
{
    struct arena *a = arena_new();
    struct mesh_platform *copy = arena_make(a, struct mesh_platform);
    table_copy(&mesh_platform_table, p, a, copy);
    struct hasher h;
    hasher_init(&h);
    table_hash(&mesh_platform_table, p, &h);
    sheet_input(s, &mesh_platform_cell, STR_NULL, copy, hasher_end(&h), release, a);
}

const struct mesh_platform *mesh_platform(struct cell *c)
{
    const struct mesh_platform *p = sheet_read(c, &mesh_platform_cell, STR_NULL);
    return p ? p : &mesh_platform_local;
}

struct str mesh_spiffe(struct cell *c, struct arena *a, struct str account)
{
    struct str ns, sa;
    key_split(account, &ns, &sa);
    return spiffe_id(a, mesh_platform(c)->trust_domain, ns, sa);
}
