/* writer.h - what the control plane wants the API to hold, and the calls that make it so.
 *
 * A wish is an object that is applied (server-side apply with KUBE_MANAGER) under a key of the caller's. Only the
 * newest wish of a key counts, an equal one costs nothing, and a failed one is tried again with growing pauses. Nothing
 * is written while somebody else leads; who begins to lead writes all wishes, which changes nothing where they hold.
 * At most WRITER_AT_ONCE calls are open, so that a large mesh does not flood its API server. Owner thread. */
#pragma once
#include "kube/request.h"

enum { WRITER_AT_ONCE = 8 };

struct writer;
/* On the loop of |client|, which outlives it. */
struct writer *writer_new(struct event_base *base, struct kube_client *client);
/* NULL is fine. */
void writer_free(struct writer *w);
void writer_set_leader(struct writer *w, bool leads);

/* Takes over |object|. Texts of |ref| are copied, but group, version, plural and sub, which are static. */
void writer_want(struct writer *w, struct str key, struct kube_ref ref, json_t *object);
/* Somebody else has changed it: write it again. */
void writer_again(struct writer *w, struct str key);
/* The wish is gone, and with |deletes| also the object. Absent is fine. */
void writer_drop(struct writer *w, struct str key, bool deletes);
/* Wishes that are not known to hold. */
size_t writer_open(const struct writer *w);
