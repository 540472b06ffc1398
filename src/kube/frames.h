/* frames.h - cuts what a server streams into JSON documents, whatever the borders of its pieces. Pure; for untrusted
 * bytes. Private to src/kube.
 *
 * A watch is document after document. A list is one document whose "items" are taken out one by one as they arrive, so
 * that a list of any length needs memory for its largest item only; what is left, with "items" empty, comes last. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum frames_kind { FRAMES_STREAM, FRAMES_LIST };

struct frames {
    enum frames_kind kind;
    size_t max; /* bytes of one document or item */
    /* false: stops; frames_feed returns false without err. */
    bool (*document)(void *arg, struct str json, bool is_item);
    void *arg;
    struct buf text, item;
    size_t depth, key_from;
    bool in_string, is_escaped, is_key, key_is_items, in_items;
};

/* Gives every document that is complete with |piece|. False with err when it cannot be JSON or one is over |max|. */
MUST bool frames_feed(struct frames *f, struct str piece, struct err *err);
/* Is a document under way? */
bool frames_is_open(const struct frames *f);
/* Forgets what is under way, and frees. */
void frames_release(struct frames *f);
