"""A whole mesh on Kubernetes: the test API server, this machine as its node, an installation, real sidecars.

Measured are an installation from nothing, and the way of a pod's readiness to the proxies: the API server's watches
deliver the pod's new status, then the EndpointSlice that follows from it, and then the last of five callers' Envoys obeys.
What lies between the last two is the mesh's share. All three are seen through kubectl, whose own delay they share. Callers
ask every 2 ms, so a value is up to 2 ms too long.

It runs as a process of its own, because nodes need a network namespace."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import common

CALLERS, CHANGES, EVERY_US, LIMIT_S = 5, 30, 2000, 20
MONITORED = {"openservicemesh.io/monitored-by": "osm"}


def measure():
    env = {**os.environ, "OSM_BUILD": str(common.BUILD), "OSM_SOURCE": str(common.ROOT)}
    done = json.loads(common.run(sys.executable, Path(__file__), timeout=600, env=env).splitlines()[-1])
    ours = done["ours_ms"]
    return [common.result("install: osm install from nothing to ready", done["install_s"], "s"),
            common.result("pod status to its EndpointSlice, by the API server, p50", common.percentile(done["api_ms"], 50), "ms"),
            *(common.result(f"EndpointSlice to the last of {CALLERS} Envoys, p{p}", common.percentile(ours, p), "ms", goal=50) for p in (50, 99))]


class Lines:
    """Of a program: when each came, and the line."""

    def __init__(self, command, env):
        self.process = subprocess.Popen([str(c) for c in command], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines, self.changed = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append((time.time_ns(), line.strip()))
                self.changed.notify_all()

    def wait(self, since, fits):
        """The first line that came after the time |since| and fits: its time."""
        def found():
            return next((seen for seen, line in self.lines if seen > since and fits(line)), None)
        with self.changed:
            if not self.changed.wait_for(found, LIMIT_S):
                raise common.Impossible(f"nothing came within {LIMIT_S} s")
            return found()

    def end(self):
        self.process.kill()
        self.process.wait()


def pod(name, ns, *command, **container):
    spec = {"name": "c", "image": "bench/ping:1", "command": list(command), **container}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [spec]}}


def start_town(cluster, ns):
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns, "labels": MONITORED,
                                                                         "annotations": {"openservicemesh.io/sidecar-injection": "enabled"}}},
                  {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": ns},
                   "spec": {"selector": {"app": "server"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    server = pod("server", ns, "sh", "-c", f"touch /tmp/ready; exec {common.PING} serve 8080", readinessProbe=probe)
    common.wait_for("the webhook", lambda: cluster.run("apply", "-f", "-", stdin=cluster.text([server])).returncode == 0, 30, 0.2)
    address = cluster.get("service", "server", ns)["spec"]["clusterIP"]
    seconds = CHANGES * 6 + 120
    callers = [f"caller-{i}" for i in range(CALLERS)]
    cluster.apply(*(pod(name, ns, str(common.PING), "watch", address, "80", "/", str(EVERY_US), str(seconds)) for name in callers))
    for name in ("server", *callers):
        cluster.wait(f"pod/{name}", "condition=Ready", ns)
    return callers


def change(cluster, ns, is_ready, pods, slices, callers):
    """Milliseconds from the pod's status to its slice, and from there to the last proxy."""
    begin = time.time_ns()
    cluster.kubectl("exec", "server", "-c", "c", "-n", ns, "--", *(["touch", "/tmp/ready"] if is_ready else ["rm", "/tmp/ready"]))
    word = "true" if is_ready else "false"
    in_pod = pods.wait(begin, lambda line: line.lower() == word)
    in_slice = slices.wait(begin, lambda line: line == word)
    obeyed = max(c.wait(begin, lambda line: (line.split(" ")[1] == "200") == is_ready) for c in callers)
    return (in_slice - in_pod) / 1e6, (obeyed - in_slice) / 1e6


def readiness(cluster, ns):
    callers = start_town(cluster, ns)
    kubectl = [cluster.program, "-n", ns]
    pods = Lines([*kubectl, "get", "pod", "server", "-w", "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{"\\n"}'], cluster.env)
    slices = Lines([*kubectl, "get", "endpointslices", "-l", "kubernetes.io/service-name=server", "-w", "-o",
                    'jsonpath={.endpoints[0].conditions.ready}{"\\n"}'], cluster.env)
    watches = [Lines([*kubectl, "logs", "-f", name, "-c", "c"], cluster.env) for name in callers]
    try:
        for w in watches:
            w.wait(0, lambda line: line.split(" ")[1] == "200")
        took = [change(cluster, ns, i % 2 == 1, pods, slices, watches) for i in range(CHANGES + 1)]
        return took[1:]
    finally:
        for lines in (pods, slices, *watches):
            lines.end()


def main():
    sys.path.insert(0, str(common.ROOT / "tests" / "kube"))
    import conftest
    with tempfile.TemporaryDirectory(prefix="osm-bench-") as home:
        ours = conftest.Ours(Path(home))
        try:
            cluster = conftest.Cluster(ours.kubeconfig)
            common.wait_for("the node", lambda: cluster.get("nodes"), 60)
            begin = time.monotonic()
            done = conftest.osm(cluster, "install", "--image", conftest.IMAGE)
            if done.returncode:
                raise common.Impossible(done.stderr.strip())
            install_s = time.monotonic() - begin
            took = readiness(cluster, "bench")
        finally:
            ours.end()
    print(json.dumps({"install_s": install_s, "api_ms": [t[0] for t in took], "ours_ms": [t[1] for t in took]}))


if __name__ == "__main__":
    main()
