/* sheet.h - the incremental engine: cells, sets, forks. Knows nothing of meshes.
 *
 * A cell is a kind, a key, and a pure function that computes its value from other cells and from inputs. The
 * sheet records what each computation read, absent things included, so a changed input dirties exactly its
 * readers, transitively; dirty cells are verified in order of what they read and computed again only if
 * something they read changed; a value equal to the old one stops the wave (red-green, as in incremental
 * compilers). design.md section 2. Not thread safe: one owner thread. */
#pragma once
#include "base/field.h"

struct sheet;
struct cell; /* the computation under way; valid only during compute */

/* Declared once, statically, by the room that owns the meaning. Identity is the address. */
struct cell_kind {
    const char *name;
    const struct table *value; /* describes the value: size, hash, equality, dump */
    /* Pure, total, never blocks. |out| is zeroed, value->size bytes; |a| lives as long as this call. The sheet
     * keeps a deep copy, so |out| may borrow from |a| and from everything this call read. Returns false when the
     * thing does not exist: readers get NULL, and what it contributed to sets does not count. NULL for inputs,
     * whose |value| may be NULL too. */
    bool (*compute)(struct cell *c, struct str key, struct arena *a, void *out);
};

struct sheet *sheet_new(void);
void sheet_free(struct sheet *s);

/* ---- inputs -------------------------------------------------------------------------------------------- */
/* Sets an input (kind->compute == NULL). |value| stays owned by the caller, who keeps it alive until |release|
 * (may be NULL) is called with |arg|: at the second complete run after it was replaced, or by sheet_free. |hash|
 * stands for the content: an equal hash changes nothing, but the new pointer is taken. value NULL removes the
 * input. Dirties the readers, O(their number). Allowed between the slices of a run, which then goes on with the
 * new world; not inside one, nor while a fork lives. */
void sheet_input(struct sheet *s, const struct cell_kind *k, struct str key, const void *value, struct hash128 hash,
                 void (*release)(void *), void *arg);

/* ---- reading, inside a compute function -------------------------------------------------------------- */
/* The value, computed or verified if need be; NULL when absent; recorded as read. The pointer is valid during this
 * computation. O(1) plus the computation. A cycle is a programming error: abort with the path. Chains may be deep
 * (tested: 10,000 levels): a new stack is taken where needed, so cell functions must not rely on thread locals. */
const void *sheet_read(struct cell *c, const struct cell_kind *k, struct str key);
/* This cell contributes |member| to the set |set| for as long as its value is current. */
void sheet_member(struct cell *c, struct str set, struct str member);

/* ---- observing, outside ------------------------------------------------------------------------------- */
/* Keeps a cell (or an input) alive and reports its changes; nested calls count. The deltas describe the map of
 * observed cells that exist: the first complete run after sheet_observe reports the value, if there is one, and the
 * first after the last sheet_unobserve reports it gone. Not inside a run. */
void sheet_observe(struct sheet *s, const struct cell_kind *k, struct str key);
void sheet_unobserve(struct sheet *s, const struct cell_kind *k, struct str key);
/* The value of an observed cell or of an input as of the last complete run; NULL when absent. O(1). */
const void *sheet_value(const struct sheet *s, const struct cell_kind *k, struct str key);
/* Content hash of the same; zero when absent. O(the value) for a computed cell. */
struct hash128 sheet_hash(const struct sheet *s, const struct cell_kind *k, struct str key);
/* Members of a set at the last complete run in byte order, in |a|. For snapshots and tests; the flow uses the
 * deltas. */
struct strs sheet_set(const struct sheet *s, struct str set, struct arena *a);

struct cell_change {
    const struct cell_kind *kind;
    struct str key;
    const void *value; /* NULL: gone */
};
struct set_change {
    struct str set, member;
    bool added; /* else removed */
};
struct sheet_delta {
    uint64_t revision;
    LIST(struct cell_change) cells; /* observed cells whose value changed, in (kind name, key) order */
    LIST(struct set_change) sets;   /* in (set, member) order; a member added and removed in one run is not in it */
};

/* Verifies and computes observed dirty cells for about |budget_ns| (0: until done), at least one; it stops only
 * between observed cells. Returns true when nothing is dirty any more; then |delta| (in |a|) has what changed since
 * the last complete run, cells that nothing needs any more are dropped, and a new revision begins with the next
 * input. With nothing to do the revision stays. Values that changed stay readable until the next complete run. */
bool sheet_run(struct sheet *s, int64_t budget_ns, struct arena *a, struct sheet_delta *delta);
/* Is there anything for sheet_run to do? */
bool sheet_is_dirty(const struct sheet *s);

/* ---- forks -------------------------------------------------------------------------------------------- */
/* An overlay on |base| that stores only what it computes anew and marks of what it touched: a rehearsal. Same
 * calls; it inherits the base's observed cells, and its first delta is the difference from the base. The base must
 * be complete (not dirty), and must neither run nor get inputs while a fork lives; sheet_free it. No forks of forks. */
struct sheet *sheet_fork(struct sheet *base);

/* ---- for benchmarks, tests and metrics ------------------------------------------------------------------ */
struct sheet_stats {
    uint64_t revision, cells, computed, verified, dirtied; /* totals since the start; cells: alive now, inputs too */
    size_t bytes;                                          /* values of computed cells alive now */
    size_t overhead;                                       /* the sheet's own: cells, keys, edges, table */
};
struct sheet_stats sheet_stats(const struct sheet *s);
/* One line per cell computed in the last complete run, "<kind> <key>", in byte order; how tests show that only what
 * had to was computed again. */
void sheet_dump_last_run(const struct sheet *s, struct buf *out);
