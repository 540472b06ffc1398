"""Private memory of a sidecar: Envoy and agent. Private is what no file backs and no other process has (Anonymous in
smaps_rollup): Envoy's text is shared by all Envoys of a machine."""
import statistics
import tempfile
from pathlib import Path

import common
import lab

VISIBLE = 200
SETTLE_S = 20  # Envoy gives freed memory back in the background


def empty_envoy():
    with common.Children() as children, tempfile.TemporaryDirectory(prefix="osm-bench-") as home:
        admin = Path(home) / "admin.sock"
        pid = lab.start_envoy(children, Path(home) / "envoy.json", admin)
        lab.wait_live(admin)
        return common.memory_kb(pid)


def sidecars(mesh):
    """pod uid → {"envoy": kB, "agent": kB} of private memory."""
    found = {}
    for pid, command in mesh.processes().items():
        role = "envoy" if common.is_envoy(command) else "agent" if common.is_agent(command) else None
        if not role:
            continue
        uid = common.environment(pid).get("POD_UID")
        found.setdefault(uid, {})[role] = common.memory_kb(pid)
    return {uid: s for uid, s in found.items() if uid and len(s) == 2}


def private(sidecar):
    return sidecar["envoy"]["private"] + sidecar["agent"]["private"]


def controller_kb(mesh):
    return next(common.memory_kb(pid) for pid, c in mesh.processes().items() if c[1:2] == ["controller"])


def settled(read):
    """What |read| tells once it has stopped changing by more than 1 %, or at the end of SETTLE_S."""
    last = read()
    for _ in range(SETTLE_S // 5):
        common.time.sleep(5)
        now = read()
        if abs(now - last) <= last / 100:
            return now
        last = now
    return last


def demo(empty):
    files = sorted((common.ROOT / "demo/bookstore").glob("*.yaml")) + [common.ROOT / "demo/policies/1-permissive/mesh.yaml"]
    table = Path(tempfile.mkdtemp(prefix="osm-bench-")) / "images.yaml"
    table.write_text(f"images:\n- match: osm-demo/*\n  layer: {common.BUILD}/demo/image\n- match: mariadb:*\n")
    with common.Mesh(*files, images=table) as mesh:
        total = settled(lambda: statistics.median(private(s) for s in sidecars(mesh).values()))
        all_of = sidecars(mesh).values()
        controller = controller_kb(mesh)
    table.unlink()
    table.parent.rmdir()
    envoy = statistics.median(s["envoy"]["private"] for s in all_of)
    agent = statistics.median(s["agent"]["private"] for s in all_of)
    pss = statistics.median(s["envoy"]["pss"] + s["agent"]["pss"] for s in all_of)
    return [common.result("memory: empty Envoy, private", empty, "kB"),
            common.result("memory: sidecar in the demo, private (median)", total, "kB", goal=round(1.4 * empty), floor=empty),
            common.result("memory: of it Envoy", envoy, "kB", floor=empty),
            common.result("memory: of it the agent", agent, "kB"),
            common.result("memory: sidecar in the demo, proportional share (Pss, median)", pss, "kB"),
            common.result("memory: sidecar against an empty Envoy", total / empty, "x", goal=1.4),
            common.result("memory: controller in the demo, private", controller["private"], "kB"),
            common.result("memory: controller in the demo, resident", controller["rss"], "kB")]


def services(n):
    docs = [f"apiVersion: v1\nkind: Service\nmetadata: {{namespace: bench, name: more-{i}}}\nspec:\n"
            f"  clusterIP: 10.96.11.{i + 1}\n  selector: {{app: server}}\n"
            "  ports: [{name: http, port: 80, targetPort: 8080}]\n" for i in range(n)]
    return "---\n".join(docs)


def call_all(mesh, n):
    """One connection to each: Envoy makes some of its memory on first use."""
    words = " ".join(f"10.96.11.{i + 1}" for i in range(n))
    mesh.exec("bench/client", "sh", "-c", f"for a in {words}; do bench_ping load $a 80 1 >/dev/null || exit 1; done")


def visible():
    """The client's sidecar: each Service adds a listener, routes, a cluster and endpoints."""
    with common.Mesh(common.MANIFESTS / "ping.yaml") as mesh:
        uid = mesh.pod_object("bench", "client")["metadata"]["uid"]
        of_client = lambda: private(sidecars(mesh)[uid])
        before = settled(of_client)
        mesh.save("more.yaml", services(VISIBLE))
        common.wait_for("the services to be accepted", lambda: mesh.status()["objects"]["Service"] > VISIBLE)
        mesh.accepted()
        told = settled(of_client)
        call_all(mesh, VISIBLE)
        called = settled(of_client)
    return [common.result(f"memory: sidecar with {VISIBLE} visible services, private", told, "kB"),
            common.result(f"memory: per visible service port, of {VISIBLE}", (told - before) / VISIBLE, "kB", goal=80),
            common.result("memory: the same after a request to each", (called - before) / VISIBLE, "kB")]


def measure():
    return demo(empty_envoy()["private"]) + visible()
