"""Callers outside the mesh: a real nginx as gateway, in clear and with the gateway certificate; who else is refused."""
import base64
import json
import os
import shutil

import pytest
from conftest import TrafficMesh, eventually, local
from harness import EVERY, Caller, account, http_rule, peer, service, target

NGINX = "/usr/sbin/nginx"
NAME, OTHER = "gateway.edge.cluster.local", "other.edge.cluster.local"
SERVER = "store.shop.cluster.local"  # the DNS name in the certificate of account shop/store
POLICY = "policy.openservicemesh.io/v1alpha1"
LIFE = 8  # seconds; what "10m" means in this mesh

CONFIG = """
daemon off; pid /tmp/nginx.pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  proxy_connect_timeout 3s; proxy_http_version 1.1;
  server { listen 8000; location / { proxy_pass http://store.shop.svc.cluster.local:80; } }
  server { listen 8001; location / {
    proxy_pass https://store.shop.svc.cluster.local:80;
    proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse off;
    proxy_ssl_certificate /gw/tls.crt; proxy_ssl_certificate_key /gw/tls.key;
    proxy_ssl_trusted_certificate /gw/ca.crt; proxy_ssl_verify on; proxy_ssl_name %s; } }
}
""" % SERVER


def ingress(name, backends, sources, ns="shop"):
    return {"apiVersion": POLICY, "kind": "IngressBackend", "metadata": {"name": name, "namespace": ns}, "spec": {"backends": backends, "sources": sources}}


def backend(protocol="http", port=8080, **tls):
    return {"name": "store", "port": {"number": port, "protocol": protocol}, **({"tls": tls} if tls else {})}


GATEWAY = {"kind": "Service", "name": "gateway", "namespace": "edge"}
EVERYWHERE = {"kind": "IPRange", "name": "10.244.0.0/16"}


def principal(name=NAME):
    return {"kind": "AuthenticatedPrincipal", "name": name}


def gateway_pod():
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nginx", "namespace": "edge"}, "data": {"nginx.conf": CONFIG}}
    pod = peer("gateway", ns="edge")
    container = pod["spec"]["containers"][0]
    container["command"] = [NGINX, "-c", "/etc/gateway/nginx.conf"]
    container["volumeMounts"] = [{"name": "config", "mountPath": "/etc/gateway"}, {"name": "certificate", "mountPath": "/gw"}]
    container["readinessProbe"] = {"tcpSocket": {"port": 8001}, "periodSeconds": 1}
    pod["spec"]["volumes"] = [{"name": "config", "configMap": {"name": "nginx"}}, {"name": "certificate", "secret": {"secretName": "gateway"}}]
    return [config, account("gateway", "edge"), pod, service("gateway", {"app": "gateway"}, [{"name": "http", "port": 80, "targetPort": 8000}], ns="edge")]


