/* ending.h - how the controller ends. SIGINT ends it at once, as does SIGTERM, unless others stand beside it (a pod of
 * a Deployment): then it says at once that it is not ready, goes on answering for as long as the API server and the
 * proxies may still come, moves its streams away little by little, and ends. A second signal ends it at once. */
#pragma once
#include <event2/event.h>
#include <stdbool.h>

#include "api/api.h"
#include "xds/xds.h"

struct ending;
/* |is_gradual|: others stand beside it. */
struct ending *ending_new(struct event_base *base, bool is_gradual);
/* What is to be told, once it is there; NULL: nothing. */
void ending_of(struct ending *e, struct api *api, struct xds_server *xds);
void ending_free(struct ending *e); /* NULL is fine */
