"""How a controller reaches the API and says who it is: every form of kubeconfig, a pod's own account, HTTP/2."""
import base64
import json
import os
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import CONFIG, CRDS, OSM, PODS, Controller, add_mesh_kinds, eventually, furnish, kubeconfig, mesh_config, pod, refusal, steady
from standin import StandIn, hang, refuse


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, stderr=subprocess.DEVNULL)


class Pki:
    """A root, the server's certificate for "kubernetes" and 127.0.0.1, and a client's."""

    def __init__(self, path):
        self.path = path
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "ca.key",
                "-out", path / "ca.crt", "-subj", "/CN=root", "-days", "2")
        self.issue("server", "subjectAltName=DNS:kubernetes,IP:127.0.0.1")
        self.issue("strange", "subjectAltName=DNS:kubernetes")
        self.issue("client", "extendedKeyUsage=clientAuth")

    def issue(self, name, extension):
        (self.path / "ext").write_text(extension)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path / f"{name}.key",
                "-out", self.path / f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", self.path / f"{name}.csr", "-CA", self.path / "ca.crt", "-CAkey", self.path / "ca.key",
                "-CAcreateserial", "-out", self.path / f"{name}.crt", "-days", "2", "-extfile", self.path / "ext")

    def server(self, name="server", alpn=("h2", "http/1.1"), client=False):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.path / f"{name}.crt", self.path / f"{name}.key")
        tls.set_alpn_protocols(list(alpn))
        if client:
            tls.verify_mode = ssl.CERT_REQUIRED
            tls.load_verify_locations(self.path / "ca.crt")
        return furnish(StandIn(tls))

    def data(self, name):
        return base64.b64encode((self.path / name).read_bytes()).decode()


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def serve():
    servers = []

    def start(server):
        servers.append(server)
        return server
    yield start
    for s in servers:
        s.close()


def only(header, value):
    async def check(x, server):
        if x.headers.get(header) == value:
            return False
        await refuse(401, "Unauthorized")(x, server)
        return True
    return check


@pytest.mark.parametrize("keeps", [True, False])
def test_everything_goes_over_one_connection_and_moves_to_another_without_a_list(pki, serve, controller, keeps):
    api = serve(pki.server())
    add_mesh_kinds(api)
    c = controller(config=kubeconfig(api.url, **{"certificate-authority": str(pki.path / "ca.crt")})).ready()
    first = api.streams()
    assert len(first) == 1 and len(api.open_writers) <= 2  # one for watches, one for the rest
    time.sleep(1.2)
    mark = api.mark()
    if keeps:  # what is open goes on, what is new goes elsewhere
        api.go_away(keeps=True)
        api.put(PODS, pod("one"))
        eventually(lambda: "one" in c.pods())
        api.end_watches(PODS)
        eventually(lambda: len(api.streams()) == 2)
        time.sleep(1.2)
        api.cut(first)
    else:
        api.go_away(keeps=False)
    eventually(lambda: len([r for r in api.requests[mark:] if r.is_watch]) >= 10)
    assert not [r for r in api.requests[mark:] if "sendInitialEvents" in r.query or not r.is_watch]
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    eventually(lambda: len(api.streams()) == 1 and api.streams() != first)
    assert not any("cannot be followed" in p for p in c.problems())


def test_http_1_1_over_tls_all_come_back_after_a_cut(pki, serve, controller):
    api = serve(pki.server(alpn=["http/1.1"]))
    c = controller(config=kubeconfig(api.url, **{"certificate-authority": str(pki.path / "ca.crt")})).ready()
    api.stop()
    api.put(PODS, pod("two"))
    api.start()
    eventually(lambda: "two" in c.pods())
    eventually(lambda: not any("cannot be followed" in p for p in c.problems()))


