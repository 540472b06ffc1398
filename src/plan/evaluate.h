/* evaluate.h - would this call be allowed, and by which rule: the answer that Envoy gives, from the same plans.
 *
 * Used by `osm policy check-pods` and compared with the real Envoy in tests. */
#pragma once
#include "plan/plan.h"

struct evaluate_request {
    struct str client, server; /* workloads (mesh_pod.workload) of the calling and of the called pod */
    struct str service;        /* "ns/svc" that the caller dials */
    int64_t port;              /* its port; of a headless Service the pod's own */
    /* HTTP and gRPC only */
    struct str method;    /* empty: GET */
    struct str path;      /* as sent, query included; empty: "/" */
    struct str authority; /* the Host */
    struct kvs headers;   /* as sent: any case, a name may repeat */
};

/* A call to something outside the mesh. */
struct evaluate_egress_request {
    struct evaluate_request call; /* client, port; of http: method, path, headers, and the authority without port */
    struct str address;           /* that is dialled; empty: not known, so that of a name which no range holds */
    int64_t spoken;               /* enum evaluate_spoken */
    struct str server_name;       /* TLS: the SNI */
};
enum evaluate_spoken { SPOKEN_HTTP, SPOKEN_TLS, SPOKEN_OTHER };

enum evaluate_verdict {
    EVALUATE_ALLOWED,
    EVALUATE_DENIED,     /* HTTP 403 by the server's proxy; or part of a split that the caller may not reach */
    EVALUATE_BAD_PATH,   /* HTTP 400: the path cannot be judged */
    EVALUATE_CLOSED,     /* the connection is closed */
    EVALUATE_NO_BACKEND, /* HTTP 503 or closed: no such way leads to this server */
};
struct evaluate_answer {
    enum evaluate_verdict verdict;
    bool by_client;    /* decided by the caller's own proxy: no byte leaves its pod */
    struct str rule;   /* the rule that allows: "<ns>/<target>/<group>/<match>", "permissive", or empty */
    struct str origin; /* the objects that decided */
    struct str path;   /* HTTP: the path that policy judged and the application receives, without query */
    struct str text;   /* one sentence for people */
};

/* The server's half: one chain of its inbound plan (NULL: there is none), a caller with SPIFFE id |principal|. Of
 * several rules that fit, the first in the plan's order is named. Texts in |a| or borrowed from the arguments. */
void evaluate_chain(const struct plan_chain *chain, struct str principal, const struct evaluate_request *r,
                    struct arena *a, struct evaluate_answer *out);

/* The whole way, from the cells of a settled sheet in which the pipeline (or a test) observes views, inbound plans and
 * the members of parts. Total: what is not there is an answer, too. */
void evaluate(const struct sheet *s, const struct evaluate_request *r, struct arena *a, struct evaluate_answer *out);

/* By Egresses and global egress, for a settled sheet as above. What a name resolves to is not known here: it is allowed
 * although the proxy refuses it (503) if that is an address of the cluster. */
void evaluate_egress(const struct sheet *s, const struct evaluate_egress_request *r, struct arena *a,
                     struct evaluate_answer *out);
/* "http://host[:port][/path]", "https://host[:port]", "tcp://address:port": the port, what is spoken, name, path and,
 * when the host is one, address of |out|. Texts point into |url|. False with a sentence for anything else. */
MUST bool evaluate_egress_url(struct str url, struct evaluate_egress_request *out, struct err *err);

/* A caller outside the mesh, at the pod's own port. */
struct evaluate_outside {
    struct str address;     /* its own */
    int64_t port;           /* the pod's */
    bool tls;               /* https */
    struct str server_name; /* tls: the SNI; empty: none */
    struct str principal;   /* tls: a name in its certificate, which a CA of the mesh has issued; empty: none */
};
/* |in| NULL: the pod has no plan. */
void evaluate_outside(const struct plan_inbound *in, const struct evaluate_outside *r, struct arena *a,
                      struct evaluate_answer *out);
/* "allowed", "denied (403)", … */
const char *evaluate_word(enum evaluate_verdict v);
