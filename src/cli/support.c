/* osm support error-info [CODE]; bug-report has a file of its own. */
#include <stdio.h>
#include <string.h>

#include "base/errcode.h"
#include "cli/bug_report.h"
#include "cli/verb.h"

static const char usage[] =
    "Usage: osm support error-info [CODE]\n"
    "       osm support bug-report [-h]\n\n"
    "error-info says what an error code means and what to do about it; without a code, lists all.\n\n"
    "Examples:\n  osm support error-info E2007\n  osm support error-info | grep -i certificate\n";

static int one(const char *word)
{
    int64_t code;
    struct str digits = str_of(word[0] == 'E' || word[0] == 'e' ? word + 1 : word);
    const struct errcode *e = str_to_i64(digits, 0, 9999, &code) ? errcode_get((int)code) : NULL;
    if (!e) return verb_fail("there is no error code '%s'; osm support error-info lists them", word);
    printf("E%04d  %s\n\n%s\n", e->code, e->title, e->text);
    return 0;
}

int verb_support(int argc, char **argv)
{
    if (argc >= 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc >= 2 && !strcmp(argv[1], "bug-report")) return bug_report(argc - 1, argv + 1);
    if (argc < 2 || strcmp(argv[1], "error-info"))
        return verb_usage("support", "'error-info' and 'bug-report' are what it can do");
    if (argc == 3) return one(argv[2]);
    if (argc > 3) return verb_usage("support", "one code at most");
    size_t n;
    const struct errcode *all = errcode_table(&n);
    for (size_t i = 0; i < n; i++) printf("E%04d  %s\n", all[i].code, all[i].title);
    return 0;
}
