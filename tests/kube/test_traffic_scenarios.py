"""Acceptance scenarios of the archived project about traffic, on an installed mesh (docs/conformance.md); each test is named
like its scenario. One town (town.py) serves all; every policy ends with its test."""
import json
import os
import subprocess

import pytest
from conftest import is_shared, SOURCE, eventually, osm
from town import OUTSIDE, OUTSIDE_NAME, Town, forwarded

BOTH_MODES = pytest.mark.parametrize("is_permissive", [True, False], ids=["permissive", "smi"])


@pytest.fixture(scope="module")
def everything(mesh):
    town = Town(mesh)
    yield town
    town.end()


@pytest.fixture
def town(everything):
    """With policies that are lifted, and a MeshConfig that is restored."""
    applied = []

    def policy(*docs):
        applied.extend(docs)
        everything.cluster.apply(*docs)

    everything.apply, everything.applied = policy, applied
    yield everything
    if applied:
        everything.cluster.delete(*applied)
    everything.reset()


@pytest.fixture
def client(town):
    return town.caller()


def mode(town, is_permissive):
    """The mode, with a policy that lets the client call everything in SMI mode."""
    town.set(traffic={"enablePermissiveTrafficPolicyMode": is_permissive})
    if not is_permissive:
        town.apply(*town.allow("client", "other"), town.allow("client", to="peer2")[2])
    seen = lambda: (town.caller().get("peer"), town.caller().echo("peer"), town.caller().echo("peer2"), town.caller("other").get("peer2"))
    expected = (200, "peer", "peer2", 200 if is_permissive else "closed")
    eventually(lambda: seen() == expected, 30, lambda: f"{expected}, not {seen()}")


def becomes(expected, ask, seconds=30):
    eventually(lambda: ask() == expected, seconds, lambda: f"{expected}, not {ask()}")


# ---- in the mesh ----

@BOTH_MODES
def test_multiple_ports_per_service(town, client, is_permissive):
    mode(town, is_permissive)
    assert [client.saw("peer", port=p)["port"] for p in (80, 81)] == [8080, 8081]
    assert client.echo("peer") == "peer"
    assert client.get("peer", port=8080) == "closed", "a target port is no port of the Service"


@BOTH_MODES
def test_multiple_services_per_pod(town, client, is_permissive):
    mode(town, is_permissive)
    assert [client.saw(host, port=p)["who"] for host, p in (("peer", 80), ("alias", 8000))] == ["peer", "peer"]
    assert set(client.seen("any", 20)) == {"peer", "peer2"}


@BOTH_MODES
def test_grpc_insecure_origination(town, client, is_permissive):
    mode(town, is_permissive)
    said = client("grpc", "peer", 90, method="Say", say="hello")
    if "error" in said and "No module named" in said["text"]:
        pytest.skip("the image of the test pods has no gRPC for Python")
    assert (said["code"], said["who"]) == ("OK", "peer"), said
    assert client("grpc", "peer", 90, method="Chat", say=["a", "b"])["got"] == ["peer:a", "peer:b"]


@BOTH_MODES
def test_tcp_client_server_and_tcp_server_first(town, client, is_permissive):
    mode(town, is_permissive)
    assert client.echo("peer") == "peer"
    assert client("tcp", "peer", 101, listen=True)["greeted"] == "220 peer"


def test_permissive(town, client):
    mode(town, True)
    assert client.get("peer") == town.caller("other").get("peer") == 200, "with and without a Service of their own"
    stranger = town.caller("stranger", town.plain)
    assert stranger.get(town.address("peer"), port=8080) == "closed", "who is outside the mesh"


def test_envoy_max_mtls_version(town, client):
    mode(town, True)
    for version in ("TLSv1_2", "TLSv1_3"):
        town.set(sidecar={"tlsMinProtocolVersion": version, "tlsMaxProtocolVersion": version})
        label = f'tls="{version.replace("_", ".")}"'

        def served():
            text = town.curl("peer", "http://127.0.0.1:15010/stats/prometheus")[1]
            return sum(int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("osm_request_total{") and label in line)

        before = served()
        eventually(lambda: client.get("peer") == 200 and served() > before, 30, f"calls by {version}")


