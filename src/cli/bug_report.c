/* osm support bug-report: one archive of all that somebody needs who is to find out what is wrong. Nothing in it is
 * secret: of Secrets only the names, and Envoy leaves private keys out of what it shows. What cannot be had is noted in
 * the file that would hold it, and the report goes on. */
#include "cli/bug_report.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "base/names.h"
#include "base/yaml_write.h"
#include "cli/api.h"
#include "cli/proxy_ask.h"
#include "cli/verb.h"
#include "kinds/object.h"
#include "kube/request.h"
#include "platform/local/doc.h"

enum { LOG_LINES = 5000, PAGE = 500 };

static const char usage[] =
    "Usage: osm support bug-report [--app-namespaces NS[,NS...]] [--app-pods NS/POD[,...]] [-o FILE.tar.gz]\n\n"
    "Collects what helps to find out what is wrong with a mesh: versions, status, objects, logs and proxies. Without\n"
    "namespaces or pods, of every namespace of the mesh. Of Secrets only names are taken; a proxy's configuration is\n"
    "without keys, but shows addresses, policies and headers that it adds.\n\n"
    "  -o, --out-file FILE   the archive (osm-bug-report-DATE.tar.gz here)\n\n" PLACE_USAGE
    "Examples:\n  osm support bug-report\n  osm support bug-report --app-namespaces bookstore,bookbuyer -o "
    "/tmp/r.tgz\n";

struct report {
    struct place place;
    struct arena *a;
    struct controllers *controllers;
    struct kube_client *client; /* NULL: this machine */
    const char *dir, *out;
    const char *spaces, *pods; /* as given */
    size_t files, failures;
};

/* ---- files ---- */

static void put(struct report *r, const char *name, struct str text)
{
    struct err err = {0};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    for (char *at = path + strlen(r->dir) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = 0;
        mkdir(path, 0700);
    }
    if (!file_write_atomic(path, text, 0600, &err)) fprintf(stderr, "osm: %s\n", err.text);
    r->files++;
}

static void put_failure(struct report *r, const char *name, const struct err *err)
{
    r->failures++;
    put(r, str_fmt(r->a, "%s.failed", name).p, str_fmt(r->a, "%s\n", err->text));
}

static void put_json(struct report *r, const char *name, const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(1));
    put(r, name, str_of(text));
    free(text);
}

/* ---- the mesh ---- */

static json_t *put_status(struct report *r)
{
    struct err err = {0};
    json_t *st = r->controllers ? controllers_status(r->controllers, true, &err) : NULL;
    if (st)
        put_json(r, "status.json", st);
    else
        put_failure(r, "status.json", &err);
    return st;
}

static void put_proxy(struct report *r, struct str ns, struct str name)
{
    static const char *const queries[] = {
        "config_dump?include_eds", "clusters", "listeners", "stats", "certs", "ready", "server_info"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct proxy_pod pod = {.client = r->client, .ns = ns, .name = name};
        struct err err = {0};
        struct str body;
        size_t n = strcspn(queries[i], "?");
        const char *file = str_fmt(r->a, "pods/%.*s/%.*s/%.*s", STR_FMT(ns), STR_FMT(name), (int)n, queries[i]).p;
        if (proxy_get(&pod, str_fmt(a, "/%s", queries[i]).p, a, &body, &err))
            put(r, file, body);
        else
            put_failure(r, file, &err);
    }
}

/* ---- a cluster's objects and logs ---- */

static void strip(json_t *list)
{
    json_t *o;
    size_t i;
    json_array_foreach(json_object_get(list, "items"), i, o)
        json_object_del(json_object_get(o, "metadata"), "managedFields");
}

