"""Acceptance scenarios of the archived project that need no cloud, on an installed mesh; each test is named like the
scenario (docs/conformance.md)."""
import json

import pytest

from conftest import eventually
from test_crds import ACCESS, SPECS
from test_node import pod, serve

MONITORED = {"openservicemesh.io/monitored-by": "osm"}
INJECT = {"openservicemesh.io/sidecar-injection": "enabled"}


class World:
    """A namespace of the mesh with a server behind a Service and a client, each with its own account."""

    def __init__(self, mesh, name):
        self.mesh = mesh
        self.ns = mesh.namespace(name, **MONITORED)
        mesh.kubectl("annotate", "namespace", self.ns, *(f"{k}={v}" for k, v in INJECT.items()))

    def start(self, *names):
        docs = []
        for name in names:
            docs.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": self.ns}})
            p = serve(name, self.ns, f"hello-from-{name}")
            p["spec"]["serviceAccountName"] = name
            docs += [p, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": self.ns},
                         "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}]
        eventually(lambda: self.mesh.run("apply", "-f", "-", stdin=self.mesh.text(docs)).returncode == 0, 20)
        for name in names:
            self.mesh.wait(f"pod/{name}", "condition=Ready", self.ns)

    def call(self, client, server, path="/index.html"):
        """Status and curl's exit code: (200, 0); (0, 7) or (0, 52) when the connection is closed."""
        done = self.mesh.run("exec", client, "-c", "c", "-n", self.ns, "--", "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", f"http://{server}{path}")
        return int(done.stdout or 0), done.returncode

    def becomes(self, client, server, status, path="/index.html"):
        eventually(lambda: self.call(client, server, path)[0] == status, 30, lambda: f"{client} gets {self.call(client, server, path)} of {server}")

    def allow(self, client, server, path):
        routes = {"apiVersion": SPECS, "kind": "HTTPRouteGroup", "metadata": {"name": "r", "namespace": self.ns},
                  "spec": {"matches": [{"name": "m", "pathRegex": path, "methods": ["*"]}]}}
        docs = [routes, {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": "t", "namespace": self.ns}, "spec": {
            "destination": {"kind": "ServiceAccount", "name": server, "namespace": self.ns},
            "sources": [{"kind": "ServiceAccount", "name": client, "namespace": self.ns}],
            "rules": [{"kind": "HTTPRouteGroup", "name": "r", "matches": ["m"]}]}}]
        self.mesh.apply(*docs)
        return docs


def permissive(mesh, is_on):
    patch = {"spec": {"traffic": {"enablePermissiveTrafficPolicyMode": is_on}}}
    mesh.kubectl("patch", "meshconfig", "osm-mesh-config", "-n", "osm-system", "--type=merge", "-p", json.dumps(patch))


@pytest.fixture
def world(mesh, cluster, request):
    yield World(mesh, request.node.name.removeprefix("test_").split("[")[0].replace("_", "-")[:40])


def test_permissive_smi_switching(world):
    permissive(world.mesh, True)
    world.start("client", "server")
    for is_on, status in ((True, 200), (False, 0), (True, 200)):
        permissive(world.mesh, is_on)
        world.becomes("client", "server", status)


def test_client_server_connectivity_and_smi_traffic_target(world):
    permissive(world.mesh, False)
    world.start("client", "server")
    docs = world.allow("client", "server", "/index.*")
    world.becomes("client", "server", 200)
    assert world.call("client", "server", "/other")[0] == 403
    assert world.call("server", "client")[0] == 0, "nothing lets the server call"
    world.mesh.delete(*docs)
    world.becomes("client", "server", 0)


def test_health_probe(world):
    p = pod("p", world.ns, "sh", "-c", "touch /tmp/ok && cd /tmp && exec python3 -m http.server 8080", container={
        "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}, "readinessProbe": {"httpGet": {"port": 8080, "path": "/ok"}, "periodSeconds": 1},
        "livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}})
    wrong = pod("wrong", world.ns, container={"readinessProbe": {"tcpSocket": {"port": 8081}, "periodSeconds": 1}})
    eventually(lambda: world.mesh.run("apply", "-f", "-", stdin=world.mesh.text([p, wrong])).returncode == 0)
    world.mesh.wait("pod/p", "condition=Ready", world.ns)
    names = [c["name"] for c in world.mesh.get("pod", "p", world.ns)["spec"]["containers"]]
    status = world.mesh.get("pod", "wrong", world.ns)["status"]
    assert not next(c for c in status["containerStatuses"] if c["name"] == "c")["ready"], names


def test_ignore_namespace(world):
    world.mesh.kubectl("label", "namespace", world.ns, "openservicemesh.io/ignore=true")
    world.mesh.apply(pod("p", world.ns))
    spec = world.mesh.get("pod", "p", world.ns)["spec"]
    assert "envoy" not in [c["name"] for c in [*spec["containers"], *spec.get("initContainers", [])]]


def test_spiffe(world):
    world.start("server")
    done = world.mesh.run("exec", "server", "-c", "c", "-n", world.ns, "--", "curl", "-s", "http://127.0.0.1:15000/certs")
    uris = [s.get("uri") for c in json.loads(done.stdout)["certificates"] for chain in c.get("cert_chain", []) for s in chain["subject_alt_names"]]
    assert f"spiffe://cluster.local/ns/{world.ns}/sa/server" in uris


def test_validate_smi_traffic_target(world):
    target = {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": "t", "namespace": world.ns}, "spec": {
        "destination": {"kind": "ServiceAccount", "name": "a", "namespace": "elsewhere"}, "sources": [{"kind": "ServiceAccount", "name": "b", "namespace": world.ns}],
        "rules": [{"kind": "HTTPRouteGroup", "name": "r"}]}}
    said = eventually(lambda: (d := world.mesh.run("apply", "-f", "-", stdin=json.dumps(target))).returncode and d.stderr)
    assert "denied the request" in said and world.ns in said, said
