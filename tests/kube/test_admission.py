"""The webhooks as the API server calls them: kubernetes.md 9.3, what needs a real server of it (docs/conformance.md has the
rest)."""
import json

import pytest

from conftest import eventually
from test_node import pod


@pytest.fixture(scope="module")
def ns(mesh):
    name = mesh.namespace("admission", **{"openservicemesh.io/monitored-by": "osm"})
    mesh.made.remove(name)
    mesh.kubectl("annotate", "namespace", name, "openservicemesh.io/sidecar-injection=enabled")
    eventually(lambda: names(created(mesh, pod("probe", name)), "initContainers") == ["osm-init", "envoy"])
    yield name
    mesh.kubectl("delete", "namespace", name, "--wait=false")


def created(cluster, doc):
    """What the server would make of it."""
    return json.loads(cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(doc)))


def refused(cluster, doc):
    return cluster.refused("create", "--dry-run=server", "-f", "-", stdin=json.dumps(doc))


def names(doc, which):
    return [c["name"] for c in doc["spec"].get(which, [])]


def test_a_pod_without_name_namespace_or_annotations(cluster, ns):
    doc = pod("x", ns)
    doc["metadata"] = {"generateName": "many-"}
    made = json.loads(cluster.kubectl("create", "--raw", f"/api/v1/namespaces/{ns}/pods?dryRun=All", "-f", "-", stdin=json.dumps(doc)))
    assert names(made, "initContainers") == ["osm-init", "envoy"] and made["metadata"]["namespace"] == ns
    assert made["metadata"]["annotations"]["openservicemesh.io/proxy-generation"]
    assert cluster.get("pods", ns=ns) == [], "dry runs leave nothing"


def test_annotations_and_fields_of_the_user_stay(cluster, ns):
    doc = pod("x", ns, hostAliases=[{"ip": "192.0.2.1", "hostnames": ["a"]}], securityContext={"fsGroup": 2000, "runAsUser": 1000})
    doc["metadata"]["annotations"] = {"example.com/a_b": "~1/~0", "plain": ""}
    made = created(cluster, doc)
    assert made["metadata"]["annotations"].items() >= doc["metadata"]["annotations"].items()
    assert made["spec"]["hostAliases"] == doc["spec"]["hostAliases"] and made["spec"]["securityContext"] == doc["spec"]["securityContext"]
    sidecar = next(c for c in made["spec"]["initContainers"] if c["name"] == "envoy")
    assert sidecar["securityContext"]["runAsUser"] == 1500


def test_init_containers_come_after_the_sidecar(cluster, ns):
    container = pod("x", ns)["spec"]["containers"][0]
    doc = pod("x", ns, initContainers=[{**container, "name": "one"}, {**container, "name": "two", "restartPolicy": "Always"}])
    assert names(created(cluster, doc), "initContainers") == ["osm-init", "envoy", "one", "two"]


def test_a_pod_that_is_injected_already_is_left_alone(cluster, ns):
    made = created(cluster, pod("x", ns))
    again = {**made, "metadata": {k: v for k, v in made["metadata"].items() if k in ("name", "namespace", "labels", "annotations")}}
    twice = created(cluster, again)
    assert names(twice, "initContainers") == ["osm-init", "envoy"] and twice["metadata"]["labels"] == made["metadata"]["labels"]


@pytest.mark.parametrize("spec, part", [
    ({"os": {"name": "windows"}}, "a Windows pod cannot be in the mesh"),
    ({"securityContext": {"runAsUser": 1500}}, "runs as uid 1500"),
    ({"volumes": [{"name": "osm-token", "emptyDir": {}}]}, "the name osm-token is the mesh's own"),
    ({"initContainers": [{"name": "envoy", "image": "x"}]}, "the name envoy is the mesh's own"),
])
def test_what_cannot_be_honoured_is_refused_by_one_sentence(cluster, ns, spec, part):
    assert part in refused(cluster, pod("x", ns, **spec))


def test_a_pod_of_the_hosts_network_passes(cluster, ns):
    assert names(created(cluster, pod("x", ns, hostNetwork=True)), "initContainers") == []


def test_a_strict_namespace_is_told_the_ways_out(cluster, ns):
    strict = cluster.namespace("strict", **{"openservicemesh.io/monitored-by": "osm", "pod-security.kubernetes.io/enforce": "baseline"})
    cluster.kubectl("annotate", "namespace", strict, "openservicemesh.io/sidecar-injection=enabled")
    eventually(lambda: 'pod security level "baseline"' in (d := cluster.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod("x", strict)))).stderr and d.returncode)


def test_a_pod_with_a_group_of_its_own_runs_and_takes_a_debug_container(cluster, ns):
    doc = pod("grouped", ns, securityContext={"fsGroup": 2000, "runAsUser": 1000})
    cluster.apply(doc)
    cluster.wait("pod/grouped", "condition=Ready", ns)
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": doc["spec"]["containers"][0]["image"], "command": ["true"]}]}}
    cluster.kubectl("patch", "pod", "grouped", "-n", ns, "--subresource=ephemeralcontainers", "--type=strategic", "-p", json.dumps(debug))
    now = cluster.get("pod", "grouped", ns)
    assert names(now, "ephemeralContainers") == ["debug"] and names(now, "initContainers") == ["osm-init", "envoy"]
    cluster.delete(doc)


def test_a_job_of_the_mesh_ends(cluster, ns):
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": ns},
           "spec": {"template": {"metadata": {"labels": {"app": "once"}}, "spec": {**pod("x", ns, "true")["spec"], "restartPolicy": "Never"}}}}
    cluster.apply(job)
    cluster.wait("job/once", "condition=Complete", ns)
    ended = cluster.get("pods", ns=ns, selector="job-name=once")[0]
    assert names(ended, "initContainers") == ["osm-init", "envoy"] and ended["status"]["phase"] == "Succeeded"
