"""Two namespaces for the traffic scenarios, one of the mesh and one outside: servers for every protocol, callers that stay in
their pods, and the policies that tests write for them. The programs are those of tests/mesh, in a ConfigMap."""
import json
import subprocess

from conftest import SOURCE, eventually

MONITORED = {"openservicemesh.io/monitored-by": "osm"}
PROGRAMS = {p: (SOURCE / "tests/mesh" / p).read_text() for p in ("peer.py", "driver.py", "limiter.py")}
POLICY, ACCESS, SPECS, SPLIT = "policy.openservicemesh.io/v1alpha1", "access.smi-spec.io/v1alpha3", "specs.smi-spec.io/v1alpha4", "split.smi-spec.io/v1alpha2"
SERVE = ["http:8080", "http:8081", "grpc:8082", "tcp:9000", "banner:9001"]
PORTS = [{"name": "http-web", "port": 80, "targetPort": 8080}, {"name": "http-side", "port": 81, "targetPort": 8081},
         {"name": "grpc-say", "port": 90, "targetPort": 8082}, {"name": "tcp-echo", "port": 100, "targetPort": 9000},
         {"name": "tcp-server-first-hello", "port": 101, "targetPort": 9001}]
OUTSIDE, OUTSIDE_NAME = "203.0.113.7", "outside.example"
# Debian's own Python has what its packages bring, and need not be the first in PATH.
PYTHON = ["sh", "-c", 'python=/usr/bin/python3; [ -x $python ] || python=python3; exec $python -u "$@"', "python"]


