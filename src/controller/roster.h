/* roster.h - the uids of the pods that are in the mesh, for the certificate service's own thread. */
#pragma once
#include "identity/service.h"

struct roster;
struct roster *roster_new(void);
void roster_free(struct roster *r); /* NULL is fine */
/* Owner thread. */
void roster_set(struct roster *r, struct str uid, bool alive);
/* identity_options.pod_state; any thread. A uid that was and is no more is POD_GONE for as long as the process lives.
 */
enum pod_state roster_pod_state(void *roster, const struct token_subject *s);
