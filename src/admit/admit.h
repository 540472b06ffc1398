/* admit.h - the webhook server: POST /mutate-pod-creation and POST /validate (admission.k8s.io/v1) over HTTPS.
 *
 * A thread of its own decides from copies of what it needs, so that a pod never waits for a revision that is being
 * computed, and never for the API server. */
#pragma once
#include <openssl/ssl.h>

#include "base/err.h"
#include "kinds/object.h"
#include "mesh/settings.h"

enum admit_hook { ADMIT_MUTATE, ADMIT_VALIDATE, ADMIT_HOOKS };

struct admit_server;
struct admit_options {
    const char *address;                 /* numeric, "0.0.0.0" */
    uint16_t inject_port, validate_port; /* 0: any free one */
    struct str mesh, system_ns;          /* empty: NAME_MESH, NAME_SYSTEM_NAMESPACE */
    struct str image;                    /* of sidecars, where the MeshConfig names none */
    struct str controller;               /* "host:port" that sidecars call */
    struct str generation;               /* of new sidecars (ANNOTATION_SIDECAR_GENERATION) */
    bool is_classic;                     /* inject_settings.is_classic */
    SSL_CTX *tls[ADMIT_HOOKS];           /* one for each name that the API server calls; counted */
};
/* Everything of |opt| is copied. NULL with err when a port cannot be listened at. */
MUST struct admit_server *admit_server_new(const struct admit_options *opt, struct err *err);
/* Closes, ends the thread. NULL is fine. */
void admit_server_free(struct admit_server *s);
uint16_t admit_server_inject_port(const struct admit_server *s);
uint16_t admit_server_validate_port(const struct admit_server *s);

/* The following: from one thread; they hold for requests that arrive after the thread has taken them in, soon. */
/* A new certificate for new connections; counted. */
void admit_server_set_tls(struct admit_server *s, enum admit_hook hook, SSL_CTX *tls);
/* Copied. Before the first, pods that would be injected are refused with 500. */
void admit_server_set_settings(struct admit_server *s, const struct mesh_settings *settings);
/* An object came, changed or went (NULL). Kinds that the webhooks do not read are passed over. */
void admit_server_object(struct admit_server *s, enum kind k, struct str key, const struct object *now);
