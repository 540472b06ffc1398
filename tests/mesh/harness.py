"""The mesh of conftest.py with servers for every protocol in namespace d, callers that stay in their pods and answer in
milliseconds, and eyes on the links."""
import json
import queue
import subprocess
import sys
import threading

from conftest import ACCESS, HERE, SPECS, eventually, local

inside = local.inside

PYTHON = "/usr/bin/python3"  # the one that Debian's packages serve
SERVE_ALL = ["http:8080", "http:8081", "grpc:8082", "tcp:9000", "banner:9001"]
WEB = [{"name": "http-web", "port": 80, "targetPort": "web"}, {"name": "http-side", "port": 81, "targetPort": 8081}]
PORTS = [*WEB, {"name": "grpc-say", "port": 90, "targetPort": 8082}, {"name": "tcp-echo", "port": 100, "targetPort": 9000},
         {"name": "tcp-server-first-hello", "port": 101, "targetPort": 9001}]


# ---- manifests ----

def account(name, ns="d"):
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": ns}}


def peer(name, *serve, ns="d", sa=None, labels=None, annotations=None):
    """A pod that serves; no words: one that sleeps."""
    command = [PYTHON, str(HERE / "peer.py"), *serve] if serve else ["sleep", "100000"]
    container = {"name": "c", "image": "python", "command": command, "ports": [{"name": "web", "containerPort": 8080}],
                 "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                         {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}
    if serve:
        port = next(int(w.split(":")[1]) for w in serve if ":" in w)
        container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": ns, "labels": labels or {"app": name}, "annotations": annotations or {}},
            "spec": {"serviceAccountName": sa or name, "terminationGracePeriodSeconds": 1, "containers": [container]}}


def stateful(name, service_name, replicas):
    pod = peer(name, *SERVE_ALL)
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "d"},
            "spec": {"replicas": replicas, "serviceName": service_name, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}}, "spec": pod["spec"]}}}


def service(name, selector, ports=PORTS, ns="d", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns},
            "spec": {"selector": selector, "ports": ports, **spec}}


def world_manifests():
    return [*(account(n) for n in ("peer", "peer2", "client", "db")),
            peer("peer", *SERVE_ALL, labels={"app": "peer", "any": "peer"}), peer("peer2", *SERVE_ALL, labels={"app": "peer2", "any": "peer"}),
            peer("client"), service("peer", {"app": "peer"}), service("peer2", {"app": "peer2"}), service("any", {"any": "peer"}),
            service("alias", {"app": "peer"}, [{"name": "http", "port": 8000, "targetPort": 8080}]),
            stateful("db", "dbs", 2), service("dbs", {"app": "db"}, [{"name": "http", "port": 8080}, {"name": "tcp", "port": 9000}], clusterIP="None")]


def routes(name, *matches, ns="d"):
    return {"apiVersion": SPECS, "kind": "HTTPRouteGroup", "metadata": {"name": name, "namespace": ns}, "spec": {"matches": list(matches)}}


def tcp_route(name, *ports, ns="d"):
    return {"apiVersion": SPECS, "kind": "TCPRoute", "metadata": {"name": name, "namespace": ns},
            "spec": {"matches": {"ports": list(ports)} if ports else {}}}


def target(name, *rules, sources=("a/client",), to="peer", ns="d"):
    kinds = [{"kind": "ServiceAccount", "name": s.split("/")[1], "namespace": s.split("/")[0]} for s in sources]
    return {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": name, "namespace": ns},
            "spec": {"destination": {"kind": "ServiceAccount", "name": to, "namespace": "d"}, "rules": list(rules), "sources": kinds}}


def http_rule(name, *matches):
    return {"kind": "HTTPRouteGroup", "name": name, **({"matches": list(matches)} if matches else {})}


def tcp_rule(name):
    return {"kind": "TCPRoute", "name": name}


def split(root, **weights):
    return {"apiVersion": "split.smi-spec.io/v1alpha2", "kind": "TrafficSplit", "metadata": {"name": "split", "namespace": "d"},
            "spec": {"service": root, "backends": [{"service": s, "weight": w} for s, w in weights.items()]}}


EVERY = routes("every", {"name": "all", "pathRegex": ".*", "methods": ["*"]})
TCP = tcp_route("tcp")


def opened(*sources, to="peer", name="open"):
    """Policy by which these may do everything at that account."""
    return [EVERY, TCP, target(name, http_rule("every"), tcp_rule("tcp"), sources=sources or ("a/client",), to=to)]


# ---- a process that answers lines ----

class Lines:
    """Lines of a process as they come; ends with it."""

    def __init__(self, process):
        self.process, self.queue = process, queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.queue.put(line)
        self.queue.put(None)

    def next(self, seconds):
        line = self.queue.get(timeout=seconds)
        assert line is not None, f"it ended: {self.process.args}"
        return line

    def end(self):
        self.process.kill()
        self.process.wait()


