"""A controller before a stand-in API, and what one asks them."""
import base64
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from standin import StandIn

BUILD = Path(os.environ.get("OSM_BUILD", Path(__file__).resolve().parents[2] / "build-asan"))
OSM = str(BUILD / "osm")

CORE = {"namespaces": "Namespace", "serviceaccounts": "ServiceAccount", "services": "Service", "pods": "Pod",
        "nodes": "Node"}
PODS, SERVICES, NAMESPACES = "/api/v1/pods", "/api/v1/services", "/api/v1/namespaces"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"
CONFIG = "/apis/config.openservicemesh.io/v1alpha2/namespaces/osm-system/meshconfigs"
TARGETS = "/apis/access.smi-spec.io/v1alpha3/traffictargets"


def eventually(what, seconds=30):
    """Waits until |what| is true; gives its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.02)


def steady(what, seconds=1.0):
    """|what| is true all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert what()
        time.sleep(0.02)


def pod(name, ns="shop", ip="10.244.0.5", phase="Running", **meta):
    return {"metadata": {"name": name, "namespace": ns, "labels": {"app": name}, **meta},
            "spec": {"serviceAccountName": "default", "nodeName": "n", "containers": [{"name": "c", "image": "i"}]},
            "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]}}


def crd(plural, group):
    return {"metadata": {"name": f"{plural}.{group}"}}


def namespace(name, mesh="osm"):
    return {"metadata": {"name": name, "labels": {"openservicemesh.io/monitored-by": mesh}}}


def mesh_config(permissive):
    return {"metadata": {"name": "osm-mesh-config", "namespace": "osm-system"},
            "spec": {"traffic": {"enablePermissiveTrafficPolicyMode": permissive},
                     "certificate": {"serviceCertValidityDuration": "24h", "certKeyBitSize": 2048}}}


def target(name="t", ns="shop", **spec):
    return {"metadata": {"name": name, "namespace": ns},
            "spec": {"destination": {"kind": "ServiceAccount", "name": "default", "namespace": ns},
                     "sources": [{"kind": "ServiceAccount", "name": "other", "namespace": ns}],
                     "rules": [{"kind": "TCPRoute", "name": "r"}], **spec}}


def add_mesh_kinds(api):
    for path, kind, group in ((CONFIG, "MeshConfig", "config.openservicemesh.io/v1alpha2"),
                              (TARGETS, "TrafficTarget", "access.smi-spec.io/v1alpha3")):
        api.serve(path, kind, group)
    api.put(CRDS, crd("meshconfigs", "config.openservicemesh.io"))
    api.put(CRDS, crd("traffictargets", "access.smi-spec.io"))


def furnish(api):
    """The collections that every server has, and a namespace in the mesh."""
    for plural, kind in CORE.items():
        api.serve(f"/api/v1/{plural}", kind, "v1")
    api.serve(SLICES, "EndpointSlice", "discovery.k8s.io/v1")
    api.serve(CRDS, "CustomResourceDefinition", "apiextensions.k8s.io/v1")
    api.serve(CIDRS, "ServiceCIDR", "networking.k8s.io/v1")
    api.put(NAMESPACES, namespace("shop"))
    return api


@pytest.fixture
def api():
    server = furnish(StandIn())
    yield server
    server.close()


def kubeconfig(server, user=None, **cluster):
    """As text; JSON is YAML."""
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x",
                       "clusters": [{"name": "x", "cluster": {"server": server, **cluster}}],
                       "users": [{"name": "x", "user": user or {}}],
                       "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]})


given_ports = set()


def free_port():
    """Below those that the kernel gives to outgoing connections, and never the same twice: a controller's four ports are
    chosen before it listens on the first."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as s:
            if port not in given_ports and s.connect_ex(("127.0.0.1", port)) != 0:
                given_ports.add(port)
                return port


def refusal(tmp, config, *args, env=None):
    """What a controller says that cannot run, one sentence."""
    path = tmp / "kubeconfig"
    path.write_text(config)
    done = subprocess.run([OSM, "controller", "--state", tmp / "s", "--port", "0", "--http-port", "0", "--address", "127.0.0.1",
                           "--kubeconfig", path, *args], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("osm: the controller cannot run: "), done.stderr
    return last


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("osm", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Controller:
    count = 0

    def __init__(self, tmp, *args, env=None, program=OSM):
        Controller.count += 1
        self.state, self.port, self.inject_port = tmp / f"state{self.count}", free_port(), free_port()
        self.log = open(tmp / f"controller{self.count}.log", "w+", errors="replace")
        self.process = subprocess.Popen(
            [program, "controller", "--state", self.state, "--address", "127.0.0.1", "--port", str(free_port()),
             "--http-port", str(self.port), "--inject-port", str(self.inject_port), "--validate-port", str(free_port()), "--threads", "1", "-v", "debug", *args],
            stderr=self.log, env=dict(os.environ, **(env or {})))

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def get(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            c.request("GET", path)
            r = c.getresponse()
            return r.status, r.read().decode()
        except OSError:
            return 0, ""
        finally:
            c.close()

    def is_ready(self):
        assert self.process.poll() is None, self.text()
        return self.get("/health/ready")[0] == 200

    def ready(self, seconds=30):
        eventually(self.is_ready, seconds)
        return self

    def status(self):
        c = UnixConnection(str(self.state / "api.sock"))
        try:
            c.request("GET", "/v1/status")
            return json.loads(c.getresponse().read())
        finally:
            c.close()

    def inject(self, pod):
        """The patch that the pod gets, as {path: value}."""
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "0c2f4dd0-0000-4000-8000-000000000001", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "operation": "CREATE",
            "namespace": pod["metadata"]["namespace"], "object": {"apiVersion": "v1", "kind": "Pod", **pod}}}
        c = http.client.HTTPSConnection("127.0.0.1", self.inject_port, timeout=20, context=ssl._create_unverified_context())
        try:
            c.request("POST", "/mutate-pod-creation", json.dumps(review), {"content-type": "application/json"})
            response = json.loads(c.getresponse().read())["response"]
            assert response["allowed"], response
            return {o["path"]: o["value"] for o in json.loads(base64.b64decode(response["patch"]))}
        finally:
            c.close()

    def pods(self):
        return {p["name"]: p["address"] for p in self.status()["pods"]}

    def problems(self):
        return [d["object"] + ": " + d["text"] for d in self.status()["diagnostics"]]

    def metric(self, name, **labels):
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if re.match(rf"{name}[{{ ]", line) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total

    def end(self):
        """Ends as told, in time, and without a leak."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        assert code == 0 and "AddressSanitizer" not in self.text(), self.text()[-4000:]


@pytest.fixture
def controller(tmp_path, api):
    """Starts controllers before |api|: controller(), or controller(kubeconfig=TEXT)."""
    started = []

    def start(*args, config=None, **more):
        path = tmp_path / "kubeconfig"
        path.write_text(config or kubeconfig(api.url))
        started.append(Controller(tmp_path, "--kubeconfig", str(path), *args, **more))
        return started[-1]

    yield start
    for c in started:
        try:
            c.end()
        finally:
            c.process.kill()
            c.log.close()
