"""osm install and osm uninstall mesh, and what controllers do in a cluster beside serving proxies: the CA that they share,
who of them writes, the roots in namespaces, the webhooks' trust, certificates for pods' tokens. The controllers run here,
not as pods, so that each can be stopped at will."""
import base64
import json
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from conftest import is_shared, SOURCE, ends_with_us, eventually

OSM = Path(os.environ.get("OSM_BUILD", SOURCE / "build-asan")) / "osm"
SYSTEM = "osm-system"
CONTROLLER_NAME = "osm-controller.osm-system.svc"
MUTATING = ("mutatingwebhookconfigurations", "osm-webhook-osm")


def osm(cluster, *args, stdin=""):
    return subprocess.run([OSM, *args], env=cluster.env, text=True, input=stdin, capture_output=True, timeout=120)


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Controller:
    def __init__(self, cluster, path, name):
        self.xds, self.http, self.inject, self.validate = free_ports(4)
        self.log = path / f"{name}.log"
        command = [OSM, "controller", "--kubeconfig", cluster.env["KUBECONFIG"], "--state", path / name, "--address", "127.0.0.1"]
        for flag, port in (("port", self.xds), ("http-port", self.http), ("inject-port", self.inject), ("validate-port", self.validate)):
            command += [f"--{flag}", str(port)]
        self.process = subprocess.Popen([str(c) for c in command] + ["--sidecar-image", "osm"], stderr=self.log.open("w"), stdout=subprocess.DEVNULL,
                                        env=dict(cluster.env, POD_NAME=name), preexec_fn=ends_with_us)

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.http}/health/ready", timeout=5).status == 200
        except OSError:
            return False

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)


@pytest.fixture(scope="module")
def installed(whole_cluster):
    if is_shared():
        pytest.skip("installs and uninstalls the mesh of the whole cluster")
    done = osm(whole_cluster, "install", "--image", "osm", "--no-wait")
    assert done.returncode == 0, done.stderr
    # The Deployment's own pods stay out of this: who leads is to be seen.
    whole_cluster.kubectl("-n", SYSTEM, "scale", "deployment/osm-controller", "--replicas=0")
    yield whole_cluster
    osm(whole_cluster, "uninstall", "mesh", "-f", "-a", "--delete-namespace")


@pytest.fixture(scope="module")
def controllers(installed, tmp_path_factory):
    path = tmp_path_factory.mktemp("controllers")
    both = [Controller(installed, path, name) for name in ("one", "two")]
    for c in both:
        eventually(c.is_ready, 60, c.log.read_text)
    yield both
    for c in both:
        c.end()


def holder(cluster):
    lease = cluster.get("lease", "osm-controller", SYSTEM)
    return lease and lease["spec"].get("holderIdentity", "")


def bundle(cluster):
    return cluster.get(*MUTATING)["webhooks"][0]["clientConfig"].get("caBundle")


# ---- the verb ----

def test_the_objects_are_printed_without_a_cluster():
    done = subprocess.run([OSM, "install", "--image", "r/osm:1", "-o", "yaml"], text=True, capture_output=True,
                          env={"PATH": os.environ["PATH"], "KUBECONFIG": "/nowhere"})
    assert done.returncode == 0 and "image: r/osm:1" in done.stdout and "kind: MeshConfig" in done.stdout


@pytest.mark.parametrize("args, part", [
    ([], "no image is named"),
    (["--image", "x", "--set", "osm.enableEgres=true"], "osm.enableEgres"),
    (["--image", "x", "--set", "osm.meshName=No Good"], "osm.meshName"),
    (["--image", "x", "--kubeconfig", "/nowhere"], "/nowhere"),
])
def test_a_wrong_call_is_one_sentence(args, part):
    done = subprocess.run([OSM, "install", *args], text=True, capture_output=True)
    assert done.returncode == 1 and part in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_installing_again_changes_nothing_and_keeps_the_users_settings(installed):
    installed.kubectl("-n", SYSTEM, "patch", "meshconfig", "osm-mesh-config", "--type=merge", "-p", '{"spec":{"traffic":{"enableEgress":false}}}')
    before = installed.get("deployment", "osm-controller", SYSTEM)["metadata"]["generation"]
    dry = osm(installed, "install", "--image", "osm", "--dry-run")
    assert dry.returncode == 0 and "would be applied" in dry.stdout
    done = osm(installed, "install", "--image", "osm", "--no-wait", "--set", "osm.deployPrometheus=true")
    assert done.returncode == 0, done.stderr
    assert "osm.deployPrometheus has no effect" in done.stderr and "stays as it is" in done.stderr
    assert installed.get("meshconfig", "osm-mesh-config", SYSTEM)["spec"]["traffic"]["enableEgress"] is False
    installed.kubectl("-n", SYSTEM, "scale", "deployment/osm-controller", "--replicas=0")
    assert installed.get("deployment", "osm-controller", SYSTEM)["metadata"]["generation"] <= before + 2