@BOTH_MODES
def test_retry_policy(town, client, is_permissive):
    mode(town, is_permissive)
    town.set(featureFlags={"enableRetryPolicy": True})
    numbers = iter(range(1000))

    def tries():
        path = f"/status/503/{is_permissive}{next(numbers)}-"
        assert client.get("peer", path) == 503
        assert client.get("peer", path.replace("503", "200") + "after") == 200
        eventually(lambda: town.asked("peer", path.replace("503", "200") + "after"))
        return town.asked("peer", path)

    def retry(n):
        return town.policy("Retry", "r", source=town.account("client"), destinations=[{"kind": "Service", "name": "peer", "namespace": town.ns}],
                           retryPolicy={"retryOn": "5xx", "numRetries": n, "retryBackoffBaseInterval": "1ms"})

    town.apply(retry(5))
    becomes(6, tries)
    town.apply(retry(2))
    becomes(3, tries)
    town.set(featureFlags={"enableRetryPolicy": False})
    becomes(1, tries)


@BOTH_MODES
def test_local_ratelimit(town, client, is_permissive):
    mode(town, is_permissive)
    limit = {"requests": 2, "unit": "hour", "burst": 1}
    town.apply(town.setting(rateLimit={"local": {"http": limit}}))
    eventually(lambda: client.seen("peer", 4).get("429"), 30)
    assert client.seen("peer2", 5) == {"peer2": 5}, "another Service"
    paths = [{"path": "/books", "rateLimit": {"local": {"requests": 2, "unit": "hour", "responseStatusCode": 503}}}]
    town.apply(town.setting(httpRoutes=paths))
    becomes({"peer": 9}, lambda: client.seen("peer", 9, path="/else"))
    assert client.seen("peer", 4, path="/books") == {"peer": 2, "503": 2}
    town.apply(town.setting(rateLimit={"local": {"tcp": {"connections": 2, "unit": "hour"}}}))
    eventually(lambda: client.seen("peer", 4, 100, do="many_tcp").get("closed"), 30)


@BOTH_MODES
def test_global_ratelimit(town, client, is_permissive):
    mode(town, is_permissive)
    if town.cluster.run("logs", "limiter", "-n", town.plain).stdout.count("No module named"):
        pytest.skip("the image of the test pods has no gRPC for Python")
    entries = [{"genericKey": {"key": "allow", "value": "3"}}, {"genericKey": {"value": f"it{is_permissive}"}}, {"remoteAddress": {}},
               {"requestHeader": {"name": "x-user", "key": "user"}}, {"headerValueMatch": {"value": "gold", "headers": [{"name": "x-tier", "exact": "gold"}]}}]
    town.apply(town.setting(rateLimit={"global": {"http": {
        "rateLimitService": {"host": f"limiter.{town.plain}.svc.cluster.local", "port": 8081}, "domain": "test", "timeout": "2s",
        "descriptors": [{"entries": entries}]}}}))
    as_user = lambda user: [["x-user", user], ["x-tier", "gold"]]
    eventually(lambda: client.seen("peer", 5, headers=as_user("warm")).get("429"), 30)
    assert client.seen("peer", 5, headers=as_user("me")) == {"peer": 3, "429": 2}
    assert client.seen("peer", 5) == {"peer": 5}, "a request that has no such header is not counted"


def test_trafficsplit_with_limits(town, client):
    mode(town, True)
    split = {"apiVersion": "split.smi-spec.io/v1alpha2", "kind": "TrafficSplit", "metadata": {"name": "split", "namespace": town.ns},
             "spec": {"service": "any", "backends": [{"service": "peer", "weight": 50}, {"service": "peer2", "weight": 50}]}}
    town.apply(split, town.setting(rateLimit={"local": {"http": {"requests": 3, "unit": "hour"}}}))
    eventually(lambda: client.seen("any", 20).get("429"), 30)
    seen = client.seen("any", 40)
    assert seen["peer2"] > 5 and seen["peer2"] + seen["429"] == 40, seen


def test_statefulsets(town, client):
    """Three replicas that listen at their pods' addresses alone, by their own names."""
    mode(town, True)
    town.set(sidecar={"localProxyMode": "PodIP"})
    account, pod = town.pod("db", "@POD_IP", "http:8080", "tcp:9000")
    template = {"metadata": {"labels": {"app": "db"}}, "spec": pod["spec"]}
    ports = [{"name": "http", "port": 8080}, {"name": "tcp", "port": 9000}]
    docs = [account, town.service("dbs", {"app": "db"}, ports, clusterIP="None"), {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": town.ns}, "spec": {
        "replicas": 3, "serviceName": "dbs", "podManagementPolicy": "Parallel", "selector": {"matchLabels": {"app": "db"}}, "template": template}}]
    eventually(lambda: "PodIP" in json.dumps(town.config()))
    town.apply(*docs)
    town.cluster.kubectl("rollout", "status", "statefulset/db", "-n", town.ns, "--timeout=60s", timeout=70)
    for i in range(3):
        becomes(f"db-{i}", lambda: client.echo(f"db-{i}.dbs", 9000))
        assert client.saw(f"db-{i}.dbs", port=8080)["who"] == f"db-{i}"


