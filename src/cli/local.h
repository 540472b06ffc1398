/* local.h - what the files of `osm local` share. */
#pragma once
#include "platform/local/control.h"
#include "platform/local/local.h"

/* POD as users write it, taken from the arguments behind the options. */
struct local_pod {
    const char *ns, *pod, *container;
};

/* One verb of `osm local`; argv[0] is its name. */
int local_apply(int argc, char **argv);
int local_delete(int argc, char **argv);
int local_logs(int argc, char **argv);
int local_exec(int argc, char **argv);
int local_port_forward(int argc, char **argv);
/* Not in the help: for tests on Kubernetes. */
int local_node(int argc, char **argv);

/* {"op", "pod", "namespace", "container"}; a new reference. */
json_t *local_request(const char *op, const struct local_pod *p);
/* A connection to the running mesh of --state |state| (NULL: default); -1 with err. */
int local_open(const char *state, struct err *err);
/* Sends and takes the first answer; NULL with err. */
json_t *local_ask(int fd, const json_t *request, int *got, struct err *err);
/* Joins this terminal to the one that a container opens and sends over the socket |console|; the session's last
 * answer (a new reference), or NULL with err. This terminal is as it was when it returns. */
json_t *local_terminal(int control, int console, struct err *err);
