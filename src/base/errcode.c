#include "base/errcode.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/metrics.h"

/* Ascending. The older half keeps its meaning for those who look a code up from an old log. */
static const struct errcode table[] = {
    {1000, "invalid command line",
     "An argument given to the program is unknown or has a value that cannot be used. See the program's -h."},
    {1001, "log level not set", "The log level is none of disabled, panic, fatal, error, warn, info, debug, trace."},
    {1002, "controller pod not found",
     "The controller's own pod could not be read from the cluster. Check POD_NAME and the permissions on pods."},
    {1003, "injector pod not found",
     "The injector's own pod could not be read from the cluster. Check POD_NAME and the permissions on pods."},
    {1004, "ingress client not started", "What watches ingress objects could not be started."},
    {1005, "reconciler not started",
     "What keeps the webhook configurations and definitions in place could not be started."},
    {E_EGRESS_CONFLICT, "egress ports contradict",
     "Egress policies want different protocols of one port at the same addresses. The older one holds; the other's "
     "port "
     "is left out for the accounts that both name."},
    {2001, "egress clusters contradict",
     "Egress policies give one host different settings; the later ones are left out."},
    {E_EGRESS_RANGE, "egress address or host opens more or less than it seems",
     "An address range or a host of an Egress lies within the cluster's own addresses, which no Egress opens, and is "
     "left "
     "out; or a tcp port has no ipAddresses and is open to every address outside the cluster."},
    {2003, "bad egress match",
     "A match of an Egress names neither an HTTPRouteGroup nor an UpstreamTrafficSetting. It is left out."},
    {E_EGRESS_GROUP_ABSENT, "egress route group absent",
     "An Egress names an HTTPRouteGroup that is not in its namespace. Create it or mend the name."},
    {E_ROUTE_GROUP_ABSENT, "route group absent",
     "A TrafficTarget's rule names an HTTPRouteGroup or TCPRoute that is not in its namespace, or a match that the "
     "group does not have. The rule allows nothing until it is there."},
    {E_NO_MATCHES, "route group without matches",
     "An HTTPRouteGroup has no matches, so the rules that name it allow nothing."},
    {E_SPLIT_CONFLICT, "several splits for one service",
     "More than one TrafficSplit has the same root service. The oldest holds; the others have no effect."},
    {2008, "outbound route not added", "A route towards a service could not be made and was left out."},
    {2009, "destination's services not found",
     "The services behind a TrafficTarget's destination could not be determined; the target has no effect."},
    {E_DESTINATION_KIND, "destination is no ServiceAccount",
     "A TrafficTarget's destination must be of kind ServiceAccount. The target has no effect."},
    {E_SOURCE_KIND, "source is no ServiceAccount",
     "A TrafficTarget's source must be of kind ServiceAccount. The source is left out."},
    {3000, "service without endpoints",
     "The endpoints of a service could not be determined, so calls to it have nowhere to go."},
    {3001, "object not encoded", "An object could not be turned into JSON."},
    {3002, "object not decoded",
     "An object from the API server is not what its kind should look like; it counts as absent."},
    {4000, "certificate secret not read",
     "The Secret that holds a certificate could not be read. Check that it exists and may be read."},
    {4001, "certificate missing in secret", "The Secret has no certificate under the expected key."},
    {4002, "private key missing in secret", "The Secret has no private key under the expected key."},
    {4003, "expiry missing in secret", "The Secret does not say when its certificate ends."},
    {4004, "CA missing in secret", "The Secret has no CA certificate under the expected key."},
    {4005, "expiry not understood", "The time at which a certificate ends is not a time."},
    {4006, "certificate secret not written",
     "The Secret for a certificate could not be created. Check the permissions on secrets."},
    {4007, "private key not made", "A private key could not be generated."},
    {4008, "private key not encoded", "A private key could not be written as PEM."},
    {4009, "certificate request not made", "A certificate request could not be created or sent to its issuer."},
    {4010, "root certificate not made", "The root certificate of a new CA could not be created."},
    {4011, "certificate not encoded", "A certificate could not be written as PEM."},
    {4012, "certificate not decoded", "A text that should be a PEM certificate is not one."},
    {4013, "private key not decoded", "A text that should be a PEM private key is not one."},
    {4014, "certificate not issued", "A certificate was asked for and could not be issued; the log says why."},
    {4015, "certificate not created", "Signing a certificate failed."},
    {4016, "unusable CA", "The CA that should sign cannot be used: no certificate, no key, or ended."},
    {4017, "certificate not renewed", "A certificate could not be renewed and goes on until it ends."},
    {4018, "bootstrap secret not updated", "The Secret with a proxy's first certificate could not be updated."},
    {E_ROOT_ROLES, "roles of root certificates clash",
     "The roles of the MeshRootCertificates do not fit together: exactly one must be active, or two during a "
     "rotation."},
    {E_ROOTS_MANY, "too many root certificates",
     "More than two MeshRootCertificates are in use; set the others to inactive."},
    {4100, "wrong message inside", "A message within the controller was not of the expected kind."},
    {4150, "MeshConfig not watched",
     "The MeshConfig could not be watched. Check that its definition is installed and may be read."},
    {4151, "MeshConfig of another kind", "What was read as MeshConfig is something else."},
    {4152, "MeshConfig not found", "The MeshConfig osm-mesh-config is not there; the installation's defaults hold."},
    {4153, "identities of a service unknown", "The service accounts behind a service could not be determined."},
    {5000, "resource not encoded", "A resource for a proxy could not be encoded."},
    {5001, "identity not understood", "The name in a proxy's certificate is not one that the mesh issues."},
    {5002, "pod of a certificate not found", "A proxy presents a certificate of a pod that is not there."},
    {5003, "several pods for one proxy", "More than one pod claims the same proxy identity."},
    {5004, "proxy of a pod not found", "No connected proxy belongs to the pod that was asked about."},
    {5005, "connection to a proxy failed", "The stream from a proxy broke off while it was read."},
    {5006, "response not sent", "A response could not be sent to a proxy."},
    {5007, "resources not made", "The resources that a proxy asked for could not be made."},
    {5008, "snapshot not recorded", "The resources of a proxy could not be put together."},
    {5009, "discovery server not started",
     "The server that proxies connect to could not be started. Check that its port is free."},
    {5010, "service accounts differ",
     "A proxy asks for the configuration of another service account than its certificate's."},
    {5011, "stream closed by the proxy", "A proxy closed its stream; it will come back."},
    {5012, "unexpected request", "A proxy sent a request that does not fit the state of its stream."},
    {5013, "unknown resource type", "A proxy asked for a type of resource that the controller does not serve."},
    {5014, "version not understood", "The version in a proxy's request is not one that was sent to it."},
    {5015, "passthrough not configured", "The cluster for traffic that leaves the mesh could not be made."},
    {5016, "egress host not configured", "The cluster for a host of an Egress could not be made."},
    {5017, "service not configured", "The cluster for a service could not be made."},
    {5018, "services of a proxy unknown", "The services that a proxy's pod backs could not be determined."},
    {5019, "clusters with one name", "Two clusters of a proxy have the same name; one is left out."},
    {5020, "protocol not supported",
     "A port's appProtocol is none that the mesh carries. Use http, grpc, tcp or tcp-server-first."},
    {5021, "ingress not configured", "The way in from an ingress could not be made."},
    {5022, "access rule not made", "A rule could not be turned into an access rule of the proxy; it allows nothing."},
    {5023, "secret request not understood", "A proxy asked for a secret by a name that is not one."},
    {5024, "certificate secret not found", "A proxy asked for a certificate that is not there."},
    {5025, "secret of no service", "The secret that a proxy asked for belongs to no service."},
    {5026, "secret of no service account", "The secret that a proxy asked for belongs to no service account."},
    {5027, "secret of somebody else", "A proxy asked for a secret of another identity. It does not get it."},
    {6100, "admission request not decoded", "The API server's admission request could not be read."},
    {6101, "admission request empty", "The API server's admission request has no object."},
    {6102, "admission response not written", "The answer to an admission request could not be written."},
    {6103, "pod not decoded", "The pod in an admission request is not a pod."},
    {6104, "patch not made", "The sidecar could not be added to a pod; the message says why."},
    {6105, "injection not decided",
     "Whether a pod gets a sidecar could not be decided: a label or annotation has a value that is not understood."},
    {6106, "namespace not found", "The namespace of a pod is not known yet."},
    {6107, "certificate for injection not issued",
     "The certificate that a new sidecar starts with could not be issued."},
    {6108, "bootstrap not written", "The configuration that a new sidecar starts with could not be written."},
    {6109, "webhook certificate unusable", "The certificate of the webhook server cannot be used."},
    {6110, "webhook not registered", "The webhook configuration could not be created or updated."},
    {6111, "timeout not understood", "The timeout in an admission request is not a duration."},
    {6112, "request of a wrong type", "A request to the webhook is not JSON."},
    {6113, "request body not read", "The body of a request to the webhook could not be read or is too large."},
    {6114, "webhook server failed", "The webhook server could not be started or stopped."},
    {6700, "validation server failed",
     "The validation server could not be started or stopped. Check that its port is free."},
    {6701, "validation certificate unusable", "The certificate of the validation server cannot be used."},
    {6702, "validation request not decoded", "A validation request could not be read; the object was refused."},
    {6703, "object refused", "An object breaks a rule of its kind; the message says which."},
    {7000, "definition restored", "A custom resource definition was changed by others and was put back."},
    {7001, "definition created again", "A custom resource definition was deleted by others and was created again."},
    {7002, "injection webhook restored",
     "The injection webhook's configuration was changed by others and was put back."},
    {7003, "injection webhook created again",
     "The injection webhook's configuration was deleted by others and was created again."},
    {7004, "validation webhook restored",
     "The validation webhook's configuration was changed by others and was put back."},
    {7005, "validation webhook created again",
     "The validation webhook's configuration was deleted by others and was created again."},
    {E_BAD_OBJECT, "object with errors",
     "An object does not decode or breaks a rule of its kind. It counts as absent: access stays closed, everything "
     "else takes its default. Mend what the message names."},
    {E_BAD_FILE, "file not readable as YAML",
     "A file does not parse. Its last good text stays in force until it is mended."},
    {E_DUPLICATE, "object given twice",
     "Two files, or two places in one file, have the same object. The first stays; remove the other."},
    {E_UNKNOWN_FIELD, "unknown field",
     "A field is not part of its kind and was passed over, or is refused where a typing mistake could open access."},
    {E_NOT_ENFORCED, "not enforced", "A kind or field is read and checked but not carried out yet. It opens nothing."},
    {E_ABSENT, "reference to something absent",
     "An object names another that is not there. It takes effect as soon as that exists."},
    {E_CONFLICT, "objects contradict", "Two objects cannot both hold. The older one does; change or delete the other."},
    {E_PROXY_REFUSED, "refused by a proxy",
     "An Envoy refused a part of its configuration and keeps what it had. The message is Envoy's own."},
    {E_BAD_REGEX, "bad regular expression",
     "A regular expression is not valid RE2, or larger than the proxies accept. What depends on it matches nothing."},
    {E_TARGET_NAMESPACE, "TrafficTarget in another namespace",
     "A TrafficTarget must stand in the namespace of its destination, so that nobody opens somebody else's. It has no "
     "effect."},
    {E_UNKNOWN_KIND, "unknown kind",
     "An object is of a kind or version that is not read. Check apiVersion and kind, or remove it."},
    {E_NOT_IN_MESH, "pod not in the mesh",
     "A pod runs without a sidecar; the message says which label, annotation or setting keeps it out."},
    {E_PROTOCOL, "port not carried",
     "A port's protocol is not one that the mesh carries; its traffic is not part of the mesh."},
    {E_POD_FAILED, "pod not started", "A pod could not be started on this machine; the message says what is missing."},
    {E_KUBERNETES, "Kubernetes API",
     "Objects of a kind cannot be followed, because the Kubernetes API does not answer, refuses, or has no such kind "
     "in "
     "a version that is known. What was known stays in force, and it is tried again without end."},
};

static int cmp(const void *key, const void *entry) { return *(const int *)key - ((const struct errcode *)entry)->code; }

const struct errcode *errcode_get(int code)
{
    return bsearch(&code, table, sizeof table / sizeof *table, sizeof *table, cmp);
}

const struct errcode *errcode_table(size_t *n)
{
    *n = sizeof table / sizeof *table;
    return table;
}

static struct metric count = {.name = "osm_error_err_code_count",
                              .help = "Diagnostics given, by error code; an object whose diagnostics change gives all "
                                      "of its own again",
                              .type = METRIC_COUNTER,
                              .labels = {"err_code"}};

void errcode_count_init(void) { metric_register(&count); }

void errcode_count(int code)
{
    char text[16];
    snprintf(text, sizeof text, "E%04d", code);
    metric_add(&count, 1, str_of(text), STR_NULL, STR_NULL, STR_NULL);
}
