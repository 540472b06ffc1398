/* reaper.h - who is told when a child process ends. One per process, on its loop. */
#pragma once
#include <event2/event.h>
#include <sys/types.h>

/* Follows SIGCHLD on |base|. */
void reaper_init(struct event_base *base);
void reaper_release(void);
/* |fn(arg, status)|, status as waitpid's, once, from the loop, when child |pid| ended; it is reaped by then. */
void reaper_watch(pid_t pid, void (*fn)(void *arg, int status), void *arg);
/* Nobody is told any more; the child is still reaped. */
void reaper_forget(pid_t pid);
