"""Random sets of Egresses, many on one port with ranges in one another: the real Envoy takes what becomes of
them."""
import json
import random
import subprocess

import pytest
from conftest import find_tool

HOSTS = ["a.example", "b.example", "*.example", "c.b.example", "*", "203.0.113.7"]
RANGES = ["203.0.113.0/24", "203.0.113.128/25", "203.0.113.7/32", "203.0.113.9/32", "0.0.0.0/0", "10.0.0.0/8", "10.96.0.0/16", "198.51.100.0/24"]
GROUPS = {"get": {"name": "m", "methods": ["GET"]}, "path": {"name": "m", "pathRegex": "/x/.*", "headers": [{"host": "a.*"}]}}


def few(rng, values, most):
    return rng.sample(values, rng.randint(0, most))


def egress(rng, i):
    spec = {"sources": [{"kind": "ServiceAccount", "name": n, "namespace": "shop"} for n in few(rng, ["buyer", "other"], 2)],
            "hosts": few(rng, HOSTS, 4), "ports": [{"number": rng.choice([80, 443, 5000]), "protocol": p}
                                                   for p in rng.choices(["http", "https", "tcp", "tcp-server-first"], k=rng.randint(1, 3))]}
    if rng.random() < .6:
        spec["ipAddresses"] = few(rng, RANGES, 4)
    spec["matches"] = [{"apiGroup": "specs.smi-spec.io/v1alpha4", "kind": "HTTPRouteGroup", "name": g} for g in few(rng, list(GROUPS), 2)]
    if rng.random() < .3:
        spec["matches"].append({"apiGroup": "policy.openservicemesh.io/v1alpha1", "kind": "UpstreamTrafficSetting", "name": "few"})
    return {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "Egress",
            "metadata": {"name": f"e{i}", "namespace": "shop", "creationTimestamp": f"2024-01-01T00:00:0{rng.randint(0, 3)}Z"}, "spec": spec}


def objects(rng):
    yield {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "MeshConfig", "metadata": {"name": "osm-mesh-config", "namespace": "osm-system"},
           "spec": {"traffic": {"enablePermissiveTrafficPolicyMode": rng.random() < .5, "enableEgress": False}}}
    for n in ("buyer", "other"):
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": n, "namespace": "shop"},
               "spec": {"serviceAccountName": n, "containers": [{"name": "c", "image": "i"}]}}
    for n, m in GROUPS.items():
        yield {"apiVersion": "specs.smi-spec.io/v1alpha4", "kind": "HTTPRouteGroup", "metadata": {"name": n, "namespace": "shop"}, "spec": {"matches": [m]}}
    yield {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "UpstreamTrafficSetting", "metadata": {"name": "few", "namespace": "shop"},
           "spec": {"host": "a.example", "connectionSettings": {"tcp": {"maxConnections": 3}}}}
    for i in range(rng.randint(1, 12)):
        yield egress(rng, i)


@pytest.mark.parametrize("seed", range(40))
def test_accepted(seed, tmp_path, validate):
    tool = find_tool("envoy_golden")
    if not tool:
        pytest.skip("no envoy_golden in the build directory (OSM_BUILD)")
    rng = random.Random(seed)
    (tmp_path / "in.yaml").write_text("\n---\n".join(json.dumps(o) for o in objects(rng)))
    done = subprocess.run([tool, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for bundles in json.loads(done.stdout).values():
        assert "deprecat" not in validate(*bundles.values()).lower()
