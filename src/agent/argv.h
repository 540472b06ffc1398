/* argv.h - what argp does not do by itself: -h, and the verb's full name in its help. */
#pragma once
#include <string.h>

/* Changes |argv| in place. |name|: "osm agent". */
static inline void argv_prepare(int argc, char **argv, const char *name)
{
    if (argc > 0) argv[0] = (char *)name;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "-h")) argv[i] = (char *)"--help";
}
