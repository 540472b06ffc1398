/* errcode.h - the one table of error codes; `osm support error-info` prints it.
 *
 * E1000-E7999 keep the meaning they had in the archived project; ours start at E8000. */
#pragma once
#include "base/str.h"

struct errcode {
    int code;                 /* printed as E%04d */
    const char *title, *text; /* one line; what it means and what to do */
};

enum {
    E_EGRESS_CONFLICT = 2000, /* two Egresses want different things of one port and address */
    E_EGRESS_RANGE = 2002,    /* an address range of an Egress that opens nothing */
    E_EGRESS_GROUP_ABSENT = 2004,
    E_SPLIT_CONFLICT = 2007,     /* several splits for one root */
    E_ROUTE_GROUP_ABSENT = 2005, /* a TrafficTarget names an HTTPRouteGroup that is not there */
    E_NO_MATCHES = 2006,
    E_SOURCE_KIND = 2011,
    E_DESTINATION_KIND = 2010,
    E_ROOT_ROLES = 4019, /* roles of MeshRootCertificates that do not fit together */
    E_ROOTS_MANY = 4020,
    E_BAD_OBJECT = 8000, /* an object does not decode or validate; it counts as absent */
    E_BAD_FILE = 8001,   /* a file does not parse; its last good text stays in force */
    E_DUPLICATE = 8002,  /* the same object twice; the first stays */
    E_UNKNOWN_FIELD = 8003,
    E_NOT_ENFORCED = 8004,  /* decoded and validated, not carried out yet */
    E_ABSENT = 8005,        /* a reference to something that is not there */
    E_CONFLICT = 8006,      /* two objects contradict; the older one holds */
    E_PROXY_REFUSED = 8007, /* an Envoy refused a resource (NACK) */
    E_BAD_REGEX = 8008,
    E_TARGET_NAMESPACE = 8009, /* a TrafficTarget whose namespace is not its destination's */
    E_UNKNOWN_KIND = 8010,
    E_NOT_IN_MESH = 8011, /* a pod that is not in the mesh, and why */
    E_PROTOCOL = 8012,    /* a port's protocol is not one we carry */
    E_POD_FAILED = 8013,  /* local platform: a pod cannot be started, and why */
    E_KUBERNETES = 8030,  /* the Kubernetes API does not answer as it should; what is known stays in force */
};

/* NULL when unknown. */
const struct errcode *errcode_get(int code);
/* The whole table in ascending order; |n| gets its length. */
const struct errcode *errcode_table(size_t *n);
/* Counts one occurrence in osm_error_err_code_count{err_code}; any thread. The first makes the metric known. */
void errcode_count_init(void);
void errcode_count(int code);
