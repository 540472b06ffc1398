"""A controller of its own on a folder of generated objects, and the load of proxies on it: the real file source at one
end, real connections at the other."""
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import common

XDSLOAD, FLOOR = common.BUILD / "bench/bench_xdsload", common.BUILD / "bench/bench_floor"
PORT, HTTP_PORT = 25128, 29091
FILE_OBJECTS = 5000  # a file of manifests may have 8 MiB
CREATED = "2026-01-01T00:00:00Z"
# One proxy is one descriptor on either side, and some are needed beside them.
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def meta(name, ns=None, **more):
    out = {"name": name, "creationTimestamp": CREATED, **more}
    return {**out, "namespace": ns} if ns else out


def obj(api, kind, metadata, **rest):
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def text(objects):
    return "---\n".join(json.dumps(o) + "\n" for o in objects)


class World:
    """|services| Services of one HTTP port in |namespaces| namespaces, each with |accounts| workloads of |pods| pods.

    |endpoints| of them at most stand in a slice. permissive: everyone sees everything ("full"). Else SMI mode: TrafficTargets let the workloads of a namespace call
    |reach| Services of it ("scoped")."""

    def __init__(self, services, namespaces=1, accounts=2, pods=1, permissive=True, reach=0, endpoints=None):
        self.services, self.namespaces, self.endpoints = services, namespaces, endpoints
        self.accounts, self.pods, self.permissive, self.reach = accounts, pods, permissive, reach

    def ns(self, i):
        return f"ns{i % self.namespaces}"

    def of_namespace(self, i):
        return range(i % self.namespaces, self.services, self.namespaces)

    def address(self, i, a, p):
        n = (i * self.accounts + a) * self.pods + p
        return f"10.{128 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}"

    def second_address(self, i, a, p):
        """Its own, too, but no endpoint until a change makes it one."""
        return self.address(i, a, p).replace("10.1", "10.2", 1)

    def service(self, i):
        ip = f"10.{96 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}"
        return obj("v1", "Service", meta(f"s{i}", self.ns(i)),
                   spec={"clusterIP": ip, "selector": {"app": f"s{i}"},
                         "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})

    def slice(self, i, second_of=None):
        """|second_of|: the pod (of the first account) whose second address is an endpoint, too."""
        ends = [{"addresses": [self.address(i, a, p)], "conditions": {"ready": True},
                 "targetRef": {"kind": "Pod", "name": f"s{i}-{a}-{p}", "namespace": self.ns(i)}}
                for a in range(self.accounts) for p in range(self.pods)][:self.endpoints]
        if second_of is not None:
            ends.append({**ends[second_of], "addresses": [self.second_address(i, 0, second_of)]})
        return obj("discovery.k8s.io/v1", "EndpointSlice",
                   meta(f"s{i}-1", self.ns(i), labels={"kubernetes.io/service-name": f"s{i}"}),
                   addressType="IPv4", endpoints=ends, ports=[{"name": "http", "port": 8080}])

    def pod(self, i, a, p, uid=None):
        return obj("v1", "Pod",
                   meta(f"s{i}-{a}-{p}", self.ns(i), uid=uid or f"u-{i}-{a}-{p}",
                        labels={"app": f"s{i}", "osm-proxy-uuid": f"u-{i}-{a}-{p}"}),
                   spec={"serviceAccountName": f"s{i}-{a}", "containers": [{"name": "main", "image": "i"}]},
                   status={"phase": "Running", "podIP": self.address(i, a, p),
                           "podIPs": [{"ip": self.address(i, a, p)}, {"ip": self.second_address(i, a, p)}]})

    def routes(self, i, path="/items/.*"):
        return obj("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", meta(f"s{i}", self.ns(i)),
                   spec={"matches": [{"name": "read", "pathRegex": path, "methods": ["GET"]}]})

    def target(self, i, a):
        """Called by the workloads of the |reach| Services before it in its namespace."""
        near = list(self.of_namespace(i))
        at = near.index(i)
        sources = [{"kind": "ServiceAccount", "name": f"s{near[(at - back) % len(near)]}-{b}", "namespace": self.ns(i)}
                   for back in range(1, self.reach + 1) for b in range(self.accounts)]
        return obj("access.smi-spec.io/v1alpha3", "TrafficTarget", meta(f"s{i}-{a}", self.ns(i)),
                   spec={"destination": {"kind": "ServiceAccount", "name": f"s{i}-{a}", "namespace": self.ns(i)},
                         "rules": [{"kind": "HTTPRouteGroup", "name": f"s{i}", "matches": ["read"]}], "sources": sources})

    def of_service(self, i):
        yield self.service(i)
        yield self.slice(i)
        for a in range(self.accounts):
            for p in range(self.pods):
                yield self.pod(i, a, p)
        if self.permissive:
            return
        yield self.routes(i)
        for a in range(self.accounts):
            yield self.target(i, a)

    def common(self):
        yield obj("config.openservicemesh.io/v1alpha2", "MeshConfig", meta("osm-mesh-config", "osm-system"),
                  spec={"traffic": {"enablePermissiveTrafficPolicyMode": self.permissive}})
        for n in range(self.namespaces):
            yield obj("v1", "Namespace", meta(f"ns{n}", labels={"openservicemesh.io/monitored-by": "osm"}))

    def nodes(self):
        """(node id, SPIFFE id) of every pod; the first ones are of many Services."""
        for p in range(self.pods):
            for a in range(self.accounts):
                for i in range(self.services):
                    yield f"u-{i}-{a}-{p}", f"spiffe://cluster.local/ns/{self.ns(i)}/sa/s{i}-{a}"


class Controller:
    """`osm controller` on a folder."""

    def __init__(self, world, threads=2):
        self.world, self.threads = world, threads
        self.home = Path(tempfile.mkdtemp(prefix="osm-scale-"))
        self.dir, self.state, self.staging = self.home / "objects", self.home / "state", self.home / "staging"
        self.socket = self.home / "run/controller.sock"
        for d in (self.dir, self.state, self.staging, self.home / "tokens", self.socket.parent):
            d.mkdir(mode=0o700)
        self.process = self.load = None

    def __enter__(self):
        try:
            self.write_world()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.load:
            self.load.end()
        self.stop()
        if os.environ.get("BENCH_KEEP"):
            common.note(f"kept: {self.home}")
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    def files(self, i):
        """The objects of Service |i| by file, a document a line: endpoints apart, as a platform writes them."""
        ends, others = [], []
        for o in self.world.of_service(i):
            (ends if o["kind"] == "EndpointSlice" else others).append(o)
        parts = [others[at:at + FILE_OBJECTS] for at in range(0, len(others), FILE_OBJECTS)]
        return {self.dir / f"endpoints{i:05}.yaml": ends,
                **{self.dir / f"service{i:05}-{n}.yaml": objects for n, objects in enumerate(parts)}}

    def write_world(self):
        (self.dir / "a.yaml").write_text(text(self.world.common()))
        for i in range(self.world.services):
            for file, objects in self.files(i).items():
                file.write_text(text(objects))

    def start(self):
        begin = time.monotonic()
        self.log = open(self.home / "log", "ab")
        self.process = subprocess.Popen(
            [str(common.OSM), "controller", "--dir", str(self.dir), "--state", str(self.state), "--tokens",
             str(self.home / "tokens"), "--api", str(self.socket), "--port", str(PORT), "--http-port", str(HTTP_PORT),
             "--pod-range", "10.128.0.0/9", "--threads", str(self.threads)], stderr=self.log, stdout=self.log)
        common.wait_for("the controller", self.is_ready, 120, 0.01)
        return time.monotonic() - begin

    def is_ready(self):
        if self.process.poll() is not None:
            raise common.Impossible(f"the controller ended: {(self.home / 'log').read_text()[-600:]}")
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{HTTP_PORT}/health/ready", timeout=1).status == 200
        except OSError:
            return False

    def stop(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None
            self.log.close()

    def accepted(self):
        common.run(common.OSM, "wait", "--for", "accepted", "--timeout", "30s",
                   env={**os.environ, "OSM_STATE": str(self.socket.parent)})

    def memory(self):
        return common.memory_kb(self.process.pid)

    def cpu_ms(self):
        """{"thread name": CPU time since its start}, all together under "all"."""
        out = {"all": 0.0}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (task / "comm").read_text().strip() + (f"-{task.name}" if task.name != str(self.process.pid) else "")
            out[name] = int((task / "schedstat").read_text().split()[0]) / 1e6
            out["all"] += out[name]
        return out

    def change(self, i, **replace):
        """Stages the files of Service |i| with other objects (by kind or by name) in them; returns the words with which
        Load.timed puts the last of them in place, after the others."""
        how = "rename"
        for file, objects in self.files(i).items():
            now = [replace.get(o["metadata"]["name"], replace.get(o["kind"], o)) for o in objects]
            if now == objects and file.exists():
                continue
            if how != "rename":
                os.rename(*how.split()[1:])
            (self.staging / file.name).write_text(text(now))
            how = f"rename {self.staging / file.name} {file}"
        return how

    def write_again(self):
        for i in range(self.world.services):
            for file, objects in self.files(i).items():
                staged = self.staging / file.name
                staged.write_text(text(objects))
                staged.rename(file)


class Load:
    """bench_xdsload, driven by its commands."""

    def __init__(self, controller, limit=None, node_bytes=0, resume=False, nodes=None):
        nodes = nodes or list(controller.world.nodes())[:limit]
        file = controller.home / "nodes"
        file.write_text("".join(f"{node} {spiffe}\n" for node, spiffe in nodes))
        args = [str(XDSLOAD), "--server", f"127.0.0.1:{PORT}", "--ca", str(controller.state), "--nodes", str(file),
                "--node-bytes", str(node_bytes)] + (["--resume"] if resume else [])
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.n = len(nodes)
        self.controller, controller.load = controller, self
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise common.Impossible("xdsload ended")
        said = json.loads(line)
        if "error" in said:
            raise common.Impossible(f"xdsload: {said['error']}")
        return said

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.read()

    def timed(self, text):
        """The answer, with the controller's CPU time during it."""
        before = self.controller.cpu_ms()
        said = self.ask(text)
        after = self.controller.cpu_ms()
        said["cpu_ms"] = after["all"] - before["all"]
        said["threads_ms"] = {t: round(v - before.get(t, 0), 1) for t, v in after.items() if v - before.get(t, 0) > 0.05}
        return said

    def connect(self, n, seconds=300, rate=0):
        before = self.controller.cpu_ms()["all"]
        self.ask(f"connect {n} {rate}".strip())
        said = self.ask(f"synced {seconds}")
        said["cpu_ms"] = self.controller.cpu_ms()["all"] - before
        if said["n"] < n:
            raise common.Impossible(f"{said['n']} of {n} proxies have their configuration after {seconds} s")
        return said

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30)


def floor(controller, n, rounds=0, **options):
    """(connections, broadcasts) of bench_floor."""
    args = [FLOOR, "--ca", controller.state, "--connections", n, "--rounds", rounds]
    for name, value in options.items():
        args += [f"--{name}", int(value)]
    lines = [json.loads(line) for line in common.run(*args, timeout=300).splitlines()]
    return lines[0], lines[1] if rounds else None
