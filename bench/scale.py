"""The workloads of docs/performance.md: proxies by the thousand on `osm controller`, input by its file source.

BENCH_SCALE divides the sizes (BENCH_SCALE=10: a tenth), for a first look."""
import os
import time

import common
from scale_world import DESCRIPTORS, Controller, Load, World, floor, meta, obj, text

SHRINK = int(os.environ.get("BENCH_SCALE", "1"))
NODE_BYTES = 60000  # what Envoy says of its extensions, in the first request of each stream
CHANGES = 12
# The greatest number of connections: descriptors on either side.
MOST = min(20000, DESCRIPTORS - 200)


def few(n):
    return max(4, n // SHRINK)


def median(values):
    return sorted(values)[len(values) // 2]


class Rows:
    def __init__(self, label):
        self.label, self.rows = label, []

    def add(self, what, value, unit, **more):
        self.rows.append(common.result(f"{self.label}: {what}", value, unit, **more))


def herd(rows, load, n, goal_s=None, peer_s=None):
    """|n| proxies come at once; then as many bare connections get the same bytes."""
    said = load.connect(n)
    bare, _ = floor(load.controller, n, request=NODE_BYTES, answer=said["received"] // n)
    rows.add(f"{n:,} come at once, the last has all", said["last_us"] / 1e6, "s", goal=goal_s, floor=bare["last_us"] / 1e6,
             peer=peer_s)
    rows.add("... CPU of the controller", said["cpu_ms"] / 1e3, "s", floor=bare["server_cpu_ms"] / 1e3)
    rows.add("... bytes for each", said["received"] / n / 1e3, "kB")
    return said


def series(load, text_of, n=CHANGES):
    """Medians over |n| changes."""
    said = []
    for k in range(n):
        said.append(load.timed(text_of(k)))
        if said[-1]["n"] == 0:
            raise common.Impossible("a change reached nobody")
        time.sleep(0.05)
    out = {key: median([s[key] for s in said]) for key in ("first_us", "p50_us", "p99_us", "last_us", "cpu_ms", "received", "n")}
    out["owner_ms"] = median([sum(v for t, v in s["threads_ms"].items() if t == "osm") for s in said])
    return out


def change_rows(rows, what, load, said, goal_ms=None, goal_cpu=None, peer=None, peer_cpu=None):
    _, bare = floor(load.controller, said["n"], rounds=30, request=100, bytes=said["received"] // said["n"])
    rows.add(f"{what} to {said['n']:,}: last", said["last_us"] / 1e3, "ms", goal=goal_ms, floor=bare["last_us"] / 1e3, peer=peer)
    rows.add("... p99", said["p99_us"] / 1e3, "ms", floor=bare["p99_us"] / 1e3)
    rows.add("... CPU of the controller", said["cpu_ms"], "ms", goal=goal_cpu, floor=bare["server_cpu_ms"], peer=peer_cpu)
    rows.add("... of that in the thread that computes", said["owner_ms"], "ms")
    rows.add("... bytes for each", said["received"] / said["n"], "bytes")


def address(k):
    return f"10.250.{k // 250}.{k % 250 + 1}"


def endpoint(c, i, pod=0):
    return f"{c.world.second_address(i, 0, pod)} " + c.change(i, EndpointSlice=c.world.slice(i, pod))


# ---- W1, W6, W7, W12: 1,000 Services, each proxy sees 20 of them ----
def scoped():
    rows = Rows("W1 scoped")
    services, n = few(1000), few(2000)
    world = World(services, namespaces=max(1, services // 20), permissive=False, reach=19)
    with Controller(world) as c:
        empty = c.memory()
        load = Load(c, n, node_bytes=NODE_BYTES, resume=True)
        load.connect(n // 2)
        half = c.memory()
        load.connect(n - n // 2)
        full = c.memory()
        rows.add("memory of each further proxy, RSS", (full["rss"] - half["rss"]) / (n - n // 2), "kB", goal=50, peer=220)
        rows.add("... PSS", (full["pss"] - half["pss"]) / (n - n // 2), "kB")
        rows.add(f"memory of the controller with {services:,} Services alone", empty["rss"] / 1e3, "MB", peer=94)
        rows.add(f"... and with {n:,} proxies", full["rss"] / 1e3, "MB", peer=555)
        near = min(40, 2 * len(world.of_namespace(0)))
        said = series(load, lambda k: f"change EDS {near - 2} 10 " + endpoint(c, k))
        change_rows(rows, "an endpoint changed", load, said, goal_ms=20, peer=116)
        idle(rows, load)
        nothing_changed(rows, c, load)
        route(rows, c, load)
        restart(rows, c, load, n)
    with Controller(world) as c:
        herd(rows, Load(c, n, node_bytes=NODE_BYTES), n, goal_s=3, peer_s=98)
    return rows.rows


def idle(rows, load):
    said = load.timed("traffic 3")
    rows.add("idle: CPU of the controller", said["cpu_ms"] / 3, "ms/s", peer=356)


def nothing_changed(rows, c, load):
    """W12: every object is written anew as it was."""
    c.write_again()
    said = load.timed("traffic 3")
    rows.add("W12: all objects written again unchanged: bytes sent", said["received"], "bytes", goal=0)


def route(rows, c, load):
    """W6: the servers get another access rule."""
    world = c.world
    said = series(load, lambda k: f"change RDS {world.accounts} 10 /w6-{k}/ " +
                  c.change(k, HTTPRouteGroup=world.routes(k, f"/w6-{k}/.*")))
    rows.add("W6: a route changed: last", said["last_us"] / 1e3, "ms", peer=1500)


def restart(rows, c, load, n):
    """W7: killed, started again, and every proxy comes back with what it holds."""
    load.process.stdin.write("restart 120\n")
    load.process.stdin.flush()
    c.stop()
    up = c.start()
    said = load.read()
    cpu = c.cpu_ms()["all"]
    if said["n"] < n:
        raise common.Impossible(f"after a restart only {said['n']} of {n} proxies came back")
    bare, _ = floor(c, n, request=NODE_BYTES + 2500, answer=300, spread=2000)
    rows.add(f"W7: the controller is ready after a kill ({c.world.services:,} Services)", up, "s")
    rows.add(f"W7: {n:,} are back, from the first (resumption)", said["last_us"] / 1e6, "s", floor=bare["last_us"] / 1e6,
             peer=97.8)
    rows.add("... CPU of the controller, its start included", cpu / 1e3, "s", floor=bare["server_cpu_ms"] / 1e3)
    rows.add("... resources sent again", said["resources"] + said["removed"], "resources", goal=0)
    rows.add("... resumed TLS sessions", said["resumed"], "sessions")


# ---- W1 full: every proxy sees all 1,000 Services ----
def full():
    rows = Rows("W1 full")
    services, n = few(1000), few(1000)
    world = World(services, namespaces=max(1, services // 20))
    with Controller(world) as c:
        empty = c.memory()
        load = Load(c, n, node_bytes=NODE_BYTES)
        load.connect(n // 2)
        half = c.memory()
        herd(rows, load, n - n // 2)
        after = c.memory()
        rows.add("memory of each further proxy, RSS", (after["rss"] - half["rss"]) / (n - n // 2), "kB", goal=60, peer=1200)
        rows.add(f"peak memory above base with {n:,} proxies", (peak(c) - empty["rss"]) / 1e3, "MB", goal=100, peer=1737)
        said = series(load, lambda k: f"change EDS {n} 10 " + endpoint(c, k))
        change_rows(rows, "an endpoint changed", load, said, goal_ms=100, goal_cpu=50, peer=293, peer_cpu=333)
        world.services += CHANGES
        said = series(load, lambda k: f"change LDS {n} 10 s{services + k} " + c.change(services + k))
        change_rows(rows, "a new Service", load, said, goal_ms=300, peer=6730, peer_cpu=9944)
    world.services -= CHANGES
    with Controller(world) as c:
        herd(rows, Load(c, 2 * n, node_bytes=NODE_BYTES), 2 * n, goal_s=15, peer_s=104)
    return rows.rows


def peak(c):
    for line in open(f"/proc/{c.process.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


# ---- W2, W4: one Service, as many proxies as there are descriptors ----
def capacity():
    rows = Rows("W2")
    n = few(MOST)
    world = World(1, accounts=1, pods=n, endpoints=10)
    with Controller(world) as c:
        load = Load(c, n, node_bytes=NODE_BYTES)
        load.connect(n // 4)
        quarter = c.memory()
        said = load.connect(n - n // 4)
        after = c.memory()
        rows.add(f"{n:,} proxies, memory of each", (after["rss"] - quarter["rss"]) / (n - n // 4), "kB", goal=50, peer=1300)
        rows.add("... of the whole controller", after["rss"] / 1e3, "MB")
        rows.add("... connecting", (n - n // 4) / said["last_us"] * 1e6, "proxies/s", peer=25)
        change = series(load, lambda k: f"change EDS {n} 30 " + endpoint(c, 0, k), 5)
        change_rows(rows, "an endpoint changed", load, change)
        replaced = few(2000)
        said = load.timed(f"replace {replaced} 120")
        bare, _ = floor(c, replaced, request=NODE_BYTES, answer=said["received"] // replaced)
        rows.add(f"W4: {replaced:,} replaced", replaced / said["last_us"] * 1e6, "proxies/s",
                 floor=replaced / bare["last_us"] * 1e6, peer=42)
        rows.add("W4: ... CPU of the controller for each", said["cpu_ms"] / replaced, "ms", floor=bare["server_cpu_ms"] / replaced)
        rows.add("W4: ... memory afterwards against before", c.memory()["rss"] / after["rss"], "x", goal=1.1)
    return rows.rows


# ---- W3: 1,000 Services, all visible, thousands of proxies ----
def wide():
    rows = Rows("W3")
    services, n = few(1000), few(4000)
    world = World(services, namespaces=max(1, services // 20), accounts=1, pods=max(4, n // services))
    with Controller(world) as c:
        load = Load(c, n, node_bytes=NODE_BYTES)
        load.connect(n // 4)
        quarter = c.memory()
        said = load.connect(n - n // 4)
        after = c.memory()
        rows.add(f"{n:,} proxies with {services:,} Services, memory of each", (after["rss"] - quarter["rss"]) / (n - n // 4), "kB",
                 goal=60, peer=2000)
        rows.add("... bytes for each", said["received"] / (n - n // 4) / 1e6, "MB")
        rows.add("... CPU of the controller for each", said["cpu_ms"] / (n - n // 4), "ms", peer=86)
    return rows.rows


# ---- W5: one pod of 2,000 replaced each 110 ms, everyone sees all ----
def storm():
    rows = Rows("W5")
    apps, pods, rounds = few(200), 10, 40
    world = World(apps, namespaces=1, accounts=1, pods=pods)
    n = apps * pods - apps
    with Controller(world) as c:
        load = Load(c, n, node_bytes=NODE_BYTES)  # the last pod of each app has no proxy: it is the one replaced
        load.connect(n)

        def replace(k):
            i = k % apps
            pod = world.pod(i, 0, pods - 1, uid=f"again-{k}")
            pod["status"] = {"phase": "Running", "podIP": address(k)}
            slices = world.slice(i)
            slices["endpoints"][-1]["addresses"] = [address(k)]
            return f"change EDS {n} 10 {address(k)} " + c.change(i, EndpointSlice=slices, **{pod["metadata"]["name"]: pod})
        said, late = [], 0
        begin = time.monotonic()
        for k in range(rounds):
            said.append(load.timed(replace(k)))
            due = begin + (k + 1) * 0.11
            late += time.monotonic() > due
            time.sleep(max(0, due - time.monotonic()))
        seconds = time.monotonic() - begin
        rows.add(f"one of {apps * pods:,} pods replaced each 110 ms: last of {n:,}, p50", median([s["last_us"] for s in said]) / 1e3, "ms")
        rows.add("... slowest", max(s["last_us"] for s in said) / 1e3, "ms")
        rows.add("... late for the next", late, f"of {rounds}", goal=0)
        rows.add("... CPU of the controller", sum(s["cpu_ms"] for s in said) / seconds / 10, "% of a core")
    return rows.rows


# ---- W8: clients and servers come in rounds, all pairs by TrafficTargets ----
def policy():
    rows = Rows("W8")
    times, rounds = [], max(2, 9 // SHRINK)
    world = World(0, namespaces=1, permissive=False)
    with Controller(world) as c:
        base = c.memory()
        world.services = 7 * rounds
        load = Load(c, nodes=list(rounds_nodes(rounds)))
        for r in range(rounds):
            begin = time.monotonic()
            staged = c.staging / f"round{r}.yaml"
            staged.write_text(text(round_objects(world, r)))
            staged.rename(c.dir / staged.name)
            load.ask("connect 20 0")
            said = load.ask("synced 60")
            if said["n"] < 20:
                raise common.Impossible(f"round {r}: {said['n']} of 20 have their configuration")
            c.accepted()
            times.append(time.monotonic() - begin)
        rows.add("20 pods and their policies come, 20 to start with, until all have accepted", times[0] * 1e3, "ms", peer=32000)
        rows.add(f"... {20 * rounds} at the end", times[-1] * 1e3, "ms", peer=97000)
        rows.add("... memory for each pod", (c.memory()["rss"] - base["rss"]) / (20 * rounds), "kB", peer=715)
    return rows.rows


def round_names(r):
    return [f"client{r}-{i}" for i in range(2)], [f"server{r}-{i}" for i in range(5)]


def rounds_nodes(rounds):
    for r in range(rounds):
        for name, pods in [(n, 5) for n in round_names(r)[0]] + [(n, 2) for n in round_names(r)[1]]:
            for p in range(pods):
                yield f"u-{name}-{p}", f"spiffe://cluster.local/ns/ns0/sa/{name}"


def round_objects(world, r):
    clients, servers = round_names(r)
    for at, (name, pods) in enumerate([(n, 5) for n in clients] + [(n, 2) for n in servers]):
        base = (r * 7 + at) * 8
        ips = [f"10.140.{(base + p) // 250}.{(base + p) % 250 + 1}" for p in range(pods)]
        yield obj("v1", "Service", meta(name, "ns0"),
                  spec={"clusterIP": f"10.97.{r}.{at + 1}", "selector": {"app": name},
                        "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})
        yield obj("discovery.k8s.io/v1", "EndpointSlice", meta(f"{name}-1", "ns0", labels={"kubernetes.io/service-name": name}),
                  addressType="IPv4", ports=[{"name": "http", "port": 8080}],
                  endpoints=[{"addresses": [ip], "conditions": {"ready": True},
                              "targetRef": {"kind": "Pod", "name": f"{name}-{p}", "namespace": "ns0"}} for p, ip in enumerate(ips)])
        for p, ip in enumerate(ips):
            yield obj("v1", "Pod", meta(f"{name}-{p}", "ns0", uid=f"u-{name}-{p}", labels={"app": name, "osm-proxy-uuid": "u"}),
                      spec={"serviceAccountName": name, "containers": [{"name": "main", "image": "i"}]},
                      status={"phase": "Running", "podIP": ip})
    group = f"routes{r}"
    yield obj("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", meta(group, "ns0"),
              spec={"matches": [{"name": "all", "pathRegex": ".*", "methods": ["*"]}]})
    callers = [n for q in range(r + 1) for n in round_names(q)[0]]
    for server in servers:
        yield obj("access.smi-spec.io/v1alpha3", "TrafficTarget", meta(server, "ns0"),
                  spec={"destination": {"kind": "ServiceAccount", "name": server, "namespace": "ns0"},
                        "rules": [{"kind": "HTTPRouteGroup", "name": group, "matches": ["all"]}],
                        "sources": [{"kind": "ServiceAccount", "name": n, "namespace": "ns0"} for n in callers]})
    yield obj("split.smi-spec.io/v1alpha2", "TrafficSplit", meta(f"split{r}", "ns0"),
              spec={"service": servers[0], "backends": [{"service": servers[0], "weight": 50}, {"service": servers[1], "weight": 50}]})


PARTS = {"W1": scoped, "W1full": full, "W2": capacity, "W3": wide, "W5": storm, "W8": policy}


def measure():
    wanted = os.environ.get("BENCH_WORKLOADS", " ".join(PARTS)).split()
    rows = []
    for name in wanted:
        begin = time.monotonic()
        rows += PARTS[name]()
        common.note(f"{name} took {time.monotonic() - begin:.0f} s")
    return rows
