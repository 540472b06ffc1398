/* osm policy check-pods SRC DST, osm policy check-conflicts */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/errcode.h"
#include "base/list.h"
#include "cli/api.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "kinds/object.h"

static const char usage[] =
    "Usage: osm policy check-pods SOURCE DESTINATION [--method M] [--path P] [--header H] [--port N]\n"
    "       osm policy check-pods SOURCE URL [--method M] [--address A]\n"
    "       osm policy check-conflicts [KIND] [-n NAMESPACE[,NAMESPACE...]]\n\n"
    "check-pods says whether the pod SOURCE may call the pod DESTINATION, for each Service and port, and which rule "
    "decides.\n"
    "With a method, path or headers ('NAME: VALUE', any number; host is the authority), for exactly that request.\n"
    "Pods are NS/NAME. A URL (http://HOST/PATH, https://HOST,\n"
    "tcp://ADDRESS:PORT) asks whether the call may leave the mesh; --address is where it is dialled. Exits 1 when "
    "nothing "
    "is\n"
    "allowed.\n\n"
    "check-conflicts lists the objects of which a part does not hold because another contradicts it. Exits 1 when "
    "there "
    "are any.\n\n" PLACE_USAGE "Examples:\n  osm policy check-pods bookbuyer/bookbuyer-0 bookstore/bookstore-v1-0\n"
    "  osm policy check-pods bookthief/bookthief-0 bookstore/bookstore-v1-0 --method GET --path /books-bought\n"
    "  osm policy check-pods bookbuyer/bookbuyer-0 bookstore/bookstore-v1-0 --path /buy --header 'client-app: buyer'\n"
    "  osm policy check-pods bookbuyer/bookbuyer-0 http://isbn.example/isbn/7\n"
    "  osm policy check-conflicts Egress\n";

struct question {
    struct place place;
    const char *source, *destination, *method, *path, *port, *address;
    LIST(const char *) headers;
};

static const char *request_of(struct arena *a, const struct question *q)
{
    struct buf b SCOPED_BUF = {0};
    buf_fmt(&b, "/v1/check?source=%.*s&destination=%.*s", STR_FMT(api_escape(a, q->source)),
            STR_FMT(api_escape(a, q->destination)));
    if (q->method) buf_fmt(&b, "&method=%.*s", STR_FMT(api_escape(a, q->method)));
    if (q->path) buf_fmt(&b, "&path=%.*s", STR_FMT(api_escape(a, q->path)));
    if (q->port) buf_fmt(&b, "&port=%.*s", STR_FMT(api_escape(a, q->port)));
    for (each(h, q->headers)) buf_fmt(&b, "&header=%.*s", STR_FMT(api_escape(a, *h)));
    if (q->address) buf_fmt(&b, "&address=%.*s", STR_FMT(api_escape(a, q->address)));
    return str_c(a, buf_view(&b));
}

static int print_answer(const json_t *answer, struct arena *a)
{
    static const char *const header[] = {"SERVICE", "PORT", "PROTOCOL", "RESULT", "RULE", "WHY", NULL};
    struct buf out SCOPED_BUF = {0};
    struct text_table t = text_table_new(a, header);
    size_t i;
    json_t *p;
    printf("%.*s may %scall %.*s (%.*s)\n", STR_FMT(json_text(answer, "source")),
           json_flag(answer, "allowed") ? "" : "not ", STR_FMT(json_text(answer, "destination")),
           STR_FMT(json_text(answer, "mode")));
    json_array_foreach(json_object_get(answer, "ports"), i, p)
    {
        text_table_row(&t,
                       (struct str[]){json_text(p, "service"), str_fmt(a, "%lld", (long long)json_number(p, "port")),
                                      json_text(p, "protocol"), json_text(p, "result"), json_text(p, "rule"),
                                      json_text(p, "why")});
    }
    text_table_write(&t, &out);
    if (i) fwrite(out.p, 1, out.n, stdout);
    return json_flag(answer, "allowed") ? 0 : 1;
}