class Edge(TrafficMesh):
    """The mesh, and how it looks from the gateway."""
    gateway_life = "24h"
    secret = "gateway"
    has_certificate = True

    def policy_objects(self, *objects, **settings):
        config, *rest = super().policy_objects(*objects, **settings)
        if self.has_certificate:
            config["spec"]["certificate"]["ingressGateway"] = {"subjectAltNames": [NAME], "validityDuration": self.gateway_life,
                                                               "secret": {"name": self.secret, "namespace": "edge"}}
        return config, *rest

    def through(self, port):
        """Status by way of nginx."""
        return self.curl("edge/gateway", f"http://127.0.0.1:{port}/")[0]

    def both(self):
        return self.through(8000), self.through(8001)

    def now(self, *expected):
        """nginx keeps no connection: what holds is seen at the next call, once listeners have changed."""
        eventually(lambda: self.both() == expected, 20, f"{expected}, not {self.both()}")

    def direct(self, scheme="http", *options, who="edge/stranger"):
        return self.curl(who, f"{scheme}://{self.store}:8080/", "-k", *options)[0]

    def errors(self, name):
        return [d["text"] for d in self.status()["diagnostics"] if d["object"].startswith("IngressBackend") and d["object"].endswith(name) and d["error"]]

    def policies(self):
        return {p["name"]: p["status"] for p in self.status()["policies"]}

    def verify(self, *args, source="edge/gateway"):
        """What osm verify ingress says of calls from there to the store."""
        return self.verb("verify", "ingress", "--from", source, "--to-service", "shop/store", "--to-port", "8080", *args, check=False).splitlines()

    def secret_file(self, name="gateway"):
        return self.state / "objects/secrets" / f"edge_{name}.json"


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    if os.geteuid() != 0 or not local.find_osm() or not local.find_envoy() or not shutil.which("nginx", path="/usr/sbin"):
        pytest.skip("needs root, osm, Envoy and nginx-light")
    m = Edge(tmp_path_factory.mktemp("edge"))
    m.save("policy.yaml", "\n---\n".join(json.dumps(o) for o in m.policy_objects(permissive=True)))
    pods = [account("store", "shop"), account("client", "shop"), peer("store", "http:8080", ns="shop"), peer("client", ns="shop"),
            service("store", {"app": "store"}, [{"name": "http", "port": 80, "targetPort": 8080}], ns="shop"),
            account("stranger", "edge"), peer("stranger", ns="edge"), *gateway_pod()]
    m.save("app.yaml", "\n---\n".join(json.dumps(o) for o in pods))
    m.up("--no-mesh", "edge", "--min-validity", f"{LIFE}s")
    m.verb("wait", "--timeout", "60s")
    m.store = m.address("shop", "store")
    yield m
    done = m.down()
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=[True, False], ids=["permissive", "smi"])
def mode(request, edge):
    """A policy beside the mesh's own; in SMI mode nobody in the mesh may call the store."""
    edge.permissive = request.param

    def policy(*objects, **more):
        edge.policy(*objects, permissive=request.param, **more)
    return policy


def mesh_says(edge):
    return edge.curl("shop/client", "http://store.shop/")[0]


def test_nobody_is_let_in_without_a_policy(edge, mode):
    mode()
    edge.now(502, 502)
    assert (edge.direct(), edge.direct("https")) == (0, 0)
    assert mesh_says(edge) == (200 if edge.permissive else 0)


def test_by_http_the_gateways_addresses_and_no_other(edge, mode):
    mode(ingress("in", [backend()], [GATEWAY]))
    edge.now(200, 502)
    assert (edge.direct(), edge.direct("https")) == (0, 0)
    assert mesh_says(edge) == (200 if edge.permissive else 0), "the mesh's own rules are as before"
    assert edge.policies() == {"in": "committed"}
    assert edge.verify()[0] == "edge/gateway may call shop/store port 8080 by http"
    assert "port 8080 is open for http, not for https" in edge.verify("--app-protocol", "https")[-1]
    assert "is none of the addresses that may call" in edge.verify(source=edge.address("edge", "stranger"))[-1]
    said = {pod: edge.verb("policy", "check-pods", f"edge/{pod}", "shop/store", check=False).splitlines() for pod in ("gateway", "stranger")}
    assert " may call shop/store" in said["gateway"][0] and "IngressBackend shop/in" in said["gateway"][-1], said
    assert " may not call shop/store" in said["stranger"][0] and "closed" in said["stranger"][-1], said
    seen = json.loads(edge.curl("edge/gateway", "http://127.0.0.1:8000/a/..//b?c=d")[1])
    assert seen["path"] == "/b?c=d", seen


def test_by_http_an_address_range_gives_the_mesh_nothing(edge, mode):
    """A caller of the mesh has an address of the range, and is judged by its certificate."""
    mode(ingress("in", [backend()], [EVERYWHERE]))
    edge.now(200, 502)
    assert edge.direct() == 200
    assert mesh_says(edge) == (200 if edge.permissive else 0)
    if not edge.permissive:
        mode(EVERY, target("t", http_rule("every"), sources=("shop/client",), to="store", ns="shop") | {"spec": {
            "destination": {"kind": "ServiceAccount", "name": "store", "namespace": "shop"}, "rules": [{"kind": "HTTPRouteGroup", "name": "every"}],
            "sources": [{"kind": "ServiceAccount", "name": "client", "namespace": "shop"}]}}, EVERY | {"metadata": {"name": "every", "namespace": "shop"}},
            ingress("in", [backend()], [EVERYWHERE]))
        eventually(lambda: mesh_says(edge) == 200, 20, "the mesh and the outside at one port")
        assert edge.direct() == 200


