/* osm validate -f FILE|DIR: what a mesh would say of manifests, before anybody applies them */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/validate.h"
#include "cli/verb.h"

static const char usage[] =
    "Usage: osm validate -f FILE|DIR [-f FILE|DIR...] [-o json]\n\n"
    "Says what is wrong with manifests without a cluster or a controller: what does not decode, what breaks a rule of\n"
    "its kind, what contradicts, and what refers to nothing. Objects that are not among the files may be elsewhere: a\n"
    "reference to one is a warning. Exits 1 when there is an error.\n\n"
    "  -f FILE|DIR            a file, a folder of *.yaml, *.yml and *.json, or - for standard input\n"
    "  -o json                for programs\n"
    "  --osm-namespace NAME   where the MeshConfig is (osm-system)\n"
    "  --mesh-name NAME       value of the namespaces' label openservicemesh.io/monitored-by (osm)\n\n"
    "Examples:\n  osm validate -f demo/bookstore\n  osm validate -f app/ -f policies/egress.yaml -o json\n"
    "  kubectl get egresses,httproutegroups -A -o yaml | osm validate -f -\n";

static json_t *text_json(struct str s) { return json_stringn_nocheck(s.p ? s.p : "", s.n); }

static json_t *problem_json(const struct source_problem *p)
{
    char code[16];
    int64_t line, col;
    struct str file = validate_place(p->where, &line, &col);
    snprintf(code, sizeof code, "E%04d", p->code);
    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:b}", "code", code, "object", text_json(p->object), "file",
                     text_json(file), "line", (json_int_t)line, "column", (json_int_t)col, "path", text_json(p->path),
                     "text", text_json(p->text), "error", p->is_error);
}

static void print_json(const struct validation *v)
{
    json_t *all = json_array();
    for (each(p, v->problems)) json_array_append_new(all, problem_json(p));
    json_t *o = json_pack("{s:I, s:I, s:I, s:o}", "objects", (json_int_t)v->objects, "errors", (json_int_t)v->errors,
                          "warnings", (json_int_t)v->warnings, "problems", all);
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

static void print_text(const struct validation *v)
{
    for (each(p, v->problems))
        printf("%.*s: %s E%04d: %.*s%s%.*s\n", STR_FMT(p->where), p->is_error ? "error" : "warning", p->code,
               STR_FMT(p->object), p->object.n ? ": " : "", STR_FMT(p->text));
    printf("%zu objects, %zu errors, %zu warnings\n", v->objects, v->errors, v->warnings);
}

static int validate(struct strs paths, const struct mesh_platform *platform, bool json, struct arena *a)
{
    struct validation v = validate_files(paths, platform, a);
    (json ? print_json : print_text)(&v);
    return v.errors > 0;
}

int verb_validate(int argc, char **argv)
{
    static const struct option options[] = {{"filename", required_argument, NULL, 'f'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"osm-namespace", required_argument, NULL, 'n'},
                                            {"mesh-name", required_argument, NULL, 'm'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct arena *a SCOPED_ARENA = arena_new();
    struct mesh_platform platform = mesh_platform_local;
    struct strs paths = {0};
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "hf:o:", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (c == 'f')
            list_push(a, &paths, str_of(optarg));
        else if (c == 'n')
            platform.system_ns = str_of(optarg);
        else if (c == 'm')
            platform.mesh = str_of(optarg);
        else if (c == 'o' && !strcmp(optarg, "json"))
            json = true;
        else if (c == 'o')
            return verb_usage("validate", "'%s' is no form of output: json is the one", optarg);
        else
            return 2;
    }
    if (!paths.n || optind < argc) return verb_usage("validate", "it takes files as -f FILE|DIR");
    return validate(paths, &platform, json, a);
}
