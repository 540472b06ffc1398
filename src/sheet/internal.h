/* internal.h - how the sheet lies in memory. Private to src/sheet.
 *
 * Entries are found by kind and key through an open-addressing table and refer to each other by 32-bit id, so
 * that an edge costs 16 bytes. An entry never moves. Every edge stands twice, with its position at the other
 * end: removing a reader is O(1) however many an entry has. */
#pragma once
#include "base/buf.h"
#include "base/map.h"
#include "sheet/sheet.h"

enum entry_flag {
    ENTRY_DIRTY = 1,       /* something it read, transitively, may have changed */
    ENTRY_FRESH = 2,       /* never computed: nothing to verify */
    ENTRY_BUSY = 4,        /* being verified or computed: reading it again is a cycle */
    ENTRY_QUEUED = 8,      /* in sheet.queue */
    ENTRY_GARBAGE = 16,    /* in sheet.garbage */
    ENTRY_BASE_READS = 32, /* fork: what it read and contributed is what the base's entry did */
    ENTRY_BASE_VALUE = 64, /* fork: value and owner belong to the base's entry */
    ENTRY_GONE = 128,      /* fork: dropped here, alive in the base */
};

struct edge {
    uint32_t id, pos; /* the other end, and this edge's index there */
};

/* What the sheet knows of an input's value beside the pointer. */
struct input_owner {
    struct hash128 hash;
    void (*release)(void *);
    void *arg;
};

struct set {
    struct map members;
    size_t n;
    char name[];
};
struct member {
    struct set *set;
    uint32_t refs;     /* contributions now */
    bool was, touched; /* a member at the last complete run; in sheet.touched */
    size_t n;
    char name[];
};

struct entry {
    const struct cell_kind *kind;
    const void *value;
    union {
        struct arena *arena;       /* computed */
        struct input_owner *owner; /* input */
    };
    struct edge *reads, *readers;
    struct member **members;
    uint64_t changed_at, verified_at;
    uint32_t id, hash, n_reads, n_readers, cap_readers, n_members;
    uint32_t observers;
    uint32_t base_readers; /* fork: readers in the base whose reads still hold */
    uint32_t change;       /* 1 + index in sheet.changes; 0: as at the last complete run */
    uint32_t mark;         /* serial of the computation that read it last: dedupes reads */
    uint32_t key_n;
    uint8_t flags;
    char key[];
};

/* What an entry was at the last complete run. */
struct change {
    uint32_t id;
    bool observed;
    const void *old;
    struct hash128 old_hash; /* inputs */
};

/* A value that was replaced. */
struct retired {
    struct arena *arena;
    struct input_owner *owner;
};

struct ids {
    uint32_t *v;
    size_t n, cap;
};

/* The path of what is being verified or computed, innermost first. */
struct frame {
    struct entry *entry;
    struct frame *parent;
};

/* The computation under way. */
struct cell {
    struct sheet *sheet;
    struct entry *entry;
    struct arena *scratch;
    uint32_t serial;
    LIST(uint32_t) reads;
    LIST(struct member *) members;
};

struct sheet {
    struct sheet *base; /* NULL: not a fork */
    uint32_t forks;

    struct entry **by_id; /* [0] unused */
    size_t n_ids, cap_ids;
    struct ids free_ids;
    uint32_t *slots; /* ids; 0: never used, SLOT_TOMB: deleted */
    size_t cap_slots, n_entries, tombs;

    uint64_t clock;    /* moves with every change of an input */
    uint64_t revision; /* moves with every complete run that had something to do */
    uint32_t serial, depth;
    struct frame *path;
    bool is_running;

    struct ids queue, garbage, work, computed, last_run;
    size_t queue_head;
    LIST(struct change) changes; /* heap; cap below */
    size_t cap_changes;
    LIST(struct retired) retired, retired_before;
    size_t cap_retired, cap_retired_before;

    struct map sets;
    LIST(struct member *) touched;
    size_t cap_touched;

    struct sheet_stats stats;
};

/* Appends to a heap list {v, n} with capacity |cap|. */
#define heap_push(l, cap, x)                                                                                           \
    do {                                                                                                               \
        if ((l)->n == (cap)) {                                                                                         \
            (cap) = (cap) ? (cap)*2 : 8;                                                                               \
            (l)->v = xrealloc((l)->v, (cap) * sizeof *(l)->v);                                                         \
        }                                                                                                              \
        (l)->v[(l)->n++] = (x);                                                                                        \
    } while (0)