/* A list, a page at most; |only_names|: nothing else of its objects. */
static const json_t *put_list(struct report *r, const char *file, struct kube_ref ref, const char *query,
                              bool only_names)
{
    struct kube_answer x;
    struct err err = {0};
    struct buf out SCOPED_BUF = {0};
    struct kube_request q = kube_list(r->a, ref, query, PAGE, STR_NULL);
    if (!kube_fetch(r->client, &q, r->a, &x, &err)) {
        if (x.status != 404) put_failure(r, file, &err);
        return NULL;
    }
    const json_t *o;
    size_t i;
    strip((json_t *)x.json);
    if (!only_names) yaml_write(x.json, &out);
    json_array_foreach(json_object_get(x.json, "items"), i, o) if (only_names)
        buf_fmt(&out, "%s\n", json_string_value(json_object_get(json_object_get(o, "metadata"), "name")));
    if (i) put(r, file, buf_view(&out));
    return x.json;
}

static void put_log(struct report *r, const char *file, struct kube_ref pod, const char *container, bool previous)
{
    struct kube_answer x;
    struct err err = {0};
    pod.sub = "log";
    struct kube_request q = {.accept = "*/*",
                             .path = str_fmt(r->a, "%s?container=%s&tailLines=%d%s", kube_path(r->a, pod), container,
                                             LOG_LINES, previous ? "&previous=true" : "")
                                         .p};
    if (kube_fetch(r->client, &q, r->a, &x, &err))
        put(r, file, x.body);
    else if (!previous) /* most have none */
        put_failure(r, file, &err);
}

static void put_pod_logs(struct report *r, struct str ns, const json_t *pod, const char *container)
{
    struct str name = json_text(json_object_get(pod, "metadata"), "name");
    struct kube_ref ref = {.version = "v1", .plural = "pods", .ns = ns, .name = name};
    for (int previous = 0; previous < 2; previous++)
        put_log(
            r,
            str_fmt(r->a, "pods/%.*s/%.*s/%s%s.log", STR_FMT(ns), STR_FMT(name), container, previous ? "-previous" : "")
                .p,
            ref, container, previous);
}

static void put_space(struct report *r, struct str ns)
{
    static const struct {
        const char *group, *version, *plural;
    } lists[] = {{"", "v1", "services"},
                 {"", "v1", "events"},
                 {"discovery.k8s.io", "v1", "endpointslices"},
                 {"apps", "v1", "deployments"},
                 {"networking.k8s.io", "v1", "ingresses"},
                 {"", "v1", "serviceaccounts"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        put_list(r, str_fmt(r->a, "namespaces/%.*s/%s.yaml", STR_FMT(ns), lists[i].plural).p,
                 (struct kube_ref){
                     .group = lists[i].group, .version = lists[i].version, .plural = lists[i].plural, .ns = ns},
                 NULL, false);
    put_list(r, str_fmt(r->a, "namespaces/%.*s/secrets.names", STR_FMT(ns)).p,
             (struct kube_ref){.version = "v1", .plural = "secrets", .ns = ns}, NULL, true);
}

static const json_t *put_pods(struct report *r, struct str ns)
{
    return put_list(r, str_fmt(r->a, "namespaces/%.*s/pods.yaml", STR_FMT(ns)).p,
                    (struct kube_ref){.version = "v1", .plural = "pods", .ns = ns}, NULL, false);
}

static void put_control_plane(struct report *r)
{
    struct str ns = str_of(place_namespace(&r->place));
    const json_t *pods = put_pods(r, ns), *pod;
    size_t i;
    put_space(r, ns);
    json_array_foreach(json_object_get(pods, "items"), i, pod) put_pod_logs(r, ns, pod, "osm-controller");
    put_list(r, "mutatingwebhookconfigurations.yaml",
             (struct kube_ref){
                 .group = "admissionregistration.k8s.io", .version = "v1", .plural = "mutatingwebhookconfigurations"},
             NULL, false);
    put_list(r, "validatingwebhookconfigurations.yaml",
             (struct kube_ref){
                 .group = "admissionregistration.k8s.io", .version = "v1", .plural = "validatingwebhookconfigurations"},
             NULL, false);
    put_list(r, "leases.yaml",
             (struct kube_ref){.group = "coordination.k8s.io", .version = "v1", .plural = "leases", .ns = ns}, NULL,
             false);
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind_info *info = kind_info((enum kind)k);
        if (!strstr(info->group, "openservicemesh.io") && !strstr(info->group, "smi-spec.io")) continue;
        put_list(r, str_fmt(r->a, "kinds/%s.yaml", info->plural).p,
                 (struct kube_ref){.group = info->group, .version = info->versions[0], .plural = info->plural}, NULL,
                 false);
    }
}

/* ---- which namespaces and pods ---- */

static bool is_listed(const char *list, struct str word)
{
    struct str rest = str_of(list);
    while (rest.p)
        if (str_eq(str_cut(&rest, ','), word)) return true;
    return false;
}

static bool is_wanted(const struct report *r, struct str ns, struct str pod)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (!r->spaces && !r->pods) return true;
    return (r->spaces && is_listed(r->spaces, ns)) ||
           (r->pods && is_listed(r->pods, str_fmt(a, "%.*s/%.*s", STR_FMT(ns), STR_FMT(pod))));
}

