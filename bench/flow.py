"""Mesh + plan + encode through the controller's own pipeline: bench/bench_flow.c."""
import json
import os

import common

SIZES = (100, 1000, 10000)
KINDS = ("endpoint", "service", "target", "split", "pod")
# The cost of a change in the largest mesh against that in the smallest (docs/design.md section 13).
FLAT = 1.5


def once(services, mode):
    return json.loads(common.run(common.BUILD / "bench/bench_flow", services, mode, 300, timeout=300))


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
        small, middle, large = (by_size[n][kind] for n in SIZES)
        label = f"flow {mode}: one {kind} changed"
        rows += [common.result(f"{label}, {SIZES[1]} services, CPU p50", middle["cpu_us"], "us"),
                 common.result(f"{label}, {SIZES[1]} services, CPU p99", middle["cpu_p99_us"], "us"),
                 common.result(f"{label}: cells computed", middle["cells"], "cells"),
                 common.result(f"{label}: bytes to send", middle["bytes"], "bytes"),
                 common.result(f"{label}: {SIZES[-1]} services against {SIZES[0]}", large["cpu_us"] / small["cpu_us"], "x",
                               goal=FLAT)]
    return rows


def measure():
    rows = of_mode("permissive") + of_mode("smi")
    size = os.path.getsize(common.OSM)
    return rows + [common.result("size of the executable", size / 1e6, "MB")]
