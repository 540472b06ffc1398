#include "envoy/encode.h"

static void policy(struct arena *a, PbCluster *c, const char *name, const ProtobufCMessage *config)
{
    PbExtension *x = NEW(a, Extension);
    x->name = (char *)name;
    x->typed_config = pb_any(a, config);
    PbLbPolicy *m = NEW(a, LbPolicy);
    m->typed_extension_config = x;
    c->load_balancing_policy = NEW(a, LbPolicies);
    PB_ADD(a, c->load_balancing_policy, policies, m);
}

static PbHash *hash(struct arena *a, const struct plan_hash *h)
{
    PbHash *m = NEW(a, Hash);
    if (h->header.n) {
        PB_ONE(m, header, NEW(a, HashHeader));
        m->header->header_name = pb_str(a, h->header);
    } else if (h->cookie.n) {
        PB_ONE(m, cookie, NEW(a, HashCookie));
        m->cookie->name = pb_str(a, h->cookie);
        m->cookie->path = pb_str(a, h->cookie_path);
        if (h->cookie_ttl_ns) m->cookie->ttl = pb_duration(a, h->cookie_ttl_ns);
    } else {
        PB_ONE(m, connection_properties, NEW(a, HashConnection));
        m->connection_properties->source_ip = true;
    }
    return m;
}

/* What is hashed stands in the cluster and not in routes: a split's root then needs to know nothing of it. */
static void by_hash(struct arena *a, PbCluster *c, const struct plan_hash *h)
{
    PbMaglev *m = NEW(a, Maglev);
    m->consistent_hashing_lb_config = NEW(a, HashLb);
    PB_ADD(a, m->consistent_hashing_lb_config, hash_policy, hash(a, h));
    policy(a, c, "envoy.load_balancing_policies.maglev", &m->base);
}

/* All calls stay in the caller's zone as long as one endpoint there is fit. */
static void by_zone(struct arena *a, PbCluster *c)
{
    PbZoneLb *zone = NEW(a, ZoneLb);
    zone->min_cluster_size = pb_u64(a, 1);
    zone->force_local_zone = NEW(a, ForceZone);
    zone->force_local_zone->min_size = pb_u32(a, 1);
    PbRoundRobin *m = NEW(a, RoundRobin);
    m->locality_lb_config = NEW(a, LocalityLb);
    PB_ONE(m->locality_lb_config, zone_aware_lb_config, zone);
    policy(a, c, "envoy.load_balancing_policies.round_robin", &m->base);
}

/* Envoy would also leave out who is merely worse than the others; here only errors in a row count. */
static void eject(struct arena *a, PbCluster *c, const struct plan_ejection *p)
{
    PbOutlier *m = NEW(a, Outlier);
    m->consecutive_5xx = pb_u32(a, (uint32_t)p->errors);
    m->interval = pb_duration(a, p->interval_ns);
    m->base_ejection_time = pb_duration(a, p->time_ns);
    m->max_ejection_percent = pb_u32(a, (uint32_t)p->max_percent);
    m->enforcing_success_rate = pb_u32(a, 0);
    c->outlier_detection = m;
    c->common_lb_config = NEW(a, CommonLb);
    c->common_lb_config->healthy_panic_threshold = NEW(a, Percent);
    c->common_lb_config->healthy_panic_threshold->value = (double)p->min_healthy_percent;
}

void encode_balance(struct arena *a, PbCluster *c, const struct plan_balance *b)
{
    if (b->ejection) eject(a, c, b->ejection);
    if (c->type == ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DISCOVERY_TYPE__ORIGINAL_DST) return;
    if (b->hash)
        by_hash(a, c, b->hash);
    else if (b->zone)
        by_zone(a, c);
}
