/* internal.h - what the files of the xDS server share. Everything here belongs to one I/O thread, its shard.
 *
 * Every shard has the whole index (parts, slots, views, nodes; the resources themselves are shared) and its own
 * streams. Messages bring revisions; nothing is shared between shards but counted resources. */
#pragma once
#include <stdatomic.h>

#include "base/map.h"
#include "base/metrics.h"
#include "net/h2.h"
#include "net/loop.h"
#include "xds/discovery.h"
#include "xds/xds.h"

struct shard;
struct stream;

/* ---- small vectors ---- */
struct ids {
    uint32_t *v;
    size_t n, cap;
};
void ids_push(struct ids *l, uint32_t id);
/* Ascending, each once. */
void ids_sort(struct ids *l);
void ids_free(struct ids *l);

/* ---- the index ---- */
struct slot {
    uint32_t id, refs; /* refs: entries of streams, responses in flight, and the part or ghost list */
    uint32_t stamp;    /* counts its contents, from 1; 29 bits */
    uint32_t at;       /* in its part's ids */
    enum xds_type type;
    uint32_t refused_by;      /* its present content was refused: bits of Envoy versions, refusals_version() */
    struct part *part;        /* NULL: a ghost, a name that a stream asked for or held and that nobody publishes */
    struct str name;          /* own copy */
    struct xds_resource *now; /* NULL: absent */
};
enum { STAMP_MASK = (1u << 29) - 1 };
struct part {
    struct str name;
    struct map slots[XDS_TYPE_COUNT]; /* by name, absent ones that are still referred to included */
    struct ids ids[XDS_TYPE_COUNT];   /* the same, in no order */
    size_t live[XDS_TYPE_COUNT];      /* slots with a content */
    struct view **views;
    size_t n_views, cap_views;
};
struct view {
    struct str name;
    bool is_known;
    struct part **parts;
    size_t n_parts;
    struct stream *streams; /* linked by next_in_view */
};
struct node {
    struct str id, spiffe_id, title;
    struct view *view;
    struct stream *streams; /* linked by next_of_node */
};

/* ---- streams ---- */
/* What a stream knows about one resource. Of a part that it holds whole (type_state.covered) it keeps exceptions only:
 * without an entry it holds the slot's present content and is subscribed to it. All zero: it knows nothing of it. */
struct entry {
    uint32_t slot;
    uint32_t stamp : 29;   /* of the content last sent or declared held; 0: none or forgotten */
    uint32_t is_named : 1; /* subscribed by name */
    uint32_t is_held : 1;  /* the proxy may have some version of it */
};
struct entries { /* by slot id */
    struct entry *v;
    size_t n, cap;
};
struct entry *entries_find(const struct entries *l, uint32_t slot);
/* Found or added (zeroed but for the slot). */
struct entry *entries_get(struct entries *l, uint32_t slot);
void entries_drop(struct entries *l, uint32_t slot);
/* Gives back what is more than needed. */
void entries_trim(struct entries *l);

struct gone {          /* a name to be removed */
    uint32_t slot;     /* counted */
    bool is_answer;    /* to a subscription: at once */
    uint64_t revision; /* when it became so */
    int64_t due;       /* clusters: drain time is over then; 0: not known yet */
};
struct sent {
    uint32_t slot, stamp; /* counted; stamp 0: a removal */
};
struct flight {     /* the response that waits for its acknowledgement */
    uint32_t nonce; /* 0: none */
    struct sent *v;
    size_t n, cap;
    uint64_t revision; /* accepted with it; 0: something was left */
    bool changes_listener;
    int64_t at;
};
struct type_state {
    bool is_asked, is_wildcard;
    bool must_answer; /* even if there is nothing to say */
    struct entries entries;
    uint64_t covered; /* bit i: of the view's i-th part it holds every content, but for entries */
    size_t tried;     /* entries when it last turned out that no further part is held whole */
    struct ids dirty; /* slots that may have to be sent */
    struct gone *gone;
    size_t n_gone, cap_gone;
    struct flight flight;
    uint64_t acked;     /* revision */
    size_t limit;       /* names per response while a refused one is searched; 0: none */
    bool is_apart;      /* likewise: removals and resources in responses of their own */
    int64_t held_since; /* something waits for its clusters since then; 0: no */
};
struct stream {
    struct shard *shard;
    struct h2_stream *h2;
    const struct h2_peer *peer;
    struct stream *prev, *next, *prev_in_view, *next_in_view, *next_of_node;
    struct node *node; /* NULL: not admitted yet */
    struct view *view;
    struct str node_id; /* own copy; empty: no request yet */
    struct discovery_reader *reader;
    struct discovery_request **waiting; /* requests before admission */
    size_t n_waiting;
    struct type_state types[XDS_TYPE_COUNT];
    struct event *timer;
    int64_t timer_at, admit_by, listener_changed;
    int64_t connected_s;
    uint32_t nonce, envoy;    /* envoy: the bit of its version */
    uint64_t owed, owed_last; /* revisions that it has to accept: bit r % 64; the last of them */
    bool is_over, is_counted, is_touched;
};

enum { KEPT_CHANGES = 64 };
struct change { /* a revision, and what came of it in this thread */
    uint64_t revision;
    int64_t at, last; /* published; the last acceptance */
    uint32_t expected, accepted, refused;
};