def test_a_second_mesh_and_the_archived_one_are_refused(installed):
    done = osm(installed, "install", "--image", "osm", "--mesh-name", "two", "--osm-namespace", "two")
    assert done.returncode == 1 and 'already has the mesh "osm" in namespace osm-system' in done.stderr
    assert installed.get("namespace", "two") is None
    ns = installed.namespace("archived")
    spec = {"selector": {"matchLabels": {"app": "osm-controller"}}, "replicas": 0,
            "template": {"metadata": {"labels": {"app": "osm-controller"}}, "spec": {"containers": [{"name": "c", "image": "x", "command": ["/osm-controller"]}]}}}
    installed.apply({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
                     "metadata": {"name": "osm-controller", "namespace": ns, "labels": {"app": "osm-controller", "meshName": "old"}}})
    done = osm(installed, "install", "--image", "osm")
    installed.kubectl("-n", ns, "delete", "deployment", "osm-controller")
    assert done.returncode == 1 and "archived Open Service Mesh runs mesh \"old\"" in done.stderr


def test_namespaces_are_added_listed_ignored_and_removed(installed):
    ns, other = installed.namespace("verbs"), installed.namespace("verbs")
    said = osm(installed, "namespace", "add", ns, other)
    assert said.returncode == 0 and f"Namespace [{ns}] successfully added to mesh [osm]" in said.stdout, said.stderr
    meta = installed.get("namespace", ns)["metadata"]
    assert meta["labels"]["openservicemesh.io/monitored-by"] == "osm"
    assert meta["annotations"]["openservicemesh.io/sidecar-injection"] == "enabled"
    assert osm(installed, "metrics", "enable", "--namespace", ns).returncode == 0
    assert installed.get("namespace", ns)["metadata"]["annotations"]["openservicemesh.io/metrics"] == "enabled"
    assert osm(installed, "namespace", "ignore", other).returncode == 0
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in osm(installed, "namespace", "list").stdout.splitlines()}
    assert rows[ns] == "osm enabled" and rows[other] == "osm disabled (ignored)"
    meshes = osm(installed, "mesh", "list").stdout
    assert "osm-system" in meshes and ns in meshes
    assert osm(installed, "namespace", "remove", ns).returncode == 0
    assert "openservicemesh.io/metrics" not in installed.get("namespace", ns)["metadata"].get("annotations", {})
    assert ns not in osm(installed, "namespace", "list").stdout


def test_namespaces_that_cannot_be_added_are_named(installed):
    assert "has a control plane" in osm(installed, "namespace", "add", SYSTEM).stderr
    assert "there is no namespace nowhere" in osm(installed, "namespace", "add", "nowhere").stderr
    taken = installed.namespace("taken", **{"openservicemesh.io/monitored-by": "theirs"})
    assert 'is in the mesh "theirs"' in osm(installed, "namespace", "add", taken).stderr
    strict = installed.namespace("strict", **{"pod-security.kubernetes.io/enforce": "restricted"})
    said = osm(installed, "namespace", "add", strict)
    assert said.returncode == 0 and 'pod security level "restricted"' in said.stderr


# ---- controllers ----

