/* service.h - the certificate service: who may have which certificate.
 *
 *   POST /v1/certificate   Authorization: Bearer <the pod's token>   {"csr": PEM}
 *       200 {"chain": PEM, "bundle": PEM, "bundle_id": text, "renew_after": Unix seconds}
 *       400 the request is malformed, 401 the token is refused, 403 the pod is not one of ours (any more),
 *       429 too many requests, 503 ask again later
 *   GET /v1/bundle?after=ID   with a client certificate
 *       200 {"bundle", "bundle_id"} as soon as the bundle is another than ID; 204 when nothing changed for 30 s; at
 * once with &wait=0, and when 256 others wait already (ask again in minutes)
 *
 * The handler may run on any number of loop threads: it checks sizes and counts, and hands over to one thread of the
 * service's own, which has all its state. Bodies are limited by h2_handler.max_body before anything is parsed. */
#pragma once
#include "identity/issuer.h"
#include "identity/token.h"
#include "net/h2.h"

struct identity_service;

enum pod_state { POD_UNKNOWN, POD_ALIVE, POD_GONE };

enum {
    IDENTITY_MAX_BODY = 16384,
    IDENTITY_VALIDITY_MIN_S = 600,
    IDENTITY_VALIDITY_DEFAULT_S = 86400,
    IDENTITY_VALIDITY_MAX_S = 365 * 86400,
};

struct identity_options {
    struct issuer *issuer;        /* borrowed, outlives the service */
    struct token_checker *tokens; /* borrowed, outlives the service */
    const char *trust_domain;     /* copied; NULL: NAME_TRUST_DOMAIN */
    struct strs own_names;  /* of our servers, beside NAME_CONTROLLER_DNS: nobody is certified for them. Live on */
    int64_t validity_s;     /* of certificates; 0: a day */
    int64_t validity_min_s; /* 0: 10 min; tests may go lower */
    /* Is the pod in the mesh and alive? Called on the service's thread; must not block. POD_UNKNOWN is asked again for
     * up to 3 s. NULL: every pod is alive (tests). */
    enum pod_state (*pod_state)(void *arg, const struct token_subject *s);
    void *arg;
};
/* Starts the service's thread. NULL with err. */
MUST struct identity_service *identity_service_new(const struct identity_options *opt, struct err *err);
/* Answers all that is open with 503 and, from now on, every request. Returns when no h2_later is left, which is what
 * the h2_servers' end waits for. Token checker and issuer must still be able to finish what they have. */
void identity_service_stop(struct identity_service *s);
/* After identity_service_stop, and after the h2_servers that use the handler are freed. NULL is fine. */
void identity_service_free(struct identity_service *s);
/* The handler's `request`; its `arg` is the service. Other paths than the two are answered 404. */
void identity_service_request(void *service, struct h2_request *r);
/* Is |path| one of the two? For a handler that serves other things, too. */
bool identity_service_has(struct str path);

/* Any thread. Takes effect for the next certificate; |validity_s| is brought into the allowed range. */
void identity_service_set_validity(struct identity_service *s, int64_t validity_s);
/* Any thread. Roots to be trusted beside the issuer's own (PEM; empty: none); wakes who waits for a new bundle. Text
 * that does not parse is logged and changes nothing. */
void identity_service_set_extra_roots(struct identity_service *s, struct str pem);

/* When a certificate issued |now| for |life| seconds is to be renewed: after two thirds, up to a tenth of its life
 * earlier. |random| is any number. Pure. */
int64_t identity_renew_after(int64_t now, int64_t life, uint32_t random);
