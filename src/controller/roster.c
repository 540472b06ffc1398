#include "controller/roster.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

struct roster {
    pthread_mutex_t lock; /* held for one look-up; never on the way of a configuration to a proxy */
    struct map uids;      /* → &alive or &gone */
};

static char alive, gone;

struct roster *roster_new(void)
{
    struct roster *r = xcalloc(1, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void roster_free(struct roster *r)
{
    if (!r) return;
    map_release(&r->uids);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void roster_set(struct roster *r, struct str uid, bool is_alive)
{
    pthread_mutex_lock(&r->lock);
    map_put(&r->uids, uid, is_alive ? &alive : &gone);
    pthread_mutex_unlock(&r->lock);
}

enum pod_state roster_pod_state(void *roster, const struct token_subject *s)
{
    struct roster *r = roster;
    pthread_mutex_lock(&r->lock);
    const void *mark = map_get(&r->uids, s->uid);
    pthread_mutex_unlock(&r->lock);
    return !mark ? POD_UNKNOWN : mark == &alive ? POD_ALIVE : POD_GONE;
}