struct shard {
    struct xds_server *server;
    int number;
    struct loop_thread *loop;
    struct h2_server *h2;
    struct event *accept;
    uint64_t revision;
    struct map parts, views, nodes;
    struct map ghosts[XDS_TYPE_COUNT];
    struct slot **slots;
    size_t n_slots, cap_slots;
    struct ids free_slots;
    struct map refused;    /* by type, hash, Envoy's version, name → struct refused */
    uint64_t versions[32]; /* of the Envoys that were seen, one for each bit */
    int n_versions;
    struct stream *streams;
    size_t n_unadmitted;     /* streams without a node */
    struct stream **touched; /* by the revision that is being applied */
    size_t n_touched, cap_touched;
    bool is_applying;
    struct change changes[KEPT_CHANGES]; /* by revision % KEPT_CHANGES */
};
struct published { /* the owner's part of a change */
    uint64_t revision;
    int64_t at_s;
    struct arena *arena;
    struct strs causes;
    size_t n_causes;
};

struct xds_server {
    struct xds_options opt;
    struct h2_handler other;
    struct mailbox *owner;
    struct shard *shards;
    int n, listen_fd;
    uint16_t port;
    atomic_int streams, max_streams, owing;
    atomic_bool is_published;
    bool is_ending;
    uint64_t revision; /* owner thread */
    struct published published[KEPT_CHANGES];
};

/* shard.c */
struct slot *shard_slot(const struct shard *d, uint32_t id);
void slot_ref(struct slot *s);
void slot_unref(struct shard *d, struct slot *s);
/* The ghost for a name: made if absent, counted for the caller. */
struct slot *shard_ghost(struct shard *d, enum xds_type type, struct str name);
struct slot *shard_find_ghost(const struct shard *d, enum xds_type type, struct str name);
/* The slot that has the name and a content in the view, or NULL. */
struct slot *view_find(const struct view *v, enum xds_type type, struct str name);
/* |at|: when it was published. */
void shard_apply(struct shard *d, const struct xds_revision *r, int64_t at);
void shard_release(struct shard *d);

/* stream.c: life, admission, requests */
extern const struct h2_grpc xds_grpc;
void stream_admit(struct stream *s); /* again, after a revision */
void stream_end(struct stream *s, enum grpc_code code, const char *why);
void stream_arm(struct stream *s, int64_t at);
void view_enter(struct stream *s, struct view *v);
void view_leave(struct stream *s);
void node_enter(struct stream *s, struct node *n);
void node_leave(struct stream *s);
/* track.c: what a stream should get, from what changed. Pointers to entries are valid until the next call. */
/* What is known of the slot, whether an entry says so or not. */
struct entry track_state(const struct stream *s, const struct slot *slot);
bool track_is_blank(struct entry e);
struct entry *track_entry(struct stream *s, struct slot *slot); /* an entry: found, written out or added, counted */
void track_drop(struct stream *s, struct slot *slot);           /* nothing is known of it any more */
struct entry *track_find(struct stream *s, enum xds_type type, struct str name); /* by name, absent ones too */
void track_touch(struct stream *s);
void track_dirty(struct stream *s, struct slot *slot);
/* What is known of |from|, whose content is or was |was|, is now known of |to|, which has the same name. */
void track_move(struct stream *s, struct slot *from, const struct xds_resource *was, struct slot *to);
void track_gone(struct stream *s, struct slot *slot, bool is_answer);
/* New or changed content; |was|: the stamp of the one before, 0: there was none. */
void track_slot(struct stream *s, struct slot *slot, uint32_t was);
void track_lost(struct stream *s, struct slot *slot, const struct xds_resource *was); /* no content any more */
void track_view(struct stream *s);                                                    /* another view, or other parts */
uint64_t track_held(const struct stream *s);                                          /* resources */
void track_release(struct stream *s);
/* cover.c: parts that a stream holds whole */
bool cover_has(const struct stream *s, const struct slot *slot);
/* An entry for what holds without one; before that ends to be so. */
void cover_write_out(struct stream *s, struct slot *slot);
/* Everything of the type. */
void cover_end(struct stream *s, enum xds_type type);
/* The view's parts will be these: what is held of others is written out. */
void cover_keep(struct stream *s, struct part *const *parts, size_t n);
/* Takes in the parts that the stream has come to hold whole. */
void cover_begin(struct stream *s, enum xds_type type);
/* Drops the entry if it says what holds without it. */
void cover_fold(struct stream *s, struct slot *slot);
/* push.c, acknowledge.c: responses */
void push(struct stream *s);
/* Everything up to this revision is accepted or refused. */
uint64_t push_accepted(const struct stream *s);
void push_acknowledge(struct stream *s, enum xds_type type, const struct discovery_request *q);
/* refusals.c: what was refused is not offered again to that version of Envoy. |envoy| is a bit */
uint32_t refusals_version(struct shard *d, const uint32_t envoy[3]);
struct str refusals_version_text(struct shard *d, uint32_t envoy, struct arena *a); /* "1.40.0" */
void refusals_add(struct shard *d, struct stream *s, const struct slot *slot, struct str text);
uint32_t refusals_bits(struct shard *d, const struct xds_resource *r);       /* of the versions that refused it */
void refusals_fill(struct shard *d, struct arena *a, struct xds_status *st); /* of what is still published */
void refusals_release(struct shard *d);
/* changes.c: receipts */
void changes_begin(struct shard *d, uint64_t revision, int64_t at);
void changes_owe(struct stream *s); /* after the push of a revision that touched it */
void changes_settle(struct stream *s);
void changes_refused(struct stream *s);
void changes_forget(struct stream *s);
void changes_fill(struct shard *d, struct arena *a, struct xds_status *st);
/* receipts.c */
void server_status_fill(struct shard *d, struct arena *a, struct xds_status *st);
/* metrics.c */
void xds_metrics_init(void);
extern struct metric xds_connect_count, xds_reconnect_count, xds_request_count, xds_send_success, xds_send_error,
    xds_update_time, xds_broadcasts, xds_max_rejected, xds_resources_sent, xds_accept_time, xds_owing_count;
const char *xds_type_short(enum xds_type t); /* "CDS" … */