# ---- the way out ----

@pytest.fixture(scope="module")
def outside(everything, tmp_path_factory):
    """A server that is no part of the cluster: http at 80, https at 443, tcp at 9000."""
    if is_shared():
        pytest.skip("needs a server outside the cluster at an address of the tests' choice")
    pem = tmp_path_factory.mktemp("outside")
    subprocess.run(["ip", "addr", "add", f"{OUTSIDE}/32", "dev", "lo"], check=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=outside", "-keyout", pem / "key",
                    "-out", pem / "crt"], check=True, capture_output=True)
    python = "/usr/bin/python3"
    servers = [subprocess.Popen([python, SOURCE / "tests/mesh/peer.py", f"@{OUTSIDE}", "http:80", "tcp:9000"], env=dict(os.environ, POD="outside")),
               subprocess.Popen(["openssl", "s_server", "-accept", f"{OUTSIDE}:443", "-www", "-quiet", "-cert", pem / "crt", "-key", pem / "key"],
                                stdout=subprocess.DEVNULL)]
    yield OUTSIDE
    for s in servers:
        s.kill()
        s.wait()
    subprocess.run(["ip", "addr", "del", f"{OUTSIDE}/32", "dev", "lo"], check=True)


def out(town, pod="client"):
    """What the outside gives: http, https, tcp."""
    return (town.caller(pod).get(OUTSIDE_NAME), town.curl(pod, f"https://{OUTSIDE_NAME}/")[0], town.caller(pod).echo(OUTSIDE, 9000))


def test_egress(town, outside):
    town.set(traffic={"enableEgress": True})
    becomes((200, 200, "outside"), lambda: out(town))
    town.set(traffic={"enableEgress": False})
    becomes(("closed", 0, "closed"), lambda: out(town))


def leaves(town, name, port, protocol, **more):
    return town.policy("Egress", name, sources=[town.account("client")], ports=[{"number": port, "protocol": protocol}], **more)


@BOTH_MODES
def test_egress_policy_and_tcp_egress(town, client, outside, is_permissive):
    mode(town, is_permissive)
    town.set(traffic={"enableEgress": False}, featureFlags={"enableEgressPolicy": True})
    becomes(("closed", 0, "closed"), lambda: out(town))
    routes = {"apiVersion": "specs.smi-spec.io/v1alpha4", "kind": "HTTPRouteGroup", "metadata": {"name": "out", "namespace": town.ns},
              "spec": {"matches": [{"name": "m", "pathRegex": "/books", "methods": ["GET"]}]}}
    policies = [leaves(town, "http", 80, "http", hosts=[OUTSIDE_NAME]), leaves(town, "https", 443, "https", hosts=[OUTSIDE_NAME]),
                leaves(town, "tcp", 9000, "tcp", ipAddresses=[f"{OUTSIDE}/32"])]
    town.apply(*policies)
    becomes((200, 200, "outside"), lambda: out(town))
    assert out(town, "other") == ("closed", 0, "closed"), "another account"
    match = [{"apiGroup": "specs.smi-spec.io/v1alpha4", "kind": "HTTPRouteGroup", "name": "out"}]
    town.apply(routes, leaves(town, "http", 80, "http", hosts=[OUTSIDE_NAME], matches=match))
    becomes(403, lambda: client.get(OUTSIDE_NAME, "/else"))
    assert client.get(OUTSIDE_NAME, "/books") == 200
    town.cluster.delete(*policies)
    becomes(("closed", 0, "closed"), lambda: out(town))


