/* client_internal.h - what the watch needs to know of its client. Private to src/kube. */
#pragma once
#include "kube/client.h"
#include "kube/credentials.h"

struct kube_watch;

/* Whole states are large: few are fetched at once, so that a start does not fall upon the server. */
enum { KUBE_LISTS_AT_ONCE = 3 };
struct kube_lists {
    size_t running;
    struct kube_watch *first, *last; /* waiting for their turn */
};

/* What an answer means for |r|; |out| borrows of |h| and |*owned|, which the caller releases. */
void kube_answer_of(const struct kube_request *r, const struct http_answer *h, json_t **owned, struct kube_answer *out);
/* Where the API's |path| is, and the headers of every request; the credentials must be there. Lives in |a| and |c|. */
void kube_client_place(const struct kube_client *c, struct arena *a, const char *path, struct http_call_options *o);
struct credentials *kube_client_credentials(const struct kube_client *c);
struct event_base *kube_client_base(const struct kube_client *c);
struct kube_lists *kube_client_lists(struct kube_client *c);
/* Does the server have streaming lists? True until one was refused. */
bool kube_client_streams_lists(const struct kube_client *c);
void kube_client_no_streaming_lists(struct kube_client *c);
/* watch.c: part of kube_metrics_init. */
void kube_watch_metrics_init(void);
/* Between 0 and |max|; not for secrets. */
int64_t kube_jitter(struct kube_client *c, int64_t max);
