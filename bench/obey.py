"""From just before a changed file is saved to the first answer by which the last affected Envoy obeys it: a
TrafficTarget opens and closes a path at three servers; a TrafficSplit turns two callers from one backend to the other.
Callers ask every 2 ms, so a value is up to 2 ms too long; the pods, the controller and the callers share the cores."""
import queue
import random
import re
import threading
import time

import common

CHANGES, EVERY_US, LIMIT_S = 50, 2000, 10
GOAL_MS, PEER_MS = 50, 2000  # the archived system batches changes for at least 2 s


def target(allowed):
    return ("apiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {namespace: bench, name: target}\nspec:\n"
            "  destination: {kind: ServiceAccount, name: server, namespace: bench}\n"
            f"  rules: [{{kind: HTTPRouteGroup, name: routes, matches: [{'open' if allowed else 'closed'}]}}]\n"
            "  sources: [{kind: ServiceAccount, name: client, namespace: bench}]\n")


def split(to_b):
    return ("apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {namespace: bench, name: split}\nspec:\n"
            f"  service: root\n  backends:\n  - {{service: a, weight: {0 if to_b else 100}}}\n"
            f"  - {{service: b, weight: {100 if to_b else 0}}}\n")


class Watcher:
    """A caller that reports when the answers change."""

    def __init__(self, mesh, pod, address):
        seconds = CHANGES * 2 + 60
        self.child = mesh.exec_start(f"bench/{pod}", "bench_ping", "watch", address, "80", "/", str(EVERY_US), str(seconds))
        self.answers = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            found = re.match(r"(\d+) (\d+) ?(.*)", line)
            if found:
                self.answers.put((int(found[1]), int(found[2]), found[3].strip()))

    def wait(self, obeys):
        """Unix ns of the first answer that obeys."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                when, status, body = self.answers.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise common.Impossible(f"a change was not obeyed within {LIMIT_S} s")
            if obeys(status, body):
                return when

    def end(self):
        self.child.terminate()
        self.child.wait()


def times(mesh, name, text_of, watchers, obeys_of):
    """Milliseconds of each change, after which all |watchers| obeyed; the first change only sets the stage."""
    took = []
    for i in range(CHANGES + 1):
        turn = i % 2 == 0
        begin = mesh.save(name, text_of(turn))
        last = max(w.wait(lambda status, body: obeys_of(turn, status, body)) for w in watchers)
        if i:
            took.append((last - begin) / 1e6)
        time.sleep(random.uniform(0.1, 0.3))
    return took


def rows(kind, took):
    return [common.result(f"obey: a saved {kind}, p{p}", common.percentile(took, p), "ms", goal=GOAL_MS, peer=PEER_MS)
            for p in (50, 99)]


def watched(mesh, ways, *change):
    watchers = [Watcher(mesh, pod, address) for pod, address in ways]
    try:
        return times(mesh, *change[:2], watchers, change[2])
    finally:
        for w in watchers:
            w.end()


def measure():
    with common.Mesh(common.MANIFESTS / "obey.yaml", texts={"target.yaml": target(False)}) as mesh:
        servers = [("client-1", f"10.96.12.{n}") for n in (1, 2, 3)]
        targets = watched(mesh, servers, "target.yaml", target, lambda open_, status, _: status == (200 if open_ else 403))
        mesh.save("target.yaml", target(True))
        mesh.save("split.yaml", split(False))
        mesh.accepted()
        callers = [("client-1", "10.96.12.4"), ("client-2", "10.96.12.4")]
        splits = watched(mesh, callers, "split.yaml", split,
                         lambda to_b, status, body: status == 200 and body == ("b" if to_b else "a"))
    return rows("TrafficTarget", targets) + rows("TrafficSplit", splits)