static inline void ids_push(struct ids *l, uint32_t id) { heap_push(l, l->cap, id); }

static inline bool is_input(const struct entry *e) { return e->kind->compute == NULL; }
static inline struct str entry_key(const struct entry *e) { return str_make(e->key, e->key_n); }
static inline struct entry *entry_at(const struct sheet *s, uint32_t id) { return s->by_id[id]; }
/* Nobody needs it. */
static inline bool entry_is_unused(const struct entry *e)
{
    return e->n_readers == 0 && e->base_readers == 0 && e->observers == 0 && !(is_input(e) && e->value);
}

/* Ends the process: a programming error. */
void sheet_die(const char *what, const struct cell_kind *k, struct str key) __attribute__((noreturn));

/* ---- entry.c: the table and the edges ---- */
/* In |s| alone; NULL when absent. */
struct entry *entry_find(const struct sheet *s, const struct cell_kind *k, struct str key);
/* The entry, made when absent; in a fork a shadow of the base's. Never ENTRY_GONE. */
struct entry *entry_get(struct sheet *s, const struct cell_kind *k, struct str key);
/* New and blank; must be absent. */
struct entry *entry_add(struct sheet *s, const struct cell_kind *k, struct str key);
/* Out of the table and freed; it has no edges, members or value any more. */
void entry_delete(struct sheet *s, struct entry *e);
void entry_free(struct entry *e);
/* Replaces what |e| read; entries left without readers become garbage candidates. */
void entry_set_reads(struct sheet *s, struct entry *e, const uint32_t *ids, size_t n);
void entry_to_garbage(struct sheet *s, struct entry *e);
/* An input's content hash; zero when absent. */
struct hash128 entry_input_hash(const struct entry *e);

/* ---- value.c: replacing values ---- */
/* Remembers what |e| is now, unless this run already did. Call before changing value or observers. */
void value_note(struct sheet *s, struct entry *e);
/* Drops the value; it stays readable until the next complete run. */
void value_retire(struct sheet *s, struct entry *e);
/* Takes a computed value (NULL: absent) out of |scratch|; moves changed_at when it differs. */
void value_set_computed(struct sheet *s, struct entry *e, const void *out, struct arena *scratch);
/* At the end of a run: frees what the run before replaced. */
void values_release_old(struct sheet *s);
void values_release_all(struct sheet *s);
/* As of the last complete run; NULL when absent. */
const void *value_visible(const struct sheet *s, const struct entry *e);
struct hash128 value_visible_hash(const struct sheet *s, const struct entry *e);

/* ---- set.c ---- */
struct member *member_get(struct sheet *s, struct str set, struct str member);
/* Replaces what |e| contributes. */
void entry_set_members(struct sheet *s, struct entry *e, struct member *const *v, size_t n);
/* At the end of a run. */
void sets_finish(struct sheet *s, struct arena *a, struct sheet_delta *delta);
void sets_free(struct sheet *s);

/* ---- fork.c ---- */
/* The base's entry of the same kind and key, or NULL. */
struct entry *fork_base_of(const struct sheet *s, const struct entry *e);
/* The fork's own entry for one of the base's, made when absent. */
struct entry *fork_shadow(struct sheet *s, const struct entry *base_entry);
/* Puts the readers that |e| has in the base on the fork's dirty list, through |dirty|. */
void fork_dirty_base_readers(struct sheet *s, const struct entry *e, void (*dirty)(struct sheet *, struct entry *));
/* Has anything that the base's entry read changed here since |e| was verified? */
bool fork_is_stale(struct sheet *s, struct entry *e, void (*ensure)(struct sheet *, struct entry *));
/* |e| goes its own way: what it read in the base loses a reader, what it contributed there is withdrawn. */
void fork_leave_base(struct sheet *s, struct entry *e);

/* ---- run.c ---- */
void entry_dirty_readers(struct sheet *s, struct entry *e);
void entry_enqueue(struct sheet *s, struct entry *e);

/* ---- deep.c ---- */
/* fn(arg) on a fresh stack; returns when it returned. */
void deep_call(void (*fn)(void *), void *arg);
