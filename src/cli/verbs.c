#include "cli/verb.h"

#include <stdarg.h>
#include <stdio.h>

const struct verb verbs[] = {
    {"local", "up|down|apply|delete|logs|exec|port-forward",
     "the mesh on this machine: a folder of manifests is the cluster", verb_local, false},
    {"install", "--image REF", "the mesh into a Kubernetes cluster", verb_install, false},
    {"uninstall", "mesh", "takes it out again", verb_uninstall, false},
    {"status", "[-w] [-o json]", "what runs, who calls whom, what is wrong", verb_status, false},
    {"wait", "[--for ready|accepted]", "until every pod is ready and every proxy has accepted the configuration",
     verb_wait, false},
    {"policy", "check-pods SRC DST", "may one pod call another, or something outside; what contradicts", verb_policy,
     false},
    {"verify", "ingress|connectivity|control-plane-health",
     "may a caller outside call a pod; what keeps one pod from another; does the control plane serve", verb_verify,
     false},
    {"validate", "-f FILE|DIR", "what is wrong with manifests, before they are applied", verb_validate, false},
    {"proxy", "get|set QUERY POD", "ask a pod's Envoy: config_dump, clusters, stats, certs, ready; change its log",
     verb_proxy, false},
    {"mesh", "list|upgrade", "the meshes here; a new version or settings for one", verb_mesh, false},
    {"metrics", "enable|disable", "whether Prometheus asks a namespace's sidecars", verb_metrics, false},
    {"namespace", "add|remove|ignore|list", "the namespaces and whether they are in the mesh", verb_namespace, false},
    {"explain", "KIND[.FIELD]", "what a kind or field means", verb_explain, false},
    {"crds", "[KIND...]", "the custom resource definitions as YAML", verb_crds, false},
    {"support", "error-info [CODE] | bug-report", "what an error code means; an archive for who helps", verb_support,
     false},
    {"env", "", "what the verbs take from their surroundings", verb_env, false},
    {"version", "[-o json]", "the version of this program and of every control plane", verb_version, false},
    {"controller", "", "the control plane", verb_controller, true},
    {"agent", "", "the sidecar's first process", verb_agent, true},
    {"capture", "", "redirects a pod's traffic to its sidecar", verb_capture, true},
    {0},
};

int verb_usage(const char *verb, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "osm %s: ", verb);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "; see osm %s -h\n", verb);
    return 2;
}

int verb_fail(const char *fmt, ...)
{
    va_list ap;
    fputs("osm: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 1;
}
