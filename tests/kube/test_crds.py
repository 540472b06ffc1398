"""`osm crds` on a real API: the definitions are accepted, and their schemas and rules refuse what cannot be meant."""
import json
import subprocess

import pytest

from conftest import SOURCE, eventually, find_osm

ACCESS, SPECS, SPLIT = "access.smi-spec.io/v1alpha3", "specs.smi-spec.io/v1alpha4", "split.smi-spec.io/v1alpha2"


@pytest.fixture(scope="module", autouse=True)
def crds(whole_cluster):
    text = subprocess.run([find_osm(), "crds"], text=True, capture_output=True, check=True).stdout
    whole_cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    for crd in text.split("\n  name: ")[1:]:
        whole_cluster.wait("crd/" + crd.split("\n")[0], "condition=Established")


def target(ns, **spec):
    return {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": "t", "namespace": ns}, "spec": {
        "destination": {"kind": "ServiceAccount", "name": "a", "namespace": ns}, "sources": [{"kind": "ServiceAccount", "name": "b", "namespace": ns}],
        "rules": [{"kind": "HTTPRouteGroup", "name": "r"}], **spec}}


def accepted(cluster, doc):
    return cluster.run("apply", "-f", "-", stdin=json.dumps(doc))


def test_the_demos_policies_are_accepted(cluster):
    ns = cluster.namespace("policies")
    for path in sorted((SOURCE / "demo/policies").glob("[3-6]*/*.yaml")):
        text = path.read_text().replace("namespace: bookstore\n", f"namespace: {ns}\n").replace("namespace: bookwarehouse\n", f"namespace: {ns}\n")
        eventually(lambda: cluster.run("apply", "--dry-run=server", "-f", "-", stdin=text).returncode == 0, 10,
                   lambda: f"{path}: {cluster.run('apply', '--dry-run=server', '-f', '-', stdin=text).stderr}")


@pytest.mark.parametrize("wrong", [
    pytest.param({"sources": [{"kind": "User", "name": "b", "namespace": "n"}]}, id="a source that is no account"),
    pytest.param({"rules": [{"kind": "HTTPRoute", "name": "r"}]}, id="a kind of route that there is not"),
    pytest.param({"destination": {"kind": "ServiceAccount", "namespace": "n"}}, id="a destination without name"),
    pytest.param({"source": []}, id="a field that is not known"),
])
def test_a_wrong_traffic_target_is_refused(cluster, wrong):
    ns = cluster.namespace("wrong")
    assert accepted(cluster, target(ns)).returncode == 0
    done = accepted(cluster, target(ns, **wrong))
    assert done.returncode, done.stdout


def test_objects_of_all_served_versions_are_one(cluster):
    ns = cluster.namespace("versions")
    split = {"apiVersion": SPLIT, "kind": "TrafficSplit", "metadata": {"name": "s", "namespace": ns},
             "spec": {"service": "a", "backends": [{"service": "b", "weight": 1}]}}
    assert accepted(cluster, split).returncode == 0
    served = [v["name"] for v in cluster.get("crd", "trafficsplits.split.smi-spec.io")["spec"]["versions"] if v["served"]]
    for version in served:
        assert cluster.get(f"trafficsplits.{version}.split.smi-spec.io", "s", ns)["spec"]["service"] == "a"
