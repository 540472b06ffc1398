/* source.h - where objects come from. A source turns bytes into objects and puts them into the store; it never
 * decides what they mean. */
#pragma once
#include <event2/event.h>

#include "base/errcode.h"
#include "store/store.h"

/* Something that a file or an API said which is not an object: listed by `osm status`. Replaced as a whole per
 * |where| whenever that place is read again. */
struct source_problem {
    int code;          /* errcode.h */
    struct str where;  /* "demo/app.yaml:3:7" */
    struct str object; /* title, or empty */
    struct str text;
    bool is_error;
};
struct source_problems {
    struct source_problem *v;
    size_t n;
};

struct file_source;

struct file_source_options {
    /* Folders in rising precedence: an object in a later folder replaces the same object of an earlier one.
     * Within one folder a second object of the same kind and name is a problem (E8002) and the first (by file
     * name, then position) stays. */
    const char *dirs[4];
    /* Kinds to pass over per folder (bit 1 << kind); 0: none. */
    uint64_t skip[4];
    /* The last text of each file that parsed is kept here and is what holds while the present text does not
     * parse, across restarts too. NULL: in memory only. */
    const char *state_dir;
    /* Called when a batch of changes is in the store (one revision) or the problems changed. */
    void (*on_batch)(void *arg);
    void *arg;
};

/* Reads every *.yaml, *.yml and *.json below the folders (hidden names passed over, links to folders not followed)
 * and follows them by inotify on |base|: on close-write and rename at once; an emptied or vanished file gets 200 ms
 * to return (editors). The first batch is in the store when this returns; on_batch is for later ones. Files over
 * node_limits_default.bytes are a problem. A text that does not parse leaves the file's last good objects; in one
 * that does, each object stands for itself: one with errors is absent, an unknown kind a warning (E8010). Objects
 * without uid get one made of kind, namespace and name, so that every run agrees. Returns NULL with err only when a
 * folder cannot be read at all. |opt| is copied. */
MUST struct file_source *file_source_new(struct event_base *base, struct store *store,
                                         const struct file_source_options *opt, struct err *err);
void file_source_free(struct file_source *f);
/* Takes in now what the kernel already reports, instead of at the loop's next turn: a file that was saved before the
 * call is in the store after it (on_batch is called if it changed anything). */
void file_source_catch_up(struct file_source *f);
/* What is wrong now, by folder and file; borrowed until the next batch. Includes the warnings of decoded objects.
 * O(all objects) once per batch. */
struct source_problems file_source_problems(const struct file_source *f);
