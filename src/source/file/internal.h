/* internal.h - the file source's parts. Private to src/source/file.
 *
 * watch.c says which paths may have changed, read.c makes objects and problems of one text, claims.c decides which
 * file's object is in the store, list.c what is wrong, keep.c keeps last good texts, source.c ties them together in
 * batches; once.c reads without following. */
#pragma once
#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"
#include "base/names.h"
#include "source/source.h"

enum { MAX_ROOTS = 4, GRACE_MS = 200, RETRY_MS = 1000 };

/* ---- one file ---- */
struct file_objects {
    struct object **v; /* one reference each */
    size_t n;
};
struct doc {
    char *path; /* as opened and as shown: the folder as given, then the path in it */
    int root;
    bool is_queued;                  /* in file_source.queue */
    int64_t grace_end_ns;            /* monotonic; 0: none. Emptied or vanished, and may return until then */
    struct hash128 text;             /* of the text that the objects are from */
    bool has_text;                   /* some text of it parsed */
    bool is_broken;                  /* the present one does not, or cannot be read */
    struct file_objects objects;     /* in the order of the text */
    struct arena *arena;             /* of |problems| */
    struct source_problems problems; /* what is wrong with the present text, but the objects' own warnings */
};

/* ---- read.c ---- */
/* An object of ours that the text has, and that does not decode. */
struct lost_object {
    enum kind kind;
    struct str key;
    size_t first, n; /* its problems, in reading's list */
};
struct reading {
    struct file_objects objects;   /* the caller's */
    LIST(struct lost_object) lost; /* in |a| */
    bool is_parsed;                /* false: |objects| is empty, and problems says where the text breaks */
    bool is_blank;                 /* there is nothing in it */
};
/* Pure: makes objects of |text|. Problems are added to |problems| in |a|. |skip|: kinds passed over, by bit. */
void read_text(struct str text, const char *path, uint64_t skip, struct arena *a, struct source_problems *problems,
               struct reading *out);
void file_objects_release(struct file_objects *l);
/* Appends; takes over the reference. O(1) amortised by powers of two. */
void file_objects_add(struct file_objects *l, struct object *o);
/* ---- lost.c: what holds instead of an object that does not decode ---- */
/* For every lost object: the one of |before| (the last good text of the same file) with the same kind and name; for a
 * MeshConfig that never was good, an empty one: SMI policy, egress off, since without any the mesh would be open. What
 * holds is added to |r|->objects, and said in the problems. */
void lost_replace(struct reading *r, const struct file_objects *before, const char *path, struct arena *a,
                  struct source_problems *problems);
/* Of a text that never parsed nobody can say what it holds: if the word MeshConfig stands in it, such an empty one is
 * added to |out|, and true is returned. */
bool lost_mesh_config(struct str text, const char *path, struct file_objects *out);
void add_problem(struct arena *a, struct source_problems *l, struct source_problem p);
/* |err| says why |path| cannot be read. */
void add_unreadable(struct arena *a, struct source_problems *l, const char *path, const struct err *err);
/* Appends the text of a regular file; any other is refused unopened, since a pipe would block. */
MUST bool document_read(const char *path, struct buf *out, struct err *err);

/* ---- claims.c: who has which object ---- */
struct claims {
    struct map by_object; /* "<kind> <key>" → struct claim */
};
/* Replaces what |d| claims by |now| (takes over the references) and puts or removes what that decides in |store|. */
void claims_replace(struct claims *c, struct store *store, struct doc *d, struct file_objects now);
/* The document that holds |o| against |d|'s claim in the same folder, and its line; NULL when |o| stands. */
const struct doc *claims_winner(const struct claims *c, const struct doc *d, const struct object *o, uint32_t *line);
void claims_release(struct claims *c);

/* ---- list.c: what is wrong with a document ---- */
/* Appends, in |a|: the problems of its text, then by object that another holds instead, and its own warnings. */
void list_doc(const struct claims *c, const struct doc *d, struct arena *a, struct source_problems *out);

/* ---- keep.c: last good texts on disk ---- */
struct keep {
    char *dir; /* NULL: nothing is kept */
};
MUST bool keep_open(struct keep *k, const char *state_dir, struct err *err);
void keep_release(struct keep *k);
/* Appends the kept text; false when there is none or it is damaged. */
bool keep_load(const struct keep *k, const char *path, struct buf *out);
/* Failures are logged: what is in force does not depend on it. */
void keep_save(const struct keep *k, const char *path, struct str text);
void keep_drop(const struct keep *k, const char *path);
/* Removes what belongs to none of |paths|. */
void keep_only(const struct keep *k, struct strs paths);

/* ---- watch.c: inotify ---- */
struct watch_events {
    void *arg;
    void (*touched)(void *arg, int root, const char *path); /* may have come, changed or gone */
    void (*gone)(void *arg, const char *dir);               /* a folder and all that is in it */
    void (*lost)(void *arg);                                /* the kernel dropped events: look at everything */
};
struct watch;
MUST struct watch *watch_new(struct watch_events to, struct err *err);
void watch_free(struct watch *w);
int watch_fd(const struct watch *w);
/* Watches |dir| and all below, and reports every file found as touched. */
MUST bool watch_tree(struct watch *w, int root, const char *dir, struct err *err);
/* Does the folder itself still stand under watch? */
bool watch_has(const struct watch *w, const char *dir);
/* Reports what the kernel has queued. */
void watch_read(struct watch *w);
/* *.yaml, *.yml, *.json, not hidden. */
bool is_document_name(const char *name);
