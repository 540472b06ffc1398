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


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_accepted(case, proxies, validate):
    seen = set()
    for workload, bundles in proxies(case).items():
        for kind in ("clusters", "endpoints", "listeners", "routes"):
            key = "cluster_name" if kind == "endpoints" else "name"
            names = Counter(r[key] for b in bundles for r in b.get(kind, []))
            assert set(names.values()) <= {1}, f"{workload} would get a resource twice"
        text = json.dumps(bundles)
        if text not in seen:  # proxies of equal reach get equal bytes
            validate(*bundles)
        seen.add(text)
