/* control.h - how the verbs talk to the supervisor: JSON messages over a Unix socket of packets, with descriptors
 * where a process or a connection is asked for.
 *
 *   {"op":"status"}                              → {"pid","dir","pods":[…]}
 *   {"op":"logs","pod","namespace","container"}  → {"path"}: the verb reads the file itself
 *   {"op":"exec", …, "argv":[…]} + 3 descriptors → {"started":true}, later {"exit":N}; hanging up kills it. With a
 *                                                  fourth, a socket of packets, the command runs on a terminal, whose
 *                                                  other side is sent there: {"terminal":true} + 1 descriptor
 *   {"op":"connect", …, "port":N}                → {} + a connected socket
 *   {"op":"down"}                                → {}, and the supervisor ends
 * A failure is {"error": sentence}. */
#pragma once
#include <event2/event.h>

#include "platform/local/cluster.h"

/* ---- the supervisor's side ---- */
struct control;
struct control_options {
    struct event_base *base;
    struct cluster *cluster;
    const char *path; /* 0600 */
    const char *dir;  /* the user's folder, told by status */
    const char *logs;
    int host_pid;
    void (*down)(void *arg);
    void *arg;
};
MUST struct control *control_new(const struct control_options *opt, struct err *err);
void control_free(struct control *c);

/* ---- the verbs' side ---- */
enum { CONTROL_MAX = 1 << 17 };
/* A connection; -1 with err saying that no local mesh is running. */
int control_open(const char *path, struct err *err);
MUST bool control_send(int fd, const json_t *message, const int *fds, int n, struct err *err);
/* The next message (a new reference) and at most one descriptor (|got| may be NULL; else -1 or it). NULL with err at
 * the end, or when it is {"error"}. */
MUST json_t *control_receive(int fd, int *got, struct err *err);
