/* osm mesh list and osm namespace list. */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/table.h"
#include "cli/verb.h"

static bool is_help(int argc, char **argv)
{
    return argc >= 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"));
}

/* The only subcommand both have. False with the exit code in |code| when there is nothing to do. */
static bool wants_list(int argc, char **argv, const char *verb, const char *usage, int *code)
{
    *code = 0;
    if (is_help(argc, argv)) {
        fputs(usage, stdout);
        return false;
    }
    if (argc == 2 && !strcmp(argv[1], "list")) return true;
    *code = verb_usage(verb, "'list' is what it can do");
    return false;
}

static void print(const struct text_table *t)
{
    struct buf out SCOPED_BUF = {0};
    text_table_write(t, &out);
    fwrite(out.p, 1, out.n, stdout);
}

int verb_mesh(int argc, char **argv)
{
    static const char usage[] = "Usage: osm mesh list\n\nThe meshes that run here.\n\nExamples:\n  osm mesh list\n";
    static const char *const header[] = {"MESH", "NAMESPACE", "VERSION", "MODE", "EGRESS", "STATE", NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    int code;
    if (!wants_list(argc, argv, "mesh", usage, &code)) return code;
    json_t *st = api_get("/v1/status", &err);
    if (!st) return verb_fail("%s", err.text);
    const json_t *m = json_object_get(st, "mesh");
    struct text_table t = text_table_new(a, header);
    text_table_row(&t, (struct str[]){json_text(m, "name"), json_text(m, "namespace"), json_text(m, "version"),
                                      json_flag(m, "permissive") ? S("permissive") : S("SMI policy"),
                                      json_flag(m, "egress") ? S("on") : S("off"), S("local")});
    print(&t);
    json_decref(st);
    return 0;
}

int verb_namespace(int argc, char **argv)
{
    static const char usage[] =
        "Usage: osm namespace list\n\nThe namespaces, the mesh they belong to, and whether their pods get a "
        "sidecar.\n\nExamples:\n  osm namespace list\n";
    static const char *const header[] = {"NAMESPACE", "MESH", "SIDECAR-INJECTION", "PODS IN MESH", NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    size_t i;
    json_t *ns;
    int code;
    if (!wants_list(argc, argv, "namespace", usage, &code)) return code;
    json_t *all = api_get("/v1/namespaces", &err);
    if (!all) return verb_fail("%s", err.text);
    struct text_table t = text_table_new(a, header);
    json_array_foreach(all, i, ns)
    {
        struct str mesh = json_flag(ns, "ignored") ? S("(ignored)") : json_text(ns, "mesh");
        text_table_row(&t, (struct str[]){json_text(ns, "name"), mesh.n ? mesh : S("-"),
                                          json_text(ns, "injection").n ? json_text(ns, "injection") : S("-"),
                                          str_fmt(a, "%lld", (long long)json_number(ns, "pods"))});
    }
    print(&t);
    json_decref(all);
    return 0;
}