def test_controllers_that_start_at_once_share_one_ca(installed, controllers):
    secret = installed.get("secret", "osm-ca-bundle", SYSTEM)
    made = [c for c in controllers if "a new mesh root was made" in c.log.read_text()]
    assert len(made) == 1
    root = base64.b64decode(secret["data"]["ca.crt"]).decode()
    eventually(lambda: bundle(installed), what="caBundle")
    assert base64.b64decode(bundle(installed)).decode().strip() == root.strip()


def test_one_writes_and_when_it_ends_the_other_does(installed, controllers):
    first = eventually(lambda: holder(installed), what="a leader").split("_")[0]
    leader, other = controllers if first == "one" else reversed(controllers)
    leader.end()
    eventually(lambda: holder(installed).split("_")[0] not in ("", first), 30, lambda: holder(installed))
    assert other.is_ready()
    again = Controller(installed, leader.log.parent, first)
    controllers[controllers.index(leader)] = again
    eventually(again.is_ready, 60, again.log.read_text)


def test_namespaces_of_the_mesh_get_the_roots(installed, controllers):
    inside = installed.namespace("in", **{"openservicemesh.io/monitored-by": "osm"})
    outside = installed.namespace("out")
    pem = eventually(lambda: installed.get("configmap", "osm-trust", inside), what="osm-trust")["data"]["ca.pem"]
    assert pem.strip() == base64.b64decode(installed.get("secret", "osm-ca-bundle", SYSTEM)["data"]["ca.crt"]).decode().strip()
    assert installed.get("configmap", "osm-trust", outside) is None
    installed.kubectl("label", "namespace", outside, "openservicemesh.io/monitored-by=osm")
    eventually(lambda: installed.get("configmap", "osm-trust", outside), what="osm-trust in the namespace that joined")


def test_an_overwritten_ca_bundle_comes_back(installed, controllers):
    right = eventually(lambda: bundle(installed), what="caBundle")
    wrong = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode()
    hooks = installed.get(*MUTATING)["webhooks"]
    patch = [{"op": "replace", "path": f"/webhooks/{i}/clientConfig/caBundle", "value": wrong} for i in range(len(hooks))]
    done = installed.run("patch", *MUTATING, "--type=json", "-p", json.dumps(patch))
    if done.returncode:  # a server that looks into the bundle takes no such thing; none at all is as wrong
        installed.kubectl("patch", *MUTATING, "--type=json", "-p", json.dumps([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]))
    eventually(lambda: bundle(installed) == right, what="the right caBundle")


def test_policies_say_what_became_of_them(installed, controllers):
    ns = installed.namespace("status")  # joins the mesh when all is there: nobody serves the webhooks here
    source = {"kind": "IPRange", "name": "10.0.0.0/8"}

    def backend(name, service, source):
        return {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "IngressBackend", "metadata": {"name": name, "namespace": ns},
                "spec": {"backends": [{"name": service, "port": {"number": 80, "protocol": "http"}}], "sources": [source]}}

    def status(name):
        return (installed.get("ingressbackend", name, ns) or {}).get("status", {})

    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": ns}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    installed.apply(service, backend("good", "web", source), backend("bad", "web2", source))
    installed.kubectl("label", "namespace", ns, "openservicemesh.io/monitored-by=osm")
    eventually(lambda: status("good").get("currentStatus") == "committed", 30, lambda: status("good"))
    eventually(lambda: status("bad").get("currentStatus") == "error", 30, lambda: status("bad"))
    assert "web2" in status("bad")["reason"]
    events = lambda name: [(e["type"], e["reason"], "web2" in e["message"]) for e in installed.get("events", ns=ns) if e["involvedObject"]["name"] == name]
    eventually(lambda: ("Warning", "Refused", True) in events("bad"), 30, lambda: events("bad"))
    service["metadata"]["name"] = "web2"
    installed.apply(service)
    eventually(lambda: status("bad").get("currentStatus") == "committed", 30, lambda: status("bad"))
    eventually(lambda: ("Normal", "Committed", False) in events("bad"), 30, lambda: events("bad"))
    assert len(set(events("bad"))) == len(events("bad")) and not any(is_web2 for _, _, is_web2 in events("good")), "each thing once"


# ---- certificates for tokens ----

def csr(path):
    key, out = path / "key.pem", path / "csr.pem"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-subj", "/CN=x", "-out", out],
                   check=True, capture_output=True)
    return out.read_text()