def test_a_client_certificate_as_data_and_as_files(pki, serve, controller, tmp_path):
    api = serve(pki.server(client=True))
    roots = {"certificate-authority-data": pki.data("ca.crt")}
    controller(config=kubeconfig(api.url, {"client-certificate-data": pki.data("client.crt"), "client-key-data": pki.data("client.key")},
                                 **roots)).ready().end()
    for name in ("client.crt", "client.key"):
        os.symlink(pki.path / name, tmp_path / name)  # relative to the kubeconfig
    controller(config=kubeconfig(api.url, {"client-certificate": "client.crt", "client-key": "client.key"}, **roots)).ready()


def test_a_server_under_another_name(pki, serve, controller, tmp_path):
    api = serve(pki.server("strange"))
    roots = {"certificate-authority-data": pki.data("ca.crt")}
    assert "127.0.0.1" in (said := refusal(tmp_path, kubeconfig(api.url, **roots))) and "SSL" in said
    controller(config=kubeconfig(api.url, **roots, **{"tls-server-name": "kubernetes"})).ready()
    assert {r.headers.get(":authority") for r in api.requests} == {api.url.removeprefix("https://")}
    controller(config=kubeconfig(api.url, **{"insecure-skip-tls-verify": True})).ready()


def test_basic_authentication_and_impersonation(serve, controller):
    api = serve(furnish(StandIn()))
    api.fault("/", only("authorization", "Basic " + base64.b64encode(b"jane:secret").decode()), times=10000)
    controller(config=kubeconfig(api.url, {"username": "jane", "password": "secret", "as": "joe", "as-groups": ["g"]})).ready()
    assert {(r.headers.get("impersonate-user"), r.headers.get("impersonate-group")) for r in api.requests} == {("joe", "g")}


PLUGIN = """#!/bin/sh
echo x >> {runs}
printf '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"%s"}}}}' "$(cat {token})"
"""


def test_a_credential_plugin_is_run_once_and_again_when_it_is_refused(serve, controller, tmp_path):
    api = serve(furnish(StandIn()))
    wanted = ["one"]

    async def check(x, server):
        return await only("authorization", f"Bearer {wanted[0]}")(x, server)
    api.fault("/", check, times=10000)
    runs, token, plugin = tmp_path / "runs", tmp_path / "token", tmp_path / "plugin"
    token.write_text("one")
    plugin.write_text(PLUGIN.format(runs=runs, token=token))
    plugin.chmod(0o755)
    c = controller(config=kubeconfig(api.url, {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}})).ready()
    assert runs.read_text() == "x\n"
    wanted[0] = "two"
    token.write_text("two")
    api.end_watches(PODS)
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    assert runs.read_text() == "x\nx\n"


@pytest.mark.parametrize("command, says", [("./absent", "it cannot be started: No such file"), ("false", "it ended with 1"),
                                           ("true", "failed")])
def test_a_credential_plugin_that_fails_is_said(serve, tmp_path, command, says):
    api = serve(furnish(StandIn()))
    said = refusal(tmp_path, kubeconfig(api.url, {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command,
                                                           "installHint": "get it from x"}}))
    assert says in said and "the credential plugin" in said and "get it from x" in said


class Proxy(BaseHTTPRequestHandler):
    """Plain forwarding, one request after the other; counts."""
    seen = []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_response(503)
        self.end_headers()

    do_CONNECT = do_GET

    def log_message(self, *_):
        pass


def test_a_proxy_is_used(controller):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = {"proxy-url": f"http://127.0.0.1:{server.server_address[1]}"}
    c = controller(config=kubeconfig("https://api.example:6443", **proxy))
    eventually(lambda: "503" in c.get("/health/ready")[1])
    assert "api.example:6443" in Proxy.seen
    server.shutdown()


