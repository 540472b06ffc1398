/* exec.h - credential plugins: a program that prints an ExecCredential. Private to src/kube.
 *
 * The program gets no terminal; what it writes to stderr goes to ours. It has 30 seconds. */
#pragma once
#include <event2/event.h>

#include "kube/config.h"

struct exec_credential {
    struct str token, cert, key; /* PEM; token or both of the others */
    int64_t expires;             /* unix seconds; 0: until it is refused */
};

struct exec_run;
/* |config|->exec is run and lives on. |done| runs once, later; |c| NULL: |err| says why. */
struct exec_run *exec_run_start(struct event_base *base, const struct kube_config *config,
                                void (*done)(void *arg, const struct exec_credential *c, const struct err *err),
                                void *arg);
/* Kills the program; |done| will not run. NULL is fine. */
void exec_run_cancel(struct exec_run *r);

/* Pure: what the program printed. |api_version| is the one that it was asked in. */
MUST bool exec_credential_read(struct str text, struct str api_version, struct arena *a, struct exec_credential *out,
                               struct err *err);
/* Pure: the KUBERNETES_EXEC_INFO that the program gets; the caller frees it. */
char *exec_info(const struct kube_config *config);
