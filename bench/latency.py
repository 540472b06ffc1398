"""Latency of one request over a connection kept open: direct, through a hand-written pair of Envoys, through the mesh.
Client and its Envoy run on core 0, server and its Envoy on core 1, in all three. Rounds of slices, the three ways by
turns; of each round the percentiles, of the rounds the median. Beside it the CPU time that the two Envoys take for a
request: other work on the machine lengthens latencies, but not that."""
import statistics

import common
import lab

ROUNDS, SLICES, REQUESTS = 5, 5, 600
WARM_UP = 200  # requests that bench_ping sends before it measures
SERVICE = "10.96.10.1"


def pin_pod(mesh, name, core):
    pids = mesh.of_pod(mesh.pod_object("bench", name)["metadata"]["uid"])
    common.pin(pids, core)


def pin_lab(pair):
    for space, core in ((lab.CLIENT, 0), (lab.SERVER, 1)):
        common.pin(pair.pids[space], core)


def by_mesh(mesh, requests):
    out = mesh.exec("bench/client", "taskset", "-c", "0", "bench_ping", "load", SERVICE, "80", str(requests))
    return [int(line) for line in out.split()]


class Way:
    """One way to the server: what its requests took, by round, and the CPU time of its Envoys."""

    def __init__(self, load, envoys):
        self.load, self.envoys = load, envoys
        self.rounds, self.cpu_ns, self.requests = [], 0, 0

    def round(self):
        self.rounds.append([])

    def slice(self):
        before = common.cpu_ns(self.envoys)
        self.rounds[-1] += self.load(REQUESTS)
        self.cpu_ns += common.cpu_ns(self.envoys) - before
        self.requests += REQUESTS + WARM_UP

    def percentile_us(self, p):
        return statistics.median(common.percentile(r, p) for r in self.rounds) / 1e3

    def cpu_us(self):
        return self.cpu_ns / self.requests / 1e3


def envoys_of_mesh(mesh):
    return [pid for pid, command in mesh.processes().items() if common.is_envoy(command)]


def play(ways):
    for _ in range(ROUNDS):
        for way in ways:
            way.round()
        for _ in range(SLICES):
            for way in ways:
                way.slice()


def compared(p, direct, pair, mesh):
    base, two, ours = (w.percentile_us(p) for w in (direct, pair, mesh))
    ratios = [common.percentile(m, p) / common.percentile(b, p) for m, b in zip(mesh.rounds, pair.rounds)]
    return [common.result(f"latency p{p}: direct", base, "us"),
            common.result(f"latency p{p}: hand-written Envoy pair", two, "us", floor=base),
            common.result(f"latency p{p}: mesh", ours, "us", floor=two),
            common.result(f"latency p{p}: added by the mesh", ours - base, "us", floor=two - base),
            common.result(f"latency p{p}: mesh against the pair, median of rounds", statistics.median(ratios), "x", goal=1.1)]


def measure():
    with common.Mesh(common.MANIFESTS / "ping.yaml") as m, lab.Lab() as l:
        pin_pod(m, "client", 0)
        pin_pod(m, "server", 1)
        pin_lab(l)
        direct, pair = Way(l.direct, []), Way(l.by_envoys, l.envoys())
        mesh = Way(lambda n: by_mesh(m, n), envoys_of_mesh(m))
        play((direct, pair, mesh))
    cpu = common.result("CPU of both Envoys per request: mesh", mesh.cpu_us(), "us", floor=pair.cpu_us())
    return compared(50, direct, pair, mesh) + compared(99, direct, pair, mesh) + [cpu]
