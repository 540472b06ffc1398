/* state.h - where a local mesh keeps its files.
 *
 * The run directory goes with the mesh; the kept one outlives it (CA, claims, last good texts). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct state {
    const char *run;     /* /run/osm/local, or what --state says */
    const char *keep;    /* /var/lib/osm/local, or the run directory when --state is given */
    const char *objects; /* run: objects of the platform, second folder of the controller's source */
    const char *secrets; /* run: below objects, the Secrets that the controller makes: the supervisor's second folder */
    const char *tokens;  /* run: what is known of each token */
    const char *logs;    /* run: NS_POD/CONTAINER.log */
    const char *pods;    /* run: a tmpfs that only the supervisor's mount namespace has */
    const char *control; /* run: the supervisor's socket */
    const char *api;     /* run: the controller's socket */
    const char *pid;     /* run: the supervisor's PID as the host sees it; locked while it lives */
    const char *controller; /* keep */
    const char *claims;     /* keep */
    const char *last_good;  /* keep: of the supervisor's own file source */
};

/* The paths; |dir| NULL: environment OSM_STATE, else the defaults. Makes nothing. */
struct state state_paths(struct arena *a, const char *dir);
/* Makes the directories, 0700, and empties those that go with the mesh. */
MUST bool state_prepare(struct state *s, struct arena *a, struct err *err);
/* The lock that says a mesh lives here: an open descriptor, or -1 with err naming the running one. */
int state_lock(const struct state *s, struct err *err);
/* PID of the running supervisor, or 0. */
int state_running(const struct state *s);