class Caller(Lines):
    """driver.py in a pod."""

    def __init__(self, world, pod):
        command = [local.find_osm(), "local", "exec", pod, "-c", "c", "--", PYTHON, "-u", str(HERE / "driver.py")]
        super().__init__(subprocess.Popen(command, env=world.mesh.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        self.pod = pod

    def __call__(self, do, host=None, port=80, seconds=70, **more):
        self.process.stdin.write(json.dumps({"do": do, "host": host, "port": port, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.next(seconds))

    def get(self, host, path="/", *headers, port=80, method="GET"):
        """Status, or one word for why there is none."""
        a = self("http", host, port, path=path, headers=[list(h) for h in headers], method=method)
        return a.get("status") or a["error"]

    def saw(self, host, path="/", *headers, port=80, method="GET"):
        """What the server says reached it."""
        a = self("http", host, port, path=path, headers=[list(h) for h in headers], method=method)
        assert a.get("saw"), a
        return a["saw"]

    def echo(self, host, port=100):
        """Who echoes, or why nobody does."""
        a = self("tcp", host, port, say=["x"])
        return a["got"][0].partition(":")[0] if "got" in a else a["error"]

    def hello(self, host, port=101):
        """The greeting of a server that speaks first, or why there is none."""
        a = self("tcp", host, port, listen=True)
        return a.get("greeted") or a["error"]


class Eyes(Lines):
    """What passes on a pod's link, seen from outside the pod."""

    def __init__(self, world, pod):
        self.world, self.pod, self.address = world, pod, world.address(pod)
        a, b = map(int, self.address.split(".")[2:])
        command = ["nsenter", "-t", str(world.mesh.pid()), "-n", sys.executable, str(HERE / "sniff.py"), f"pod{a * 256 + b}"]
        super().__init__(subprocess.Popen(command, text=True, stdout=subprocess.PIPE))
        assert self.next(10) == "ready\n"
        self.marks = 0

    def packets(self):
        """All since the last time, up to a mark sent now. The controller's are left out."""
        self.marks += 1
        mark, found = f"mark {self.marks}", []
        self.world.caller(self.pod)("udp", "10.244.0.1", 9, say=mark)
        while True:
            p = json.loads(self.next(10))
            p["data"] = bytes.fromhex(p["data"])
            if p["protocol"] == "udp" and p["data"] == mark.encode():
                return found
            if p["protocol"] == "tcp" and 15128 not in (p["sport"], p["dport"]):
                found.append(p)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class World:
    def __init__(self, mesh):
        self.mesh, self.callers = mesh, {}
        self.policy, self.verb, self.status = mesh.policy, mesh.verb, mesh.status

    def caller(self, pod):
        if pod not in self.callers:
            self.callers[pod] = Caller(self, pod)
        return self.callers[pod]

    def eyes(self, pod):
        return Eyes(self, pod)

    def pod(self, pod):
        ns, name = pod.split("/")
        for path in (self.mesh.state / "objects").glob("pod_*.json"):
            try:
                doc = json.loads(path.read_text())
            except FileNotFoundError:
                continue
            if (doc["metadata"]["namespace"], doc["metadata"]["name"]) == (ns, name):
                return doc
        return None

    def address(self, pod):
        return self.pod(pod)["status"]["podIP"]

    def container(self, pod, *command):
        """Standard output of a command in the pod's sidecar container."""
        done = self.mesh.osm("exec", pod, "-c", "envoy", "--", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, pod, text=""):
        """The sidecar's JSON log lines that contain |text|."""
        lines = self.mesh.osm("logs", pod, "-c", "envoy").stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and text in line]

    def save(self, name, *objects):
        self.mesh.save(name, "\n---\n".join(json.dumps(o) for o in objects))

    def add(self, name, *objects):
        """More objects in a file of their own; ready when this returns."""
        self.save(name, *objects)
        self.verb("wait", "--timeout", "60s")

    def remove(self, name, *pods):
        """That file, and the callers in its pods."""
        for pod in pods:
            if pod in self.callers:
                self.callers.pop(pod).end()
        (self.mesh.dir / name).unlink(missing_ok=True)
        eventually(lambda: not any(self.pod(p) for p in pods), 30, f"{pods} are gone")

    def dump(self, pod):
        """Envoy's configuration: {kind: {name: resource}}, as it holds it now, with endpoints."""
        out = {}
        for config in json.loads(self.verb("proxy", "get", "config_dump?include_eds", pod))["configs"]:
            kind = config["@type"].rpartition(".")[2].removesuffix("ConfigDump")
            out[kind] = {**out.get(kind, {}), **dict(dumped(config))}
        return out

    def statistics(self, pod):
        return self.caller(pod)("http", "127.0.0.1", 15010, path="/stats/prometheus")["body"]

    def end(self):
        for c in self.callers.values():
            c.end()


def dumped(config):
    """(name, {version, resource}) of each dynamic resource in one section of a config_dump."""
    for field, entries in config.items():
        if not field.startswith("dynamic_"):
            continue
        for entry in entries:
            state = entry.get("active_state", entry)
            resource = next((state[k] for k in ("listener", "cluster", "route_config", "endpoint_config") if k in state), None)
            if resource is not None:
                name = resource.get("name") or resource.get("cluster_name")
                yield name, {"version": state.get("version_info", ""), "resource": resource}


def run(mesh):
    world = World(mesh)
    world.add("world.yaml", *world_manifests())
    yield world
    world.end()
