"""Mesh + plan + encode through the controller's own pipeline: bench/bench_flow.c."""
import json
import os

import common

SIZES = (100, 1000, 10000, 50000)
CHANGES = 200
KINDS = ("endpoint", "service", "target", "split", "pod")
# The cost of a change in the largest mesh against that in the smallest (docs/design.md section 13).
FLAT = 1.5


def once(services, mode):
    return json.loads(common.run(common.BUILD / "bench/bench_flow", services, mode, CHANGES, timeout=600))


def of_mode(mode):
    by_size = {n: once(n, mode) for n in SIZES}
    rows = []
    for n in SIZES:
        whole, label = by_size[n]["all"], f"flow {mode}: {n} services, {2 * n} workloads"
        rows += [common.result(f"{label}: from nothing, CPU", whole["cpu_ms"], "ms"),
                 common.result(f"{label}: per resource", whole["ns_per_resource"], "ns"),
                 common.result(f"{label}: bytes of resources", whole["resource_bytes"] / 1e6, "MB"),
                 common.result(f"{label}: memory of the sheet", (whole["value_bytes"] + whole["overhead_bytes"]) / 1e6, "MB")]
    for kind in KINDS:
        small, middle, *_, large = (by_size[n][kind] for n in SIZES)
        label = f"flow {mode}: one {kind} changed"
        rows += [common.result(f"{label}, {SIZES[1]} services, CPU p50", middle["cpu_us"], "us"),
                 common.result(f"{label}, {SIZES[1]} services, CPU p99", middle["cpu_p99_us"], "us"),
                 common.result(f"{label}: cells computed", middle["cells"], "cells"),
                 common.result(f"{label}: bytes to send", middle["bytes"], "bytes"),
                 common.result(f"{label}: {SIZES[-1]} services against {SIZES[0]}", large["cpu_us"] / small["cpu_us"], "x",
                               goal=FLAT)]
    return rows


def wide():
    """10,000 Services, 20,000 workloads, of which each reaches 10 Services."""
    out = json.loads(common.run(common.BUILD / "bench/bench_flow", 10000, "wide", 0, timeout=600))["all"]
    half = json.loads(common.run(common.BUILD / "bench/bench_flow", 5000, "wide", 0, timeout=600))["all"]
    label = "flow wide: 10000 services, 20000 workloads that reach 10 services each"
    return [common.result(f"{label}: from nothing, CPU", out["cpu_ms"], "ms", goal=5000),
            common.result(f"{label}: against half of it", out["cpu_ms"] / half["cpu_ms"], "x", goal=2.3)]


def measure():
    rows = of_mode("permissive") + of_mode("smi") + wide()
    size = os.path.getsize(common.OSM)
    return rows + [common.result("size of the executable", size / 1e6, "MB")]