def forwarded(cluster, pod, port, path, ns):
    """The answer at a port that only the pod itself reaches; None when nothing answers."""
    process = subprocess.Popen([cluster.program, "port-forward", pod, f":{port}", "-n", ns], env=cluster.env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        local = process.stdout.readline().split("127.0.0.1:")[1].split()[0]
        done = subprocess.run(["curl", "-sf", "-m", "5", f"http://127.0.0.1:{local}{path}"], text=True, capture_output=True)
        return done.stdout if done.returncode == 0 else None
    finally:
        process.kill()
        process.wait()


class Caller:
    """driver.py in a pod: a command is a line, its answer is a line."""

    def __init__(self, cluster, pod, ns):
        command = [cluster.program, "exec", "-i", pod, "-c", "c", "-n", ns, "--", *PYTHON, "/programs/driver.py"]
        self.process = subprocess.Popen(command, env=cluster.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, do, host=None, port=80, **more):
        self.process.stdin.write(json.dumps({"do": do, "host": host, "port": port, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def get(self, host, path="/", port=80, **more):
        """Status, or one word for why there is none."""
        a = self("http", host, port, path=path, **more)
        return a.get("status") or a["error"]

    def saw(self, host, path="/", port=80):
        a = self("http", host, port, path=path)
        assert a.get("saw"), a
        return a["saw"]

    def echo(self, host, port=100):
        a = self("tcp", host, port, say=["x"])
        return a["got"][0].partition(":")[0] if "got" in a else a["error"]

    def seen(self, host, n, port=80, do="many", **more):
        return self(do, host, port, n=n, **more)["seen"]

    def end(self):
        self.process.kill()
        self.process.wait()


class Town:
    def __init__(self, cluster):
        self.cluster, self.callers = cluster, {}
        self.ns, self.plain = cluster.namespace("town", **MONITORED), cluster.namespace("plain")
        cluster.made = [n for n in cluster.made if n not in (self.ns, self.plain)]  # they stay for the whole module
        cluster.kubectl("annotate", "namespace", self.ns, "openservicemesh.io/sidecar-injection=enabled")
        cluster.apply(*({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "programs", "namespace": n}, "data": PROGRAMS} for n in (self.ns, self.plain)))
        self.spec = self.config()["spec"]
        in_mesh = [*self.pod("peer", *SERVE, any="peer"), *self.pod("peer2", *SERVE, any="peer"), *self.pod("client"), *self.pod("other")]
        outside = [*self.pod("limiter", program="limiter.py", port=8081, ns=self.plain), *self.pod("stranger", "http:8080", ns=self.plain)]
        self.start("peer", "peer2", "client", "other", docs=[*in_mesh, self.service("peer"), self.service("peer2"), self.service("any", {"any": "peer"}),
                   self.service("alias", {"app": "peer"}, [{"name": "http", "port": 8000, "targetPort": 8080}])])
        self.start("limiter", "stranger", ns=self.plain, docs=[*outside, self.service("limiter", ports=[{"name": "grpc", "port": 8081}], ns=self.plain),
                   self.service("stranger", ports=[{"name": "http", "port": 80, "targetPort": 8080}], ns=self.plain)])

    def end(self):
        for c in self.callers.values():
            c.end()
        self.cluster.kubectl("delete", "namespace", "--wait=false", self.ns, self.plain)

    # ---- objects ----

    def pod(self, name, *serve, ns=None, program="peer.py", port=None, sa=None, annotations=None, **labels):
        """An account and its pod: a server, or one that sleeps until a caller comes."""
        ns = ns or self.ns
        command = [*PYTHON, f"/programs/{program}", *serve] if serve or port else ["sleep", "100000"]
        field = lambda path: {"valueFrom": {"fieldRef": {"fieldPath": path}}}
        container = {"name": "c", "image": "python:3", "command": command, "volumeMounts": [{"name": "programs", "mountPath": "/programs"}],
                     "env": [{"name": "POD", **field("metadata.name")}, {"name": "POD_IP", **field("status.podIP")}]}
        if serve or port:
            port = port or next(int(w.split(":")[1]) for w in serve if ":" in w)
            container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
        meta = {"name": name, "namespace": ns, "labels": {"app": name, **labels}, "annotations": annotations or {}}
        return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": sa or name, "namespace": ns}},
                {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {
                    "serviceAccountName": sa or name, "terminationGracePeriodSeconds": 1, "containers": [container],
                    "hostAliases": [{"ip": OUTSIDE, "hostnames": [OUTSIDE_NAME]}],
                    "volumes": [{"name": "programs", "configMap": {"name": "programs"}}]}}]

    def service(self, name, selector=None, ports=PORTS, ns=None, **spec):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns or self.ns},
                "spec": {"selector": selector or {"app": name}, "ports": ports, **spec}}

    def start(self, *names, docs, ns=None):
        """Applied, and ready."""
        eventually(lambda: self.cluster.run("apply", "-f", "-", stdin=self.cluster.text(docs)).returncode == 0, 20,
                   lambda: self.cluster.run("apply", "-f", "-", stdin=self.cluster.text(docs)).stderr)
        for name in names:
            self.cluster.wait(f"pod/{name}", "condition=Ready", ns or self.ns)

    def account(self, name):
        return {"kind": "ServiceAccount", "name": name, "namespace": self.ns}

    def allow(self, *sources, to="peer"):
        """All that these accounts may do at that one, in SMI mode."""
        routes = {"apiVersion": SPECS, "kind": "HTTPRouteGroup", "metadata": {"name": "all", "namespace": self.ns},
                  "spec": {"matches": [{"name": "all", "pathRegex": ".*", "methods": ["*"]}]}}
        tcp = {"apiVersion": SPECS, "kind": "TCPRoute", "metadata": {"name": "tcp", "namespace": self.ns}, "spec": {"matches": {}}}
        target = {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": to, "namespace": self.ns}, "spec": {
            "destination": self.account(to), "sources": [self.account(s) for s in sources],
            "rules": [{"kind": "HTTPRouteGroup", "name": "all"}, {"kind": "TCPRoute", "name": "tcp"}]}}
        return [routes, tcp, target]

    def policy(self, kind, name, **spec):
        return {"apiVersion": POLICY, "kind": kind, "metadata": {"name": name, "namespace": self.ns}, "spec": spec}

    def setting(self, service="peer", **spec):
        return self.policy("UpstreamTrafficSetting", service, host=f"{service}.{self.ns}.svc.cluster.local", **spec)

    # ---- the mesh's own settings ----

    def config(self):
        return self.cluster.get("meshconfig", "osm-mesh-config", "osm-system")

    def set(self, **sections):
        """{section: {field: value}} of the MeshConfig."""
        self.cluster.kubectl("patch", "meshconfig", "osm-mesh-config", "-n", "osm-system", "--type=merge", "-p", json.dumps({"spec": sections}))

    def reset(self):
        patch = [{"op": "replace", "path": "/spec", "value": self.spec}]
        self.cluster.kubectl("patch", "meshconfig", "osm-mesh-config", "-n", "osm-system", "--type=json", "-p", json.dumps(patch))

    # ---- who asks ----

    def caller(self, pod="client", ns=None):
        if pod not in self.callers:
            self.callers[pod] = Caller(self.cluster, pod, ns or self.ns)
        return self.callers[pod]

    def address(self, pod, ns=None):
        return self.cluster.get("pod", pod, ns or self.ns)["status"]["podIP"]

    def curl(self, pod, *args, ns=None):
        """Status and body by curl in a pod; 0 without an answer."""
        done = self.cluster.run("exec", pod, "-c", "c", "-n", ns or self.ns, "--", "curl", "-s", "-k", "-m", "5", "-w", "\n%{http_code}", *args)
        body, _, code = done.stdout.rpartition("\n")
        return int(code or 0), body

    def asked(self, server, path):
        """How often requests of that path reached the server's sidecar."""
        return sum(1 for line in self.cluster.kubectl("logs", server, "-c", "envoy", "-n", self.ns).splitlines() if path in line)
