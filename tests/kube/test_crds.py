"""`osm crds` on a real API: the definitions are accepted, and their schemas and rules refuse what cannot be meant."""
import json
import subprocess

import pytest

from conftest import SOURCE, eventually, find_osm

ACCESS, SPECS, SPLIT = "access.smi-spec.io/v1alpha3", "specs.smi-spec.io/v1alpha4", "split.smi-spec.io/v1alpha2"


@pytest.fixture(scope="module", autouse=True)
def crds(whole_cluster):
    text = subprocess.run([find_osm(), "crds"], text=True, capture_output=True, check=True).stdout
    whole_cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    for crd in text.split("\n  name: ")[1:]:
        whole_cluster.wait("crd/" + crd.split("\n")[0], "condition=Established")


def target(ns, **spec):
    return {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": "t", "namespace": ns}, "spec": {
        "destination": {"kind": "ServiceAccount", "name": "a", "namespace": ns}, "sources": [{"kind": "ServiceAccount", "name": "b", "namespace": ns}],
        "rules": [{"kind": "HTTPRouteGroup", "name": "r"}], **spec}}


def accepted(cluster, doc):
    return cluster.run("apply", "-f", "-", stdin=json.dumps(doc))


def test_the_demos_policies_are_accepted(cluster):
    ns = cluster.namespace("policies")
    for path in sorted((SOURCE / "demo/policies").glob("[3-6]*/*.yaml")):
        text = path.read_text().replace("namespace: bookstore\n", f"namespace: {ns}\n").replace("namespace: bookwarehouse\n", f"namespace: {ns}\n")
        eventually(lambda: cluster.run("apply", "--dry-run=server", "-f", "-", stdin=text).returncode == 0, 10,
                   lambda: f"{path}: {cluster.run('apply', '--dry-run=server', '-f', '-', stdin=text).stderr}")


@pytest.mark.parametrize("wrong", [
    pytest.param({"sources": [{"kind": "User", "name": "b", "namespace": "n"}]}, id="a source that is no account"),
    pytest.param({"rules": [{"kind": "HTTPRoute", "name": "r"}]}, id="a kind of route that there is not"),
    pytest.param({"destination": {"kind": "ServiceAccount", "namespace": "n"}}, id="a destination without name"),
    pytest.param({"source": []}, id="a field that is not known"),
])
def test_a_wrong_traffic_target_is_refused(cluster, wrong):
    ns = cluster.namespace("wrong")
    assert accepted(cluster, target(ns)).returncode == 0
    done = accepted(cluster, target(ns, **wrong))
    assert done.returncode, done.stdout


def test_objects_of_all_served_versions_are_one(cluster):
    ns = cluster.namespace("versions")
    split = {"apiVersion": SPLIT, "kind": "TrafficSplit", "metadata": {"name": "s", "namespace": ns},
             "spec": {"service": "a", "backends": [{"service": "b", "weight": 1}]}}
    assert accepted(cluster, split).returncode == 0
    served = [v["name"] for v in cluster.get("crd", "trafficsplits.split.smi-spec.io")["spec"]["versions"] if v["served"]]
    for version in served:
        assert cluster.get(f"trafficsplits.{version}.split.smi-spec.io", "s", ns)["spec"]["service"] == "a"


def http_limit(**more):
    return {"requests": 1, "unit": "second", **more}


def backend(protocol, source, **tls):
    return {"backends": [{"name": "w", "port": {"number": 1, "protocol": protocol}, **tls}], "sources": [source]}


def egress(group):
    return {"sources": [{"kind": "ServiceAccount", "name": "a", "namespace": "b"}], "ports": [{"number": 80, "protocol": "http"}],
            "matches": [{"apiGroup": group, "kind": "HTTPRouteGroup", "name": "r"}]}


RANGE, PRINCIPAL = {"kind": "IPRange", "name": "10.0.0.0/8"}, {"kind": "AuthenticatedPrincipal", "name": "gateway"}
UPSTREAM, INGRESS, MESH_CONFIG = "UpstreamTrafficSetting", "IngressBackend", "MeshConfig"
# Kind, a spec that is accepted, one that is not, and what is said of that.
RULES = [
    (UPSTREAM, {"rateLimit": {"local": {"http": http_limit()}}}, {"rateLimit": {"local": {"http": http_limit(responseStatusCode=420)}}}, "no status of HTTP"),
    (UPSTREAM, {"rateLimit": {"global": {"http": {"domain": "d", "rateLimitService": {"host": "a", "port": 1}, "responseStatusCode": 503}}}},
     {"rateLimit": {"global": {"http": {"domain": "d", "rateLimitService": {"host": "a", "port": 1}, "responseStatusCode": 555}}}}, "no status of HTTP"),
    (UPSTREAM, {"httpRoutes": [{"path": "/a", "rateLimit": {"local": http_limit(responseStatusCode=431)}}]},
     {"httpRoutes": [{"path": "/a", "rateLimit": {"local": http_limit(responseStatusCode=430)}}]}, "no status of HTTP"),
    (UPSTREAM, {"rateLimit": {"local": {"http": http_limit(responseHeadersToAdd=[{"name": "x", "value": "y"}])}}},
     {"rateLimit": {"local": {"http": http_limit(responseHeadersToAdd=[{"name": "Host", "value": "y"}])}}}, "header host"),
    (UPSTREAM, {"loadBalancing": {"consistentHash": {"header": "x"}}},
     {"loadBalancing": {"consistentHash": {"header": "x", "sourceAddress": True}}}, "exactly one of header"),
    (INGRESS, backend("HTTPS", PRINCIPAL), backend("HTTPS", RANGE), "https needs a source"),
    (INGRESS, backend("https", RANGE, tls={"skipClientCertValidation": True}),
     backend("https", RANGE, tls={"skipClientCertValidation": False}), "https needs a source"),
    (INGRESS, backend("http", {"kind": "Service", "name": "s", "namespace": "n"}),
     backend("http", {"kind": "Service", "name": "s", "namespace": ""}), "needs a namespace"),
    ("Egress", egress(SPECS), egress("apps/v1"), "must be HTTPRouteGroups"),
    (MESH_CONFIG, {"sidecar": {"tlsMinProtocolVersion": "TLSv1_2"}},
     {"sidecar": {"tlsMinProtocolVersion": "TLSv1_3", "tlsMaxProtocolVersion": "TLSv1_2"}}, "must not be newer"),
    (MESH_CONFIG, {"observability": {"tracing": {"endpoint": "/v2"}}}, {"observability": {"tracing": {"endpoint": "v2"}}}, "begins with /"),
]


def test_rules_between_fields_hold_before_any_webhook(cluster):
    ns = cluster.namespace("rules")

    def ask(kind, spec):
        group = "config.openservicemesh.io/v1alpha2" if kind == MESH_CONFIG else "policy.openservicemesh.io/v1alpha1"
        spec = {"host": "a.example", **spec} if kind == UPSTREAM else spec
        doc = {"apiVersion": group, "kind": kind, "metadata": {"name": "r", "namespace": ns}, "spec": spec}
        return cluster.run("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(doc))

    for kind, good, bad, said in RULES:
        done = ask(kind, good)
        assert done.returncode == 0, f"{kind} {good}: {done.stderr}"
        done = ask(kind, bad)
        assert done.returncode and said in done.stderr, f"{kind} {bad}: {done.stdout}{done.stderr}"
