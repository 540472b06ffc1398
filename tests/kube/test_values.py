"""What an installation is told by values: sidecars in the order of clusters without native ones, a gateway's Secret."""
import base64
import json
import subprocess

import pytest

from conftest import eventually, osm
from test_node import pod, serve

SYSTEM = "osm-system"


@pytest.fixture(scope="module")
def edge(mesh):
    """The namespace of a gateway; the mesh was told of its Secret and of the order."""
    ns = mesh.namespace("edge")
    mesh.made.remove(ns)
    done = osm(mesh, "mesh", "upgrade", "--set", f"osm.sidecarOrder=classic,osm.ingressGatewaySecret.name=gateway,osm.ingressGatewaySecret.namespace={ns}")
    assert done.returncode == 0, done.stdout + done.stderr
    yield ns
    mesh.kubectl("delete", "namespace", ns, "--wait=false")


def test_in_the_classic_order_a_sidecar_is_ready_before_the_pods_own_containers(mesh, cluster, edge):
    ns = cluster.namespace("classic", **{"openservicemesh.io/monitored-by": "osm"})
    cluster.kubectl("annotate", "namespace", ns, "openservicemesh.io/sidecar-injection=enabled")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": ns},
               "spec": {"selector": {"app": "server"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}
    eventually(lambda: cluster.run("apply", "-f", "-", stdin=cluster.text([serve("server", ns, "hello"), service])).returncode == 0)
    cluster.wait("pod/server", "condition=Ready", ns)
    client = pod("client", ns, "sh", "-c", "curl -s http://server/index.html || echo $?; sleep 10000")
    client["spec"]["initContainers"] = [{**client["spec"]["containers"][0], "name": "before", "command": ["true"]}]
    cluster.apply(client)
    cluster.wait("pod/client", "condition=Ready", ns)
    spec = cluster.get("pod", "client", ns)["spec"]
    assert [c["name"] for c in spec["initContainers"]] == ["before", "osm-init"] and [c["name"] for c in spec["containers"]] == ["envoy", "c"]
    assert eventually(lambda: cluster.kubectl("logs", "client", "-c", "c", "-n", ns)).strip() == "hello", "its first call went through its sidecar"
    said = json.loads(osm(cluster, "status", "-o", "json").stdout)
    assert {p["name"]: p["proxy"] for p in said["pods"] if p["namespace"] == ns} == {"client": "accepted", "server": "accepted"}
    cluster.kubectl("delete", "pod", "client", "-n", ns, timeout=60)


def gateway_names(cluster, ns):
    secret = cluster.get("secret", "gateway", ns)
    if not secret:
        return None
    assert secret["type"] == "kubernetes.io/tls" and set(secret["data"]) == {"ca.crt", "tls.crt", "tls.key"}
    chain = base64.b64decode(secret["data"]["tls.crt"])
    return subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=chain, capture_output=True, check=True).stdout.decode()


def set_gateway(cluster, value):
    patch = {"spec": {"certificate": {"ingressGateway": value}}}
    cluster.kubectl("patch", "meshconfig", "osm-mesh-config", "-n", SYSTEM, "--type=merge", "-p", json.dumps(patch))


def test_a_gateways_certificate_is_kept_in_its_secret(mesh, cluster, edge):
    wish = {"subjectAltNames": ["gateway.edge.cluster.local"], "validityDuration": "24h", "secret": {"name": "gateway", "namespace": edge}}
    set_gateway(cluster, wish)
    eventually(lambda: "DNS:gateway.edge.cluster.local" in (gateway_names(cluster, edge) or ""))
    set_gateway(cluster, {**wish, "subjectAltNames": ["other.edge.cluster.local"]})
    eventually(lambda: "DNS:other.edge.cluster.local" in (gateway_names(cluster, edge) or ""))
    set_gateway(cluster, None)
    eventually(lambda: gateway_names(cluster, edge) is None)
