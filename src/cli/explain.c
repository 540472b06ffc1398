/* osm explain KIND[.FIELD...] and osm crds [KIND...]: both print what the field tables say. */
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"
#include "kinds/schema.h"

static bool wants_help(int argc, char **argv)
{
    return argc >= 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"));
}

static void list_kinds(void)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind_info *i = kind_info((enum kind)k);
        printf("%-24s %-8s %-34s %s\n", i->name, i->short_name ? i->short_name : "", *i->group ? i->group : "core",
               i->table->doc);
    }
}

int verb_explain(int argc, char **argv)
{
    struct buf out SCOPED_BUF = {0};
    struct err err = {0};
    if (wants_help(argc, argv)) {
        printf("Usage: osm explain KIND[.FIELD...]\n\nSays what a kind or one of its fields means, its type, default "
               "and range.\n\n"
               "Examples:\n  osm explain TrafficTarget\n  osm explain meshconfig.spec.traffic\n  osm explain        "
               "lists the kinds\n");
        return 0;
    }
    if (argc < 2) {
        list_kinds();
        return 0;
    }
    if (argc > 2) return verb_usage("explain", "one KIND[.FIELD...] at a time");
    if (!explain_write(str_of(argv[1]), &out, &err)) return verb_fail("%s", err.text);
    fwrite(out.p, 1, out.n, stdout);
    return 0;
}

int verb_crds(int argc, char **argv)
{
    struct buf out SCOPED_BUF = {0};
    if (wants_help(argc, argv)) {
        printf("Usage: osm crds [KIND...]\n\nPrints the CustomResourceDefinitions of the mesh's kinds, all or those "
               "named.\n\n"
               "Examples:\n  osm crds\n  osm crds TrafficTarget TrafficSplit\n");
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        enum kind k;
        if (!kind_lookup(str_of(argv[i]), &k) || !(kind_info(k)->flags & KIND_MESH))
            return verb_fail("'%s' is not a kind of the mesh; osm explain lists the kinds", argv[i]);
        crd_write(k, &out);
    }
    for (int k = 0; argc == 1 && k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->flags & KIND_MESH) crd_write((enum kind)k, &out);
    fwrite(out.p, 1, out.n, stdout);
    return 0;
}