static void put_workloads(struct report *r, const json_t *status)
{
    const json_t *pod;
    struct strs seen = {0};
    size_t i;
    json_array_foreach(json_object_get(status, "pods"), i, pod)
    {
        struct str ns = json_text(pod, "namespace"), name = json_text(pod, "name");
        if (!json_flag(pod, "inMesh") || !is_wanted(r, ns, name)) continue;
        if (r->client && !strs_has(seen, ns)) {
            list_push(r->a, &seen, ns);
            put_space(r, ns);
            put_pods(r, ns);
        }
        json_t *named SCOPED_JSON = json_pack("{s:{s:s%}}", "metadata", "name", name.p, name.n);
        if (r->client) put_pod_logs(r, ns, named, CONTAINER_SIDECAR);
        put_proxy(r, ns, name);
    }
}

static void collect(struct report *r)
{
    struct err err = {0};
    put(r, "version.txt", S("osm " OSM_VERSION "\n"));
    r->controllers = controllers_open(&r->place, &err);
    if (!r->controllers) put_failure(r, "controllers", &err);
    if (r->client) put_control_plane(r);
    json_t *status SCOPED_JSON = put_status(r);
    put_workloads(r, status);
    controllers_close(r->controllers);
}

/* ---- the archive ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static bool pack(const struct report *r, struct err *err)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        execlp("tar", "tar", "-czf", r->out, "-C", r->dir, ".", (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) return err_errno(err, errno, "cannot start tar");
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) || err_set(err, "tar could not write %s", r->out);
}

static const char *default_name(struct arena *a)
{
    char date[32];
    time_t now = time(NULL);
    struct tm t;
    strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &t));
    return str_fmt(a, "osm-bug-report-%s.tar.gz", date).p;
}

static int make(struct report *r)
{
    struct err err = {0};
    char dir[] = "/tmp/osm-bug-report-XXXXXX";
    if (!kube_place_is_local(&r->place.kube) && !(r->client = kube_connect(&r->place.kube, r->a, &err)))
        return verb_fail("%s", err.text);
    if (!mkdtemp(dir)) return verb_fail("cannot make %s: %s", dir, strerror(errno));
    r->dir = dir;
    fputs("collecting…\n", stderr);
    collect(r);
    bool ok = pack(r, &err);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    kube_client_free(r->client);
    if (!ok) return verb_fail("%s", err.text);
    printf("%s holds %zu files", r->out, r->files);
    printf(r->failures ? "; %zu things could not be had (*.failed says why)\n" : "\n", r->failures);
    return 0;
}

int bug_report(int argc, char **argv)
{
    static const struct option options[] = {{"app-namespaces", required_argument, NULL, 'N'},
                                            {"app-pods", required_argument, NULL, 'P'},
                                            {"out-file", required_argument, NULL, 'o'},
                                            PLACE_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct arena *a SCOPED_ARENA = arena_new();
    struct report r = {.a = a, .out = default_name(a)};
    for (int c; (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        if (c == 'h') return fputs(usage, stdout), 0;
        if (c == 'N')
            r.spaces = optarg;
        else if (c == 'P')
            r.pods = optarg;
        else if (c == 'o')
            r.out = optarg;
        else if (!place_option(&r.place, c, optarg))
            return 2;
    }
    if (optind < argc) return verb_usage("support bug-report", "'%s' is one word too many", argv[optind]);
    return make(&r);
}
