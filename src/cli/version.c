#include <stdio.h>

#include "cli/verb.h"

int verb_version(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        printf("Usage: osm version\n\nPrints the version of this executable.\n\nExample:\n  osm version\n");
        return 0;
    }
    printf("osm %s\n", OSM_VERSION);
    return 0;
}