static int check(const struct question *q, struct arena *a)
{
    struct err err = {0};
    json_t *answer = place_get(&q->place, request_of(a, q), &err);
    if (!answer) return verb_fail("%s", err.text);
    int code = print_answer(answer, a);
    json_decref(answer);
    return code;
}

/* ---- conflicts ------------------------------------------------------------------------------------------- */

/* Codes of diagnostics that mean: another object contradicts this one. */
static const int conflicts[] = {E_EGRESS_CONFLICT, E_SPLIT_CONFLICT, E_CONFLICT};

/* |spaces|: separated by commas. What has no namespace is in none. */
static bool is_in(struct str object, struct str spaces)
{
    struct str ns = str_cut(&object, '/');
    while (object.p && spaces.p)
        if (str_eq(str_cut(&spaces, ','), ns)) return true;
    return false;
}

static bool is_conflict(const json_t *d, const char *kind, const char *ns)
{
    struct str code = json_text(d, "code"), object = json_text(d, "object");
    int64_t n;
    struct str written = str_cut(&object, ' ');
    if (kind && !str_is(written, kind)) return false;
    if (ns && !is_in(object, str_of(ns))) return false;
    for (size_t i = 0; i < sizeof conflicts / sizeof *conflicts; i++)
        if (str_to_i64(str_sub(code, 1, code.n), 0, 9999, &n) && n == conflicts[i]) return true;
    return false;
}

static int check_conflicts(const struct place *p, const char *word, const char *ns)
{
    enum kind k;
    if (word && !kind_lookup(str_of(word), &k))
        return verb_usage("policy", "'%s' is not a kind; osm explain lists them", word);
    const char *kind = word ? kind_info(k)->name : NULL;
    static const char *const header[] = {"CODE", "OBJECT", "WHERE", "WHAT", NULL};
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct buf out SCOPED_BUF = {0};
    json_t *status = place_get(p, "/v1/status", &err), *d;
    if (!status) return verb_fail("%s", err.text);
    struct text_table t = text_table_new(a, header);
    size_t i, found = 0;
    json_array_foreach(json_object_get(status, "diagnostics"), i, d)
    {
        if (!is_conflict(d, kind, ns)) continue;
        found++;
        text_table_row(&t, (struct str[]){json_text(d, "code"), json_text(d, "object"), json_text(d, "where"),
                                          json_text(d, "text")});
    }
    text_table_write(&t, &out);
    if (found)
        fwrite(out.p, 1, out.n, stdout);
    else
        puts("no conflicts");
    json_decref(status);
    return found > 0;
}

int verb_policy(int argc, char **argv)
{
    static const struct option options[] = {{"method", required_argument, NULL, 'm'},
                                            {"path", required_argument, NULL, 'p'},
                                            {"header", required_argument, NULL, 'H'},
                                            {"port", required_argument, NULL, 'P'},
                                            {"address", required_argument, NULL, 'a'},
                                            {"namespace", required_argument, NULL, 'n'},
                                            {"namespaces", required_argument, NULL, 'n'},
                                            PLACE_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct arena *a SCOPED_ARENA = arena_new();
    struct question q = {0};
    const char *ns = NULL;
    for (int c; (c = getopt_long(argc, argv, "hn:", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (c == 'm')
            q.method = optarg;
        else if (c == 'p')
            q.path = optarg;
        else if (c == 'H')
            list_push(a, &q.headers, optarg);
        else if (c == 'P')
            q.port = optarg;
        else if (c == 'a')
            q.address = optarg;
        else if (c == 'n')
            ns = optarg;
        else if (!place_option(&q.place, c, optarg))
            return 2;
    }
    if (argc - optind >= 1 && argc - optind <= 2 && !strcmp(argv[optind], "check-conflicts"))
        return check_conflicts(&q.place, argv[optind + 1], ns);
    if (argc - optind != 3 || strcmp(argv[optind], "check-pods"))
        return verb_usage("policy", "'check-pods SOURCE DESTINATION' and 'check-conflicts [KIND]' are what it can do");
    q.source = argv[optind + 1];
    q.destination = argv[optind + 2];
    return check(&q, a);
}
