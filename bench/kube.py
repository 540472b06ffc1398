"""A controller before a Kubernetes API (the stand-in of tests/standin): from its start to ready, memory, idle requests.

The floor of the start is what curl takes for the same bytes, so that the stand-in's own slowness is not counted as
ours. An hour of idling is played in a minute: the stand-in ends each stream after a sixtieth of the time it was asked
for."""
import http.client
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import OSM, ROOT, Impossible, memory_kb, result, wait_for

sys.path.insert(0, str(ROOT / "tests" / "standin"))

PODS, SERVICES, GROUPS = 10000, 1000, 100
MESH_KINDS = {"access.smi-spec.io": ("v1alpha3", "traffictargets"), "split.smi-spec.io": ("v1alpha2", "trafficsplits")}
CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"


def big_pod(i):
    """About 6 kB as the API gives it, of which the mesh needs a few hundred bytes."""
    ns, app = f"n{i % GROUPS}", f"s{i % SERVICES}"
    env = [{"name": f"SETTING_{n}", "value": "some value that the program wants to know " + str(n)} for n in range(20)]
    container = {"name": "app", "image": "registry.example/app@sha256:" + "0" * 64, "env": env, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                 "ports": [{"name": "http", "containerPort": 8080}], "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets"}]}
    ip = f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"
    return {"metadata": {"name": f"p{i}", "namespace": ns, "uid": f"00000000-0000-0000-0000-{i:012}", "creationTimestamp": "2026-01-01T00:00:00Z",
                         "labels": {"app": app, "pod-template-hash": "7d9c8f6b5", "osm-proxy-uuid": f"{i}"}, "annotations": {"note": "x" * 500},
                         "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-7d9c8f6b5", "uid": "u", "controller": True}],
                         "managedFields": [{"manager": "kubelet", "fieldsV1": {f"f:field{n}": {} for n in range(80)}}]},
            "spec": {"serviceAccountName": app, "nodeName": f"node{i % 50}", "containers": [container, dict(container, name="envoy")],
                     "volumes": [{"name": "token", "projected": {"sources": []}}]},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": "True"}],
                       "containerStatuses": [{"name": n, "ready": True, "restartCount": 0, "image": "i", "imageID": "i"} for n in ("app", "envoy")]}}


def service(i):
    return {"metadata": {"name": f"s{i}", "namespace": f"n{i % GROUPS}", "uid": f"s{i}"},
            "spec": {"type": "ClusterIP", "clusterIP": f"10.96.{i >> 8}.{i & 255}", "clusterIPs": [f"10.96.{i >> 8}.{i & 255}"],
                     "selector": {"app": f"s{i}"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}}


def endpoint_slice(i):
    pods = range(i, PODS, SERVICES)
    ends = [{"addresses": [f"10.{p >> 16}.{p >> 8 & 255}.{p & 255}"], "conditions": {"ready": True},
             "targetRef": {"kind": "Pod", "name": f"p{p}", "namespace": f"n{i % GROUPS}"}} for p in pods]
    return {"metadata": {"name": f"s{i}-x", "namespace": f"n{i % GROUPS}", "labels": {"kubernetes.io/service-name": f"s{i}"}},
            "addressType": "IPv4", "endpoints": ends, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}


def make_api(pods, services):
    import conftest
    from standin import StandIn
    api = conftest.furnish(StandIn())
    for group, (version, plural) in MESH_KINDS.items():
        api.serve(f"/apis/{group}/{version}/{plural}", "X", f"{group}/{version}")
        api.put(conftest.CRDS, conftest.crd(plural, group), say=False)
    for i in range(GROUPS):
        api.put(conftest.NAMESPACES, conftest.namespace(f"n{i}"), say=False)
    for i in range(services):
        api.put(conftest.SERVICES, service(i), say=False)
        if pods:
            api.put(conftest.SLICES, endpoint_slice(i), say=False)
        api.put("/api/v1/serviceaccounts", {"metadata": {"name": f"s{i}", "namespace": f"n{i % GROUPS}"}}, say=False)
    for i in range(pods):
        api.put(conftest.PODS, big_pod(i), say=False)
    return api, conftest


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_ready(port):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        c.request("GET", "/health/ready")
        return c.getresponse().status == 200
    except OSError:
        return False
    finally:
        c.close()


class Controller:
    def __init__(self, api, conftest):
        self.dir = tempfile.TemporaryDirectory()
        where, port = Path(self.dir.name), free_port()
        (where / "kubeconfig").write_text(conftest.kubeconfig(api.url))
        begin = time.monotonic()
        self.process = subprocess.Popen([OSM, "controller", "--kubeconfig", where / "kubeconfig", "--state", where / "state", "--address", "127.0.0.1",
                                         "--port", str(free_port()), "--http-port", str(port)], stderr=subprocess.DEVNULL)
        try:
            wait_for("the controller", lambda: is_ready(port), 120)
        except Impossible:
            self.end()
            raise
        self.seconds = time.monotonic() - begin
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / 100
        self.memory = memory_kb(self.process.pid)["private"] * 1024

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.dir.cleanup()


def fetch_all(api):
    """The same lists by curl, one after the other."""
    begin = time.monotonic()
    for path in api.collections:
        subprocess.run(["curl", "-s", "-m", "60", "-o", "/dev/null", f"{api.url}{path}"], check=True)
    return time.monotonic() - begin


def idle_requests(api, conftest):
    c = Controller(api, conftest)
    try:
        mark = api.mark()
        api.seconds_per_hour = 60
        for path in list(api.collections):
            api.end_watches(path)
        time.sleep(2)  # they come back, each with a time of its own
        mark = api.mark()
        time.sleep(60)
        return api.mark() - mark, len(api.collections)
    finally:
        c.end()


def measure():
    empty, conftest = make_api(0, 0)
    full, _ = make_api(PODS, SERVICES)
    try:
        floor = fetch_all(full)
        a = Controller(empty, conftest)
        a.end()
        b = Controller(full, conftest)
        b.end()
        requests, watches = idle_requests(empty, conftest)
    finally:
        empty.close()
        full.close()
    return [result("Kubernetes: controller start to ready, 10,000 pods and 1,000 Services", b.seconds, "s", floor=floor),
            result("Kubernetes: CPU time of that start", b.cpu_s, "s"),
            result("Kubernetes: private memory then", b.memory / 1e6, "MB"),
            result("Kubernetes: private memory per pod, a tenth of a Service with it", (b.memory - a.memory) / PODS / 1e3, "kB"),
            result(f"Kubernetes: API requests per hour when idle, {watches} kinds", requests, "")]