def test_by_https_the_gateways_certificate_and_no_other(edge, mode):
    mode(ingress("in", [backend("https")], [GATEWAY, principal()]))
    edge.now(502, 200)
    assert mesh_says(edge) == (200 if edge.permissive else 0)
    said = {name: edge.verify("--app-protocol", "https", *(("--principal", name) if name else ()))[0] for name in (NAME, OTHER, "")}
    assert [name for name in said if " may call" in said[name]] == [NAME], said
    mode(ingress("in", [backend("https")], [EVERYWHERE, principal()]))
    edge.now(502, 200)
    assert (edge.direct("https"), edge.direct()) == (0, 0), "without a certificate"
    mine = workload_certificate(edge)
    assert edge.direct("https", *mine) == 0, "with a certificate of the mesh for another name"
    mode(ingress("in", [backend("https")], [EVERYWHERE, principal("client.shop.cluster.local")]))
    edge.now(502, 502)
    assert edge.direct("https", *mine) == 200, "the other way round"
    mode(ingress("in", [backend("https")], [principal()]))
    edge.now(502, 200)


def workload_certificate(edge):
    """curl's options for the certificate of shop/client, as a thief would use them."""
    done = edge.osm("exec", "shop/client", "-c", "envoy", "--", "cat", "/var/run/osm/sds-certificate.json")
    held = json.loads(done.stdout)["resources"][0]["tls_certificate"]
    options = []
    for option, part in (("--cert", "certificate_chain"), ("--key", "private_key")):
        text = held[part]["inline_string"]
        edge.osm("exec", "edge/stranger", "-c", "c", "--", "sh", "-c", 'printf "%s" "$1" > "$2"', "sh", text, f"/tmp/thief-{part}")
        options += [option, f"/tmp/thief-{part}"]
    return options


def test_by_https_without_asking_for_certificates(edge, mode):
    mode(ingress("in", [backend("https", skipClientCertValidation=True, sniHosts=["shop.example.com"])], [EVERYWHERE]))
    named = ("--connect-to", f"shop.example.com:8080:{edge.store}:8080")
    eventually(lambda: edge.curl("edge/stranger", "https://shop.example.com:8080/", "-k", *named)[0] == 200, 20, "the name that is asked for")
    assert (edge.direct("https"), edge.direct(), *edge.both()) == (0, 0, 502, 502)
    mode(ingress("in", [backend("https", skipClientCertValidation=True)], [EVERYWHERE]))
    edge.now(502, 200)
    assert edge.direct("https") == 200
    assert mesh_says(edge) == (200 if edge.permissive else 0)


def test_a_change_acts_on_open_connections_at_the_next_request(edge, mode):
    stranger = {"kind": "IPRange", "name": edge.address("edge", "stranger") + "/32"}
    mode(ingress("in", [backend()], [GATEWAY, stranger]))
    caller = Caller(type("World", (), {"mesh": edge}), "edge/stranger")
    try:
        eventually(lambda: caller.get(edge.store, port=8080) == 200)
        caller("hold", edge.store, 8080, name="held")
        assert caller("again", edge.store, name="held")["status"] == 200
        mode(ingress("in", [backend()], [GATEWAY]))
        eventually(lambda: caller.get(edge.store, port=8080) == "closed")
        assert caller("again", edge.store, name="held").get("status", 403) == 403
        assert edge.through(8000) == 200, "who is still named is not disturbed"
    finally:
        caller.end()


def test_a_port_that_is_closed_ends_open_connections_within_the_drain_time(edge):
    edge.policy(ingress("in", [backend()], [EVERYWHERE]), permissive=True)
    caller = Caller(type("World", (), {"mesh": edge}), "edge/stranger")
    try:
        eventually(lambda: caller.get(edge.store, port=8080) == 200)
        caller("hold", edge.store, 8080, name="held")
        assert caller("again", edge.store, name="held")["status"] == 200
        edge.policy(permissive=True)
        eventually(lambda: caller.get(edge.store, port=8080) == "closed")
        last = caller("again", edge.store, name="held")
        assert "error" in last or last["headers"]["connection"] == "close", last
        assert caller("ended", name="held", timeout=60)["seconds"] < 35
    finally:
        caller.end()


