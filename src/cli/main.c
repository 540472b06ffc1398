/* The executable: finds the verb and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"

static void help(FILE *out)
{
    fprintf(out, "osm - a service mesh that is simple\n\nUsage: osm VERB [ARGUMENT...]      osm VERB -h for its help "
                 "and examples\n\n");
    for (const struct verb *v = verbs; v->name; v++)
        if (!v->hidden) fprintf(out, "  %-10s %s\n", v->name, v->help);
    fprintf(out, "\nTry:  osm local up demo/bookstore --images demo/images.yaml -d  &&  osm status\n");
}

static bool is_help(const char *word)
{
    return !strcmp(word, "-h") || !strcmp(word, "--help") || !strcmp(word, "help");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (is_help(argv[1])) {
        help(stdout);
        return 0;
    }
    const char *word = strcmp(argv[1], "--version") ? argv[1] : "version";
    for (const struct verb *v = verbs; v->name; v++)
        if (!strcmp(v->name, word)) return v->run(argc - 1, argv + 1);
    fprintf(stderr, "osm: there is no verb '%s'; osm -h lists them\n", word);
    return 2;
}
