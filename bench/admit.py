"""Pods of 6 kB through the injection webhook over 20 kept-alive TLS connections (bench/bench_admit.c): what one costs, and
how long it takes at half the rate that the goal asks for, alone and beside a full build of a large mesh."""
import json
import subprocess

import common

CONNECTIONS, SECONDS = 20, 5
CPU_GOAL_US, RATE, P99_GOAL_MS = 200, 2500, 1  # 5,000 a second and core; half of it


def once(rate):
    return json.loads(common.run(common.BUILD / "bench/bench_admit", CONNECTIONS, rate, SECONDS))


def beside_a_build(rate):
    """The other program computes 10,000 Services from nothing, again and again."""
    command = f"while :; do {common.BUILD}/bench/bench_flow 10000 smi 0 >/dev/null; done"
    child = subprocess.Popen(["sh", "-c", command], start_new_session=True)
    try:
        return once(rate)
    finally:
        common.os.killpg(child.pid, common.signal.SIGKILL)
        child.wait()


def measure():
    full, half, busy = once(0), once(RATE), beside_a_build(RATE)
    return [common.result("admission of a pod: server's CPU", full["server_cpu_s"] / full["answers"] * 1e6, "us", goal=CPU_GOAL_US),
            common.result("admissions, caller on the same machine", full["answers"] / full["wall_s"], "1/s"),
            common.result(f"admission at {RATE} a second, p99", half["p99_us"] / 1e3, "ms", goal=P99_GOAL_MS),
            common.result(f"admission at {RATE} a second beside a full build, p99", busy["p99_us"] / 1e3, "ms", goal=P99_GOAL_MS)]
