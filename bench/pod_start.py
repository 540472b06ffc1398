"""From saving a Pod's manifest to the pod being ready, with and without a sidecar, by turns."""
import statistics

import common

PODS = 10


def pod(name, sidecar):
    notes = "" if sidecar else ", annotations: {openservicemesh.io/sidecar-injection: disabled}"
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{namespace: bench, name: {name}{notes}}}\nspec:\n"
            "  containers:\n  - {name: ping, image: bench/ping, command: [bench_ping, serve, \"8080\"]}\n")


def is_ready(mesh, name):
    doc = mesh.pod_object("bench", name)
    conditions = doc["status"].get("conditions", []) if doc else []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def start(mesh, name, sidecar):
    """Milliseconds; the pod is gone again at the end."""
    begin = mesh.save(f"{name}.yaml", pod(name, sidecar))
    common.wait_for(f"pod {name} to be ready", lambda: is_ready(mesh, name), every=0.002)
    took = (common.time.time_ns() - begin) / 1e6
    (mesh.dir / f"{name}.yaml").unlink()
    common.wait_for(f"pod {name} to be gone", lambda: not mesh.pod_object("bench", name), 60)
    return took


def measure():
    took = {True: [], False: []}
    with common.Mesh(common.MANIFESTS / "ping.yaml") as mesh:
        for i in range(PODS):
            for sidecar in (False, True):
                took[sidecar].append(start(mesh, f"start-{'with' if sidecar else 'without'}-{i}", sidecar))
    plain, meshed = (statistics.median(took[s]) for s in (False, True))
    return [common.result("pod start to ready, without sidecar, median", plain, "ms"),
            common.result("pod start to ready, with sidecar, median", meshed, "ms", floor=plain),
            common.result("pod start to ready, with sidecar, slowest", max(took[True]), "ms", floor=max(took[False]))]