def token(cluster, ns, pod, uid, audience="osm-controller"):
    """As the kubelet asks for it."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": 3600, "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uid}}}
    made = cluster.kubectl("create", "--raw", f"/api/v1/namespaces/{ns}/serviceaccounts/default/token", "-f", "-", stdin=json.dumps(body))
    return json.loads(made)["status"]["token"]


def ask(controller, root, text, bearer):
    done = subprocess.run(["curl", "-s", "--http2", "--cacert", root, "--connect-to", f"{CONTROLLER_NAME}:443:127.0.0.1:{controller.xds}",
                           "-H", f"Authorization: Bearer {bearer}", "-d", json.dumps({"csr": text}), "-w", "\n%{http_code}",
                           f"https://{CONTROLLER_NAME}/v1/certificate"], text=True, capture_output=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_a_pods_token_gets_its_own_certificate_and_nothing_else_does(installed, controllers, tmp_path):
    ns = installed.namespace("token", **{"openservicemesh.io/monitored-by": "osm"})
    # Made as injected already: this test is about tokens.
    installed.kubectl("label", "namespace", ns, "openservicemesh.io/ignore=true")  # our webhook is not to be asked
    injected = {"command": ["osm", "capture"], "image": "osm", "name": "osm-init"}
    sidecar = {"command": ["osm", "agent"], "image": "osm", "name": "envoy", "restartPolicy": "Always"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": ns, "labels": {"osm-proxy-uuid": "0a1b2c3d-0000-4000-8000-00000000abcd"}, "annotations": {"openservicemesh.io/proxy-generation": "1"}},
           "spec": {"schedulerName": "nobody", "initContainers": [injected, sidecar], "containers": [{"name": "c", "image": "osm", "command": ["sleep", "9"]}]}}
    installed.apply(pod)
    installed.kubectl("label", "namespace", ns, "openservicemesh.io/ignore-")
    uid = installed.get("pod", "p", ns)["metadata"]["uid"]
    root = tmp_path / "root.pem"
    root.write_bytes(base64.b64decode(installed.get("secret", "osm-ca-bundle", SYSTEM)["data"]["ca.crt"]))
    text, controller = csr(tmp_path), controllers[0]

    seen = {}

    def good():
        seen["last"] = ask(controller, root, text, token(installed, ns, "p", uid))
        return seen["last"][0] == 200

    eventually(good, 30, lambda: seen.get("last"))
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(json.loads(seen["last"][1])["chain"])
    names = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", leaf], text=True, capture_output=True).stdout
    assert f"URI:spiffe://cluster.local/ns/{ns}/sa/default" in names
    assert ask(controller, root, text, token(installed, ns, "p", uid, "another"))[0] == 401
    assert ask(controller, root, text, "eyJhbGciOiJub25lIn0.e30.")[0] == 401
    kept = token(installed, ns, "p", uid)
    installed.kubectl("-n", ns, "delete", "pod", "p", "--force", "--grace-period=0")
    eventually(lambda: ask(controller, root, text, kept)[0] in (401, 403), 30, "the token of a pod that is gone is refused")


# ---- away with it ----

def test_uninstalling_asks_and_takes_everything(installed, controllers):
    ns = installed.namespace("last", **{"openservicemesh.io/monitored-by": "osm"})
    no = osm(installed, "uninstall", "mesh", stdin="n\n")
    assert no.returncode == 0 and "Nothing was changed" in no.stdout and installed.get("deployment", "osm-controller", SYSTEM)
    for c in controllers:
        c.end()
    done = osm(installed, "uninstall", "mesh", "-f", "-a")
    assert done.returncode == 0, done.stderr
    assert installed.get("deployment", "osm-controller", SYSTEM) is None and installed.get(*MUTATING) is None
    eventually(lambda: installed.get("crd", "traffictargets.access.smi-spec.io") is None, what="the definitions to go")
    assert "openservicemesh.io/monitored-by" not in installed.get("namespace", ns)["metadata"]["labels"]
    again = osm(installed, "uninstall", "mesh", "-f", "-a")
    assert again.returncode == 0 and "There is no mesh" in again.stdout
