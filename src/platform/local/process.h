/* process.h - processes in a pod's namespaces.
 *
 * Every process of a container is a direct child of the supervisor (which therefore reaps it), forked into the
 * pod's PID namespace; the pod's init only holds the namespaces together and reaps orphans. Called from the
 * supervisor's only thread. */
#pragma once
#include <sys/types.h>

#include "base/field.h"
#include "platform/local/root.h"

struct process_spec {
    pid_t init; /* the pod's init */
    pid_t join; /* > 0: enter this process's mount namespace (exec), else |root| is made */
    const struct root_spec *root;
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in env's PATH, inside the container */
    const char *const *env;  /* NULL-terminated */
    const char *cwd;         /* NULL: / */
    uid_t uid;
    gid_t gid;
    struct ints groups; /* supplementary */
    uint64_t capabilities;
    bool no_new_privs;
    int in, out, err; /* descriptors; -1: /dev/null */
    /* A socket of packets; -1: none. The process gets a new terminal of the container instead of the three streams,
     * and the terminal's other side is sent there (control.h). */
    int console;
};

struct process {
    pid_t pid;  /* 0: none */
    int status; /* read end: why the program could not be started; -1: none */
};

/* Forks the process; true as soon as it exists. What fails later (mounts, a command that does not exist) ends it
 * with code 128 and is told by process_failure. */
MUST bool process_start(const struct process_spec *spec, struct process *out, struct err *err);
/* After the process was reaped: true with |why| set when its program never ran. Closes the status pipe. */
bool process_failure(struct process *p, struct err *why);
/* The pod's init: a clone in new PID, IPC, network, mount and UTS namespaces, called |hostname|, with the address
 * of host part |host|; NET_HOST: without a network of its own. Returns when its network stands. 0 with err on failure.
 */
MUST pid_t process_start_init(const char *hostname, unsigned host, struct err *err);
