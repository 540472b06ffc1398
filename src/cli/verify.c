/* osm verify: its words, and osm verify ingress: may somebody outside the mesh call a pod, and which IngressBackend
 * decides. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "cli/verify.h"

static const char usage[] =
    "Usage: osm verify ingress --from ADDRESS|NS/SERVICE (--to-pod NS/POD | --to-service NS/SERVICE) --to-port N\n"
    "                          [--app-protocol http|https] [--principal NAME] [--sni NAME] [--ingress-backend NAME]\n"
    "       osm verify connectivity --from-pod NS/POD (--to-pod NS/POD | --to-service NS/SERVICE | --to-ext-host HOST\n"
    "                               [--to-ext-port N] [--app-protocol http|https|tcp])\n"
    "       osm verify control-plane-health\n\n"
    "connectivity looks, step by step, for what keeps a pod from calling another, or something outside the mesh.\n"
    "control-plane-health looks whether all that was installed is there, runs, is trusted, and serves.\n"
    "ingress says whether a caller outside the mesh is let in at the pods' port N, and which IngressBackend decides. A "
    "Service\n"
    "stands for the addresses of its endpoints. Exits 1 when one of the calls is not allowed, or is allowed by "
    "another\n"
    "IngressBackend than the one that is named.\n\n"
    "  --app-protocol P   what the caller speaks: http (default) or https\n"
    "  --principal NAME   a name in the caller's certificate\n"
    "  --sni NAME         the server name that the caller asks for\n\n" PLACE_USAGE
    "Examples:\n  osm verify ingress --from ingress/nginx --to-service bookstore/bookstore --to-port 14001\n"
    "  osm verify ingress --from 192.0.2.7 --to-pod bookstore/bookstore-0 --to-port 14001 --app-protocol https \\\n"
    "    --principal gateway.ingress.cluster.local\n";

struct question {
    struct place place;
    const char *from, *pod, *service, *port, *protocol, *principal, *sni, *policy;
    const char *from_pod, *host, *host_port; /* of connectivity */
};

static const char *request_of(struct arena *a, const struct question *q)
{
    const struct {
        const char *name, *value;
    } all[] = {{"from", q->from}, {"pod", q->pod},           {"service", q->service},
               {"port", q->port}, {"protocol", q->protocol}, {"principal", q->principal},
               {"sni", q->sni}};
    struct buf b SCOPED_BUF = {0};
    buf_c(&b, "/v1/ingress");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value) buf_fmt(&b, "%c%s=%.*s", i ? '&' : '?', all[i].name, STR_FMT(api_escape(a, all[i].value)));
    return str_c(a, buf_view(&b));
}

/* Is the policy that decides the one that was asked about? */
static bool is_meant(struct str policy, const char *name)
{
    struct str given = str_of(name);
    ptrdiff_t slash = str_rfind(policy, '/');
    return !name || str_eq(policy, given) || str_eq(str_sub(policy, (size_t)(slash + 1), policy.n), given);
}

static int print_answer(const json_t *answer, const struct question *q, struct arena *a)
{
    static const char *const header[] = {"FROM", "POD", "RESULT", "INGRESSBACKEND", "WHY", NULL};
    struct buf out SCOPED_BUF = {0};
    struct text_table t = text_table_new(a, header);
    bool ok = json_flag(answer, "allowed");
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(answer, "rows"), i, r)
    {
        struct str policy = json_text(r, "policy");
        ok = ok && is_meant(policy, q->policy);
        text_table_row(&t, (struct str[]){json_text(r, "from"), json_text(r, "pod"), json_text(r, "result"), policy,
                                          json_text(r, "why")});
    }
    text_table_write(&t, &out);
    printf("%.*s may %scall %.*s port %s by %s%s%s\n", STR_FMT(json_text(answer, "from")), ok ? "" : "not ",
           STR_FMT(json_text(answer, "to")), q->port, q->protocol ? q->protocol : "http",
           q->policy ? " through IngressBackend " : "", q->policy ? q->policy : "");
    fwrite(out.p, 1, out.n, stdout);
    return ok ? 0 : 1;
}

static int verify(const struct question *q)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    json_t *answer = place_get(&q->place, request_of(a, q), &err);
    if (!answer) return verb_fail("%s", err.text);
    int code = print_answer(answer, q, a);
    json_decref(answer);
    return code;
}

static const char **option_of(struct question *q, int c)
{
    switch (c) {
    case 'f':
        return &q->from;
    case 'p':
        return &q->pod;
    case 's':
        return &q->service;
    case 'n':
        return &q->port;
    case 'a':
        return &q->protocol;
    case 'c':
        return &q->principal;
    case 'i':
        return &q->sni;
    case 'b':
        return &q->policy;
    case 'F':
        return &q->from_pod;
    case 'e':
        return &q->host;
    case 'E':
        return &q->host_port;
    default:
        return NULL;
    }
}

static int connectivity(const struct question *q)
{
    if (!q->from_pod || !q->pod + !q->service + !q->host != 2)
        return verb_usage("verify", "--from-pod and one of --to-pod, --to-service and --to-ext-host are needed");
    return verify_connectivity(&q->place, &(struct connectivity){.from = q->from_pod,
                                                                 .to_pod = q->pod,
                                                                 .to_service = q->service,
                                                                 .host = q->host,
                                                                 .port = q->host_port,
                                                                 .protocol = q->protocol});
}

void checks_say(struct checks *c, bool ok, int depth, const char *fmt, ...)
{
    va_list ap;
    printf("%*s[%c] ", 2 * depth, "", ok ? '+' : '-');
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    c->failed += !ok;
}

int verb_verify(int argc, char **argv)
{
    static const struct option options[] = {{"from", required_argument, NULL, 'f'},
                                            {"from-service", required_argument, NULL, 'f'},
                                            {"to-pod", required_argument, NULL, 'p'},
                                            {"to-service", required_argument, NULL, 's'},
                                            {"to-port", required_argument, NULL, 'n'},
                                            {"app-protocol", required_argument, NULL, 'a'},
                                            {"principal", required_argument, NULL, 'c'},
                                            {"sni", required_argument, NULL, 'i'},
                                            {"ingress-backend", required_argument, NULL, 'b'},
                                            {"from-pod", required_argument, NULL, 'F'},
                                            {"to-ext-host", required_argument, NULL, 'e'},
                                            {"to-ext-port", required_argument, NULL, 'E'},
                                            PLACE_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct question q = {0};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (place_option(&q.place, c, optarg)) continue;
        const char **value = option_of(&q, c);
        if (!value) return 2;
        *value = optarg;
    }
    const char *what = argc - optind == 1 ? argv[optind] : "";
    if (!strcmp(what, "control-plane-health")) return verify_control_plane(&q.place);
    if (!strcmp(what, "connectivity")) return connectivity(&q);
    if (strcmp(what, "ingress") != 0)
        return verb_usage("verify", "'ingress', 'connectivity' and 'control-plane-health' are what it can verify");
    if (!q.from || !q.port || (!q.pod && !q.service))
        return verb_usage("verify", "--from, --to-port and --to-pod or --to-service are needed");
    return verify(&q);
}
