/* leader.h - which of several controllers writes to the API: a Lease (coordination.k8s.io/v1).
 *
 * The holder renews every 2 s and stops leading when it could not for 10 s, before anybody takes over at 15 s. Who does
 * not hold it takes it when it has not changed for its whole duration on the own monotonic clock: the clocks of
 * machines need not agree. Owner thread. */
#pragma once
#include "kube/request.h"

enum { LEADER_LEASE_S = 15, LEADER_DEADLINE_S = 10, LEADER_RETRY_MS = 2000 };

struct leader;
struct leader_options {
    struct event_base *base;
    struct kube_client *client; /* on |base|; outlives it */
    struct str ns, name;        /* of the Lease */
    struct str identity;        /* ours: no two processes ever have the same */
    void (*changed)(void *arg, bool leads);
    void *arg;
};
/* Texts are copied. Begins at the loop's next turn. */
struct leader *leader_new(const struct leader_options *opt);
/* Gives the Lease back when it is ours, so that another need not wait; blocks up to a second for that. Calls |changed|
 * no more. NULL is fine. Not within a callback of the client's loop. */
void leader_free(struct leader *l);
bool leader_leads(const struct leader *l);
