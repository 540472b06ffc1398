/* verb.h - the one table of verbs: what `osm` can be asked, in the order its help shows it.
 *
 * A verb has its own file src/cli/<verb>.c and parses its own arguments (argp or getopt_long); every verb answers
 * -h with examples. Exit codes: 0 done, 1 the thing failed (one sentence on stderr), 2 wrong usage. */
#pragma once
#include <stdbool.h>

struct verb {
    const char *name;                  /* "status", "policy" */
    const char *args;                  /* for the help line: "check-pods SRC DST" */
    const char *help;                  /* one line */
    int (*run)(int argc, char **argv); /* argv[0] is the verb's name */
    bool hidden;                       /* only machines call it */
};

/* Ended by an entry without name. */
extern const struct verb verbs[];

/* One sentence on stderr, "osm <verb>: …"; returns 2 and names -h. */
int verb_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One sentence on stderr; returns 1. */
int verb_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int verb_status(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_local(int argc, char **argv);
int verb_mesh(int argc, char **argv);
int mesh_upgrade(int argc, char **argv); /* argv[0] is "upgrade" */
int verb_metrics(int argc, char **argv);
int verb_namespace(int argc, char **argv);
int verb_validate(int argc, char **argv);
int verb_proxy(int argc, char **argv);
int verb_policy(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_crds(int argc, char **argv);
int verb_support(int argc, char **argv);
int verb_env(int argc, char **argv);
int verb_version(int argc, char **argv);
int verb_install(int argc, char **argv);
int verb_uninstall(int argc, char **argv);
int verb_controller(int argc, char **argv);
int verb_agent(int argc, char **argv);
int verb_capture(int argc, char **argv);
