/* loop.h - an event loop per thread and the way threads talk: messages, never locks.
 *
 * A loop is a libevent base and a mailbox. Any thread may post to a mailbox; its functions run on the loop's own
 * thread, in the order in which each sender posted them. */
#pragma once
#include <event2/event.h>

#include "base/err.h"

struct mailbox;

/* A mailbox on |base|; the base must outlive it. */
MUST struct mailbox *mailbox_new(struct event_base *base, struct err *err);
/* On the loop's thread, when nobody can post any more: runs what is still there, then frees. NULL is fine. */
void mailbox_free(struct mailbox *m);
/* Any thread: |fn(arg)| runs on the loop's thread soon, also when called there (then after the current event).
 * Lock-free; one small allocation. */
void mailbox_post(struct mailbox *m, void (*fn)(void *arg), void *arg);

/* A thread with a base and a mailbox of its own. */
struct loop_thread {
    struct event_base *base;
    struct mailbox *mail;
    unsigned long thread; /* pthread_t */
};
/* Starts the thread; |name| is at most 15 bytes. NULL with err when the system refuses. */
MUST struct loop_thread *loop_thread_new(const char *name, struct err *err);
/* Ends the loop after |last(arg)| ran on it, joins, frees. NULL for |last| is fine. */
void loop_thread_free(struct loop_thread *t, void (*last)(void *arg), void *arg);

/* A base without locks and with the timer precision that the servers want. NULL: out of descriptors. From the first
 * one on the process ignores SIGPIPE, as every loop writes to sockets that may be closed: who starts programs
 * resets it in the child. */
MUST struct event_base *loop_base_new(struct err *err);