# ---- what opens nothing ----

def test_policies_that_open_nothing_say_why(edge, mode):
    cases = [
        (ingress("foreign", [backend()], [EVERYWHERE], ns="edge"), "is no Service of the mesh"),
        (ingress("nobody", [backend()], [{"kind": "Service", "name": "none", "namespace": "edge"}]), "is not there: it admits nobody"),
        (ingress("anonymous", [backend()], [principal()]), "none of its sources admits anybody"),
        (ingress("port", [backend(port=80)], [EVERYWHERE]), "no port of Service shop/store ends at port 80"),
    ]
    for policy, _ in cases:
        mode(policy)
        edge.now(502, 502)
        assert edge.direct() == 0
    mode(*(policy for policy, _ in cases))
    for policy, why in cases:
        name = policy["metadata"]["name"]
        assert any(why in text for text in edge.errors("/" + name)), (name, edge.errors("/" + name))
    assert set(edge.policies().values()) == {"error"}


def test_https_without_principals_is_refused_and_denied(edge, mode):
    mode(ingress("unnamed", [backend("https")], [EVERYWHERE]))
    assert [d for d in edge.status()["diagnostics"] if "https needs a source of kind AuthenticatedPrincipal" in d["text"] and d["error"]]
    assert (edge.direct("https"), edge.direct(), *edge.both()) == (0, 0, 502, 502)


def test_of_two_for_one_port_the_first_holds(edge, mode):
    mode(ingress("a", [backend()], [GATEWAY]), ingress("b", [backend("https")], [principal()]))
    edge.now(200, 502)
    assert edge.policies() == {"a": "committed", "b": "error"} and "IngressBackend shop/a" in edge.errors("/b")[0]
    said = edge.verb("policy", "check-conflicts", "ingressbackend", "-n", "other,shop", check=False).splitlines()
    assert len(said) == 2 and "IngressBackend shop/b" in said[1], said
    mode(ingress("b", [backend("https")], [principal()]))
    edge.now(502, 200)
    assert edge.verb("policy", "check-conflicts") == "no conflicts\n"


# ---- the gateway's certificate ----

def serial(edge):
    return json.loads(edge.secret_file().read_text())["data"]["tls.crt"]


def test_the_gateways_certificate_is_renewed_moved_and_taken_away(edge):
    allowed = ingress("in", [backend("https")], [GATEWAY, principal()])
    edge.gateway_life = "10m"
    edge.policy(allowed, permissive=True)
    first = eventually(lambda: edge.secret_file().exists() and serial(edge))
    second = eventually(lambda: (s := serial(edge)) != first and s, LIFE + 5, "renewed before it ends")
    eventually(lambda: edge.osm("exec", "edge/gateway", "-c", "c", "--", "cat", "/gw/tls.crt").stdout.strip() ==
               base64.b64decode(second).decode().strip() or serial(edge) != second, 10, "the pod sees it")
    edge.osm("exec", "edge/gateway", "-c", "c", "--", NGINX, "-c", "/etc/gateway/nginx.conf", "-s", "reload")
    eventually(lambda: edge.through(8001) == 200, 10, "nginx calls with the new one")

    edge.gateway_life, edge.secret = "24h", "moved"
    edge.policy(allowed, permissive=True)
    eventually(lambda: edge.secret_file("moved").exists() and not edge.secret_file().exists(), 10, "the Secret's name has changed")
    edge.has_certificate = False
    edge.policy(allowed, permissive=True)
    eventually(lambda: not edge.secret_file("moved").exists(), 10, "nobody wants it any more")
    eventually(lambda: edge.status()["objects"].get("Secret", 0) == 0, 10, "a file that vanished is given a moment to return")

    edge.has_certificate, edge.secret = True, "gateway"
    edge.policy(allowed, permissive=True)
    eventually(lambda: edge.secret_file().exists())
    eventually(lambda: edge.osm("exec", "edge/gateway", "-c", "c", "--", NGINX, "-c", "/etc/gateway/nginx.conf", "-s", "reload") and edge.through(8001) == 200, 20)
