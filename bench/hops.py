"""What logs, statistics, traces, external authorization, rate limits, retries and circuit breaking add to a call: one mesh
whose settings change by turns; BENCH_ROUNDS says how often. No limit is ever reached. The judge, the collectors and the
service that counts are tests/mesh/judge.py and limiter.py, in Python: what they need themselves is part of what
authorization and a global limit add, and shares the machine with the rest. Beside the latency the CPU time that the two
Envoys take for a request."""
import json
import os
import statistics

import common
from latency import envoys_of_mesh, by_mesh, pin_pod

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
SLICES, REQUESTS, WARM_UP = 3, 600, 200
PEERS = common.ROOT / "tests/mesh"
PORTS = {"authz": 9191, "otlp": 4317, "zipkin": 9411}
LIMITER_PORT = 8081
POLICY = "policy.openservicemesh.io/v1alpha1"
STANDARD = "nothing else"


def config(**sections):
    return {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "MeshConfig", "metadata": {"name": "osm-mesh-config", "namespace": "osm-system"},
            "spec": {"traffic": {"enablePermissiveTrafficPolicyMode": True, **sections.pop("traffic", {})}, **sections}}


def telemetry(**log):
    return {"apiVersion": POLICY, "kind": "Telemetry", "metadata": {"name": "all", "namespace": "osm-system"},
            "spec": {"accessLog": log}}


def setting(**spec):
    return {"apiVersion": POLICY, "kind": "UpstreamTrafficSetting", "metadata": {"name": "server", "namespace": "bench"},
            "spec": {"host": "server.bench.svc.cluster.local", **spec}}


def limit(**kind):
    return setting(rateLimit={where: {"http": what} for where, what in kind.items()})


def retry():
    return {"apiVersion": POLICY, "kind": "Retry", "metadata": {"name": "client", "namespace": "bench"},
            "spec": {"source": {"kind": "ServiceAccount", "name": "default", "namespace": "bench"},
                     "destinations": [{"kind": "Service", "name": "server", "namespace": "bench"}],
                     "retryPolicy": {"retryOn": "5xx,reset", "numRetries": 3, "perTryTimeout": "1s"}}}


def of_upstream(limiter):
    counted = {"rateLimitService": {"host": limiter, "port": LIMITER_PORT}, "domain": "bench", "timeout": "1s",
               "descriptors": [{"entries": [{"genericKey": {"value": "calls"}}]}]}
    breaking = {"tcp": {"maxConnections": 1000}, "http": {"maxRequests": 1000, "maxPendingRequests": 1000, "maxRetries": 3}}
    return {"local rate limit": [config(), limit(local={"requests": 1000000, "unit": "second"})],
            "global rate limit": [config(), limit(**{"global": counted})],
            "retry policy": [config(featureFlags={"enableRetryPolicy": True}), retry()],
            "circuit breaking": [config(), setting(connectionSettings=breaking)]}


def ways(judge, limiter):
    collector = {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "ExtensionService", "metadata": {"name": "otel", "namespace": "bench"},
                 "spec": {"host": judge, "port": PORTS["otlp"], "protocol": "h2c"}}
    otlp = {"extensionService": {"name": "otel", "namespace": "bench"}}
    authz = {"enable": True, "address": judge, "port": PORTS["authz"]}
    tracing = lambda percent: {"tracing": {"enable": True, "address": judge, "samplingPercent": percent}}
    return {STANDARD: [config()],
            "no request statistics": [config(featureFlags={"enableWASMStats": False})],
            "a short text log": [config(), telemetry(format="%REQ(:PATH)% %RESPONSE_CODE%")],
            "OpenTelemetry log": [config(), collector, telemetry(openTelemetry=otlp)],
            "Zipkin, all calls": [config(observability=tracing(100))],
            "Zipkin, 1 % of the calls": [config(observability=tracing(1))],
            "external authorization": [config(traffic={"inboundExternalAuthorization": authz})],
            **of_upstream(limiter)}


def peer_pod(name, port, *args):
    """A program of tests/mesh outside the mesh."""
    command = ["/usr/bin/python3", str(PEERS / f"{name}.py"), *args]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "bench", "name": name, "annotations": {"openservicemesh.io/sidecar-injection": "disabled"}},
            "spec": {"containers": [{"name": "c", "image": "bench/ping", "command": command, "env": [{"name": "JUDGE_MODE", "value": "allow"}],
                                     "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}}]}}


def peers():
    both = [peer_pod("judge", PORTS["authz"], *(f"{k}:{v}" for k, v in PORTS.items())), peer_pod("limiter", LIMITER_PORT)]
    return "\n---\n".join(json.dumps(p) for p in both)


class Way:
    def __init__(self, objects):
        self.text = "\n---\n".join(json.dumps(o) for o in objects)
        self.rounds, self.cpu_ns, self.requests = [], 0, 0

    def round(self, mesh, envoys):
        mesh.save("settings.yaml", self.text)
        mesh.accepted()
        by_mesh(mesh, WARM_UP)
        before, taken = common.cpu_ns(envoys), []
        for _ in range(SLICES):
            taken += by_mesh(mesh, REQUESTS)
        self.cpu_ns += common.cpu_ns(envoys) - before
        self.requests += SLICES * (REQUESTS + WARM_UP)
        self.rounds.append(taken)


def rows(all_of):
    base, out = all_of[STANDARD], []
    for name, way in all_of.items():
        for p in (50, 99):
            value = statistics.median(common.percentile(r, p) for r in way.rounds) / 1e3
            added = statistics.median(common.percentile(r, p) - common.percentile(b, p) for r, b in zip(way.rounds, base.rounds)) / 1e3
            out.append(common.result(f"hop p{p}: {name}", value, "us"))
            if way is not base:
                out.append(common.result(f"hop p{p}: added by {name}", added, "us"))
        out.append(common.result(f"hop CPU of both Envoys: {name}", way.cpu_ns / way.requests / 1e3, "us"))
    return out


def measure():
    with common.Mesh(common.MANIFESTS / "ping.yaml", texts={"peers.yaml": peers()}) as m:
        pin_pod(m, "client", 0)
        pin_pod(m, "server", 1)
        all_of = {name: Way(objects) for name, objects in ways(m.address("bench", "judge"), m.address("bench", "limiter")).items()}
        envoys = envoys_of_mesh(m)
        for _ in range(ROUNDS):
            for way in all_of.values():
                way.round(m, envoys)
        if '"bench"' not in m.osm("local", "logs", "bench/limiter", "-c", "c"):
            raise common.Impossible("the service that counts was never asked")
    return rows(all_of)
