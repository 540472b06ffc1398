/* log_file.h - what a container prints, kept in a bounded file.
 *
 * The container writes into a pipe; whole reads are appended to PATH, and at LOG_FILE_MAX bytes PATH moves to PATH.1
 * (which it replaces). */
#pragma once
#include <event2/event.h>
#include <sys/types.h>

#include "base/err.h"

enum { LOG_FILE_MAX = 10 << 20 };

struct log_file;

/* Starts collecting; |owner| may open the pipe again by name (/dev/stdout). */
MUST struct log_file *log_file_new(struct event_base *base, const char *path, struct err *err);
/* The write end for a process of user |owner|; borrowed. */
int log_file_fd(struct log_file *l, uid_t owner);
/* Takes what is still in the pipe, then frees. NULL is fine. */
void log_file_free(struct log_file *l);