def test_ip_exclusion_and_port_exclusion(town, outside):
    """By the pod's annotations, then by the MeshConfig; egress is off."""
    mode(town, True)
    town.set(traffic={"enableEgress": False})
    mark = "openservicemesh.io/"
    pods = [*town.pod("by-ip", annotations={f"{mark}outbound-ip-range-exclusion-list": f"{OUTSIDE}/32"}, sa="client"),
            *town.pod("by-port", "http:8080", "http:8081", annotations={f"{mark}outbound-port-exclusion-list": "80", f"{mark}inbound-port-exclusion-list": "8080"}, sa="client")]
    town.applied.extend(d for d in pods if d["kind"] == "Pod")
    town.start("by-ip", "by-port", docs=pods)
    stranger, outer = town.caller("stranger", town.plain), (200, 200, "outside")
    reached = lambda pod: [stranger.get(town.address(pod), port=p) == 200 for p in (8080, 8081)]
    becomes(("closed", 0, "closed"), lambda: out(town))
    assert out(town, "by-ip") == outer
    assert out(town, "by-port") == (200, 0, "closed")
    assert reached("by-port") == [True, False]
    for name, more, expected, inbound in (("all-ip", {"outboundIPRangeExclusionList": [f"{OUTSIDE}/32"], "inboundPortExclusionList": [8080]}, outer, [True, False]),
                                          ("all-port", {"outboundPortExclusionList": [80]}, (200, 0, "closed"), [False, False])):
        town.reset()
        town.set(traffic={"enableEgress": False, "enablePermissiveTrafficPolicyMode": True, **more})
        key = f"{name}-{next(iter(more))}"
        wanted = "203.0.113" if "ip" in name else '"80"'
        pods = town.pod(name, "http:8080", "http:8081", sa="client")
        command = lambda: json.dumps(json.loads(town.cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pods[1])))["spec"]["initContainers"])
        eventually(lambda: wanted.strip('"') in command(), 20, key)
        town.applied.append(pods[1])
        town.start(name, docs=pods)
        becomes(expected, lambda: out(town, name))
        assert reached(name) == inbound


# ---- the way in ----

def test_ingressbackend(town):
    mode(town, True)
    gateway = {"kind": "Service", "name": "stranger", "namespace": town.plain}
    target = town.address("peer")
    ask = lambda: tuple(town.curl("stranger", f"{scheme}://{target}:8080/", ns=town.plain)[0] for scheme in ("http", "https"))
    assert ask() == (0, 0)

    def backend(protocol, **tls):
        return {"name": "peer", "port": {"number": 8080, "protocol": protocol}, **tls}

    town.apply(town.policy("IngressBackend", "in", backends=[backend("http")], sources=[gateway]))
    becomes((200, 0), ask)
    address = town.address("stranger", town.plain)
    status = lambda: (town.cluster.get("ingressbackend", "in", town.ns).get("status") or {}).get("currentStatus")
    becomes("committed", status)
    verify = lambda *more: osm(town.cluster, "verify", "ingress", "--from", address, "--to-service", f"{town.ns}/peer", "--to-port", "8080", *more)
    assert verify().returncode == 0 and " may call " in verify().stdout, verify().stdout + verify().stderr
    assert verify("--app-protocol", "https").returncode == 1
    town.apply(town.policy("IngressBackend", "in", backends=[backend("https", tls={"skipClientCertValidation": True})], sources=[gateway]))
    becomes((0, 200), ask)
    town.apply(town.policy("IngressBackend", "in", backends=[backend("https")], sources=[gateway, {"kind": "AuthenticatedPrincipal", "name": "gateway.edge.cluster.local"}]))
    becomes((0, 0), ask)


# ---- the control plane ----

def test_proxy_resource_limits(town):
    account, pod = town.pod("sized")
    town.apply(account)

    def sidecar():
        made = json.loads(town.cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pod)))
        return next(c for c in made["spec"]["initContainers"] + made["spec"]["containers"] if c["name"] == "envoy").get("resources", {})

    town.set(sidecar={"resources": None})
    becomes({}, sidecar)
    sizes = {"limits": {"cpu": "2", "memory": "512M"}, "requests": {"cpu": "100m", "memory": "64M"}}
    town.set(sidecar={"resources": sizes})
    becomes(sizes, sidecar)


def test_debug_server(town):
    answer = lambda: forwarded(town.cluster, "deployment/osm-controller", 9092, "/debug", "osm-system")
    for is_on in (True, False, True, False):
        town.set(observability={"enableDebugServer": is_on})
        eventually(lambda: ("/debug/" in (answer() or "")) == is_on, 20, f"debug server {is_on}")


def test_metrics(town, client):
    mode(town, True)
    text = forwarded(town.cluster, "deployment/osm-controller", 9091, "/metrics", "osm-system")
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}
    assert values["osm_proxy_connect_count"] >= 4 and sum(v for k, v in values.items() if k.startswith("osm_cert_issued_count")) >= 4
    client.get("peer", "/counted")
    eventually(lambda: "osm_request_total" in town.curl("client", "http://127.0.0.1:15010/stats/prometheus")[1], 20)
