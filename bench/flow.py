"""Mesh + plan + encode through the controller's own pipeline: bench/bench_flow.c, bench/bench_policy.c. BENCH_LARGEST leaves
larger meshes out."""
import json
import os
import re
import tempfile
from pathlib import Path

import common

LARGEST = int(os.environ.get("BENCH_LARGEST", 50000))
SIZES = [n for n in (100, 1000, 10000, 50000) if n <= LARGEST]
POLICY_SIZES = [n for n in SIZES if n <= 10000]
CHANGES = 200
KINDS = ("endpoint", "service", "target", "split", "pod")
POLICY_KINDS = ("egress", "ingress", "retry", "setting", "telemetry")
MESH_WIDE = ("log_level", "sampling")  # MeshConfig: what no proxy sees, and what every proxy does
CROWD = 2000
# The instructions of a change in the largest mesh against those in the smallest (docs/design.md section 13).
FLAT = 1.5


def once(services, mode):
    return json.loads(common.run(common.BUILD / "bench/bench_flow", services, mode, CHANGES, timeout=600))


def instructions(services, mode):
    """Per kind, of all changes together. The mesh is made before callgrind begins to look."""
    with tempfile.TemporaryDirectory(prefix="osm-bench-") as folder:
        common.run("valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no", f"--callgrind-out-file={folder}/out",
                   common.BUILD / "bench/bench_flow", services, mode, CHANGES, timeout=900)
        said = [path.read_text() for path in Path(folder).iterdir()]
    return {kind[1]: int(re.search(r"^summary: (\d+)", text, re.M)[1])
            for text in said if (kind := re.search(r"^desc: Trigger: Client Request: (\w+)", text, re.M))}


def same_work(mode, sizes):
    """Whether a change is as much work in a large mesh: memory that fits into no cache takes longer, but is no work."""
    small, large = instructions(sizes[0], mode), instructions(sizes[-1], mode)
    label = f"{sizes[-1]} services against {sizes[0]}, instructions"
    return [common.result(f"flow {mode}: one {kind} changed: {label}", large[kind] / small[kind], "x", goal=FLAT) for kind in large if kind not in MESH_WIDE]


def from_nothing(services, mode, out):
    whole, label = out["all"], f"flow {mode}: {services} services, {2 * services} workloads"
    return [common.result(f"{label}: from nothing, CPU", whole["cpu_ms"], "ms"),
            common.result(f"{label}: per resource", whole["ns_per_resource"], "ns"),
            common.result(f"{label}: bytes of resources", whole["resource_bytes"] / 1e6, "MB"),
            common.result(f"{label}: memory of the sheet", (whole["value_bytes"] + whole["overhead_bytes"]) / 1e6, "MB")]


def one_change(mode, kind, by_size):
    sizes = sorted(by_size)
    small, middle, large = (by_size[n][kind] for n in (sizes[0], sizes[1], sizes[-1]))
    label = f"flow {mode}: one {kind} changed"
    return [common.result(f"{label}, {sizes[1]} services, CPU p50", middle["cpu_us"], "us"),
            common.result(f"{label}, {sizes[1]} services, CPU p99", middle["cpu_p99_us"], "us"),
            common.result(f"{label}: cells computed", middle["cells"], "cells"),
            common.result(f"{label}: bytes to send", middle["bytes"], "bytes"),
            common.result(f"{label}: {sizes[-1]} services against {sizes[0]}, CPU", large["cpu_us"] / small["cpu_us"], "x")]


def every_proxy(kind, by_size):
    """It is computed for every workload; what stays flat is the share of one."""
    return [common.result(f"flow policies: {kind} of the MeshConfig changed, {n} services: CPU per workload", out[kind]["cpu_us"] / (2 * n), "us")
            for n, out in by_size.items()]


def of_mode(mode, sizes, kinds):
    by_size = {n: once(n, mode) for n in sizes}
    rows = [row for n, out in by_size.items() for row in from_nothing(n, mode, out)]
    rows += [row for kind in kinds for row in one_change(mode, kind, by_size)]
    return rows, by_size


def policies():
    rows, by_size = of_mode("policies", POLICY_SIZES, POLICY_KINDS)
    return rows + [row for kind in MESH_WIDE for row in every_proxy(kind, by_size)]


def one_of_each():
    """What one policy adds to a proxy that it is for and to one that calls it, and what a crowd for one account costs."""
    out = json.loads(common.run(common.BUILD / "bench/bench_policy", CROWD))
    rows = []
    for name, is_added in out.items():
        if "own" in is_added:
            rows += [common.result(f"bytes of a proxy, {name}: {who}", is_added[who], "bytes") for who in ("own", "caller")]
            continue
        rows += [common.result(f"{name} of one account: CPU", is_added["all_ms"], "ms"),
                 common.result(f"{name} of one account: one of them changed, CPU", is_added["one_more_ms"], "ms"),
                 common.result(f"{name} of one account: bytes of its proxy", is_added["bytes"], "bytes"),
                 common.result(f"{name} of one account: diagnostics", is_added["diagnostics"], "sentences", goal=CROWD)]
    return rows


def wide():
    """10,000 Services, 20,000 workloads, of which each reaches 10 Services."""
    out = json.loads(common.run(common.BUILD / "bench/bench_flow", 10000, "wide", 0, timeout=600))["all"]
    half = json.loads(common.run(common.BUILD / "bench/bench_flow", 5000, "wide", 0, timeout=600))["all"]
    label = "flow wide: 10000 services, 20000 workloads that reach 10 services each"
    return [common.result(f"{label}: from nothing, CPU", out["cpu_ms"], "ms", goal=5000),
            common.result(f"{label}: against half of it", out["cpu_ms"] / half["cpu_ms"], "x", goal=2.3)]


def measure():
    rows = of_mode("permissive", SIZES, KINDS)[0] + of_mode("smi", SIZES, KINDS)[0] + policies() + one_of_each() + wide()
    rows += same_work("permissive", SIZES) + same_work("smi", SIZES) + same_work("policies", POLICY_SIZES)
    size = os.path.getsize(common.OSM)
    return rows + [common.result("size of the executable", size / 1e6, "MB")]