def test_a_pods_own_account_with_a_token_that_rotates(pki, serve, tmp_path):
    """Needs root: the files are where the kubelet puts them, in a mount namespace of the controller's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    api = serve(pki.server())
    wanted = ["one"]

    async def check(x, server):
        return await only("authorization", f"Bearer {wanted[0]}")(x, server)
    api.fault("/", check, times=10000)
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("one")
    (account / "ca.crt").write_bytes((pki.path / "ca.crt").read_bytes())
    (account / "namespace").write_text("osm-system")
    wrapper = tmp_path / "osm"
    where = "/var/run/secrets/kubernetes.io/serviceaccount"
    wrapper.write_text(f"#!/bin/sh\nmount -t tmpfs none /run && mkdir -p {where} && mount --bind {account} {where} && exec {OSM} \"$@\"\n")
    wrapper.chmod(0o755)
    inside = tmp_path / "inside"
    inside.write_text(f"#!/bin/sh\nexec unshare -m {wrapper} \"$@\"\n")
    inside.chmod(0o755)
    c = Controller(tmp_path, program=str(inside), env={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)})
    try:
        c.ready()
        wanted[0] = "two"
        (account / "new").write_text("two")
        os.rename(account / "new", account / "token")
        api.end_watches(PODS)
        api.put(PODS, pod("two"))
        eventually(lambda: "two" in c.pods())
        c.end()
    finally:
        c.process.kill()


@pytest.mark.parametrize("args, config, says", [
    ([], "a: [", "kubeconfig:"),
    (["--context", "y"], None, 'there is no context "y" (there are: x)'),
    ([], kubeconfig("https://h", {"tokenFile": "/absent/token"}), "/absent/token"),
    ([], kubeconfig("https://h", **{"certificate-authority": "/dev/null"}), "the certificate-authority: /dev/null is empty"),
    ([], kubeconfig("https://h", {"client-certificate-data": "eA==", "client-key-data": "eA=="}), "client-certificate-data holds no PEM"),
])
def test_a_kubeconfig_with_a_mistake_is_one_sentence(tmp_path, args, config, says):
    assert says in refusal(tmp_path, config or kubeconfig("https://h"), *args)


def test_where_no_cluster_is_named_and_this_is_no_pod(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith("KUBERNETES_")}
    done = subprocess.run([OSM, "controller", "--state", tmp_path / "s", "--port", "0", "--http-port", "0", "--address", "127.0.0.1"], env=env,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "give --kubeconfig FILE" in done.stderr


def test_another_namespace_and_name_of_the_mesh(serve, controller):
    api = serve(furnish(StandIn()))
    path = CONFIG.replace("osm-system", "mesh")
    api.serve(path, "MeshConfig", "config.openservicemesh.io/v1alpha2")
    config = mesh_config(True)
    config["metadata"]["namespace"] = "mesh"
    api.put(path, config)
    api.put(CRDS, {"metadata": {"name": "meshconfigs.config.openservicemesh.io"}})
    c = controller("--osm-namespace", "mesh", "--mesh-name", "blue", config=kubeconfig(api.url)).ready()
    mesh = c.status()["mesh"]
    assert (mesh["name"], mesh["namespace"], mesh["permissive"]) == ("blue", "mesh", True)
    assert c.metric("osm_resource_namespace_count") == 0
    namespace = {"metadata": {"name": "ours", "labels": {"openservicemesh.io/monitored-by": "blue"}}}
    api.put("/api/v1/namespaces", namespace)
    eventually(lambda: c.metric("osm_resource_namespace_count") == 1)


def test_without_a_mesh_config_the_mesh_is_closed(serve, controller):
    api = serve(furnish(StandIn()))
    c = controller(config=kubeconfig(api.url)).ready()
    assert not c.status()["mesh"]["permissive"] and not c.status()["mesh"]["egress"]


def test_health_and_a_clean_end(serve, controller):
    api = serve(furnish(StandIn()))
    c = controller(config=kubeconfig(api.url)).ready()
    assert [c.get(p)[0] for p in ("/health/ready", "/health/alive", "/healthz", "/metrics", "/version")] == [200] * 5
    api.fault("/", hang, times=1000)
    api.end_watches(PODS)
    steady(lambda: c.is_ready(), 0.5)
    c.end()
