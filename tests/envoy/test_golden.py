"""The real Envoy takes what every golden case makes for every proxy in it."""
import json
import subprocess
from collections import Counter

import pytest
from conftest import SOURCE, find_tool

CASES = sorted(p.parent for p in (SOURCE / "tests/golden").glob("*/in.yaml"))


@pytest.fixture(scope="module")
def proxies():
    """proxies(case) → {workload: [bundle, ...]}"""
    tool = find_tool("envoy_golden")
    if not tool:
        pytest.skip("no envoy_golden in the build directory (OSM_BUILD)")

    def run(case):
        done = subprocess.run([tool, case], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {workload: list(bundles.values()) for workload, bundles in json.loads(done.stdout).items()}
    return run


def workload_repeats(bundles, names):
    """A name is in two parts only where the one in front repeats calls."""
    first = {n: next(r for b in bundles for r in b.get("routes", []) if r["name"] == n) for n in names}
    return all("retry_policy" in json.dumps(r) for r in first.values())


def first_of_each(bundles, i):
    """The bundle without the routes that one before it has."""
    before = {r["name"] for b in bundles[:i] for r in b.get("routes", [])}
    return {**bundles[i], "routes": [r for r in bundles[i].get("routes", []) if r["name"] not in before]}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_accepted(case, proxies, validate):
    seen = set()
    for workload, bundles in proxies(case).items():
        for kind in ("clusters", "endpoints", "listeners", "routes"):
            key = "cluster_name" if kind == "endpoints" else "name"
            names = Counter(r[key] for b in bundles for r in b.get(kind, []))
            twice = {n for n, times in names.items() if times > 1}
            assert not twice or (kind == "routes" and workload_repeats(bundles, twice)), f"{workload} would get {twice} twice"
        bundles = [first_of_each(bundles, i) for i in range(len(bundles))]
        text = json.dumps(bundles)
        if text not in seen:  # proxies of equal reach get equal bytes
            validate(*bundles)
        seen.add(text)
