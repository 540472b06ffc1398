"""The verbs about whole meshes in a cluster: mesh upgrade, version, env; and what an installation that cannot start says."""
import json
import time

import pytest

from conftest import IMAGE, eventually, find_osm, osm

SYSTEM = "osm-system"
VALUES = "openservicemesh.io/install-values"


def one_line(done, code=1):
    assert done.returncode == code and not done.stdout, done.stdout + done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("osm: ")]
    assert len(said) == 1, done.stderr
    return said[0]


def deployment(mesh, ns=SYSTEM):
    return mesh.get("deployment", "osm-controller", ns)


def container(mesh):
    return deployment(mesh)["spec"]["template"]["spec"]["containers"][0]


def other_image():
    """Another name of the same program."""
    return IMAGE.rpartition(":")[0] + ":2"


def archived(cluster, name):
    spec = {"selector": {"matchLabels": {"app": "osm-controller"}}, "replicas": 0, "template": {
        "metadata": {"labels": {"app": "osm-controller"}}, "spec": {"containers": [{"name": "c", "image": "x", "command": ["/osm-controller"]}]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec, "metadata": {"name": "osm-controller", "namespace": name, "labels": {
        "app": "osm-controller", "meshName": "old", "app.kubernetes.io/version": "v1.2.4"}}}


# ---- before there is a mesh ----

def test_without_a_mesh_nothing_is_upgraded(cluster):
    assert 'there is no mesh "nowhere"' in one_line(osm(cluster, "mesh", "upgrade", "--mesh-name", "nowhere"))


def test_a_mesh_of_the_archived_project_is_named_and_left_alone(cluster):
    ns = cluster.namespace("archived")
    cluster.apply(archived(cluster, ns))
    before = deployment(cluster, ns)["metadata"]["generation"]
    said = one_line(osm(cluster, "mesh", "upgrade", "--mesh-name", "old", "--image", IMAGE))
    assert f'mesh "old" in namespace {ns} is run by the archived OSM (v1.2.4)' in said and "osm install" in said
    assert "(archived Open Service Mesh)" in osm(cluster, "version").stdout
    assert deployment(cluster, ns)["metadata"]["generation"] == before
    cluster.kubectl("-n", ns, "delete", "deployment", "osm-controller")


def test_a_namespace_that_is_being_deleted_is_waited_for(cluster):
    ns = cluster.namespace("held")
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": ns, "finalizers": ["test.osm/held"]}}
    cluster.apply(held)
    cluster.kubectl("delete", "namespace", ns, "--wait=false")
    said = one_line(osm(cluster, "install", "--image", IMAGE, "--osm-namespace", ns, "--mesh-name", "held", "--timeout", "1s"))
    assert f"waited 1 s for namespace {ns}, which is being deleted, to be gone in vain" in said
    cluster.kubectl("patch", "configmap", "m", "-n", ns, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    cluster.wait(f"namespace/{ns}", "delete")


def old_definition(group, version, kind, plural):
    """As the archived project's: the same names, a schema that knows little, applied by kubectl."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}", "labels": {"app.kubernetes.io/name": "openservicemesh.io"}},
            "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": kind + "List"},
                     "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}}


def test_definitions_of_the_archived_project_are_taken_over_with_their_objects(cluster):
    cluster.needs_nodes()
    old = [old_definition("policy.openservicemesh.io", "v1alpha1", "Egress", "egresses"), old_definition("access.smi-spec.io", "v1alpha3", "TrafficTarget", "traffictargets")]
    names = [d["metadata"]["name"] for d in old]
    cluster.kubectl("delete", "crd", "--ignore-not-found", *names)
    cluster.apply(*old)
    for name in names:
        cluster.wait(f"crd/{name}", "condition=Established")
    ns = cluster.namespace("old")
    account = {"kind": "ServiceAccount", "name": "a", "namespace": ns}
    egress = {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "Egress", "metadata": {"name": "e", "namespace": ns},
              "spec": {"sources": [account], "hosts": ["example.com"], "ports": [{"number": 80, "protocol": "http"}]}}
    target = {"apiVersion": "access.smi-spec.io/v1alpha3", "kind": "TrafficTarget", "metadata": {"name": "t", "namespace": ns},
              "spec": {"destination": account, "sources": [{**account, "name": "b"}], "rules": [{"kind": "TCPRoute", "name": "r"}]}}
    cluster.apply(egress, target)
    kept = lambda: [(o["metadata"]["uid"], o["spec"]) for o in (cluster.get("egress", "e", ns), cluster.get("traffictarget", "t", ns))]
    before = kept()
    done = osm(cluster, "install", "--image", IMAGE)
    try:
        assert done.returncode == 0, done.stderr
        assert kept() == before
        said = eventually(lambda: (d := cluster.run("apply", "-f", "-", stdin=json.dumps({**egress, "spec": {**egress["spec"], "ports": [{"number": 80, "protocol": "smtp"}]}}))).returncode and d.stderr)
        assert "smtp" in said, "our schema holds now"
        cluster.kubectl("annotate", "egress", "e", "-n", ns, "a=b")
    finally:
        done = osm(cluster, "uninstall", "mesh", "-f", "--delete-namespace")
        assert done.returncode == 0, done.stderr
        cluster.wait(f"namespace/{SYSTEM}", "delete")
    assert kept() == before, "an uninstallation leaves them, too"


# ---- versions and surroundings ----

def test_version_says_this_programs_and_every_meshs(mesh):
    done = osm(mesh, "version")
    assert done.returncode == 0, done.stderr
    client, header, *rows = done.stdout.splitlines()
    version = client.removeprefix("osm ")
    assert header.split() == ["MESH", "NAME", "MESH", "NAMESPACE", "VERSION", "IMAGE"]
    assert ["osm", SYSTEM, "v" + version, IMAGE] in [r.split() for r in rows]
    said = json.loads(osm(mesh, "version", "-o", "json").stdout)
    assert said["client"]["version"] == "v" + version
    assert {"name": "osm", "namespace": SYSTEM, "version": "v" + version, "image": IMAGE, "archived": False} in said["meshes"]
    assert osm(mesh, "version", "--client-only").stdout.splitlines() == [client]
    assert osm(mesh, "version", "--version-only").stdout == f"v{version}\n"


def test_version_without_and_with_a_cluster_that_does_not_answer(tmp_path, cluster):
    class Nowhere:
        env = {"PATH": "/usr/bin", "HOME": str(tmp_path), "ASAN_OPTIONS": "detect_leaks=0"}

    done = osm(Nowhere, "version")
    assert done.returncode == 0 and done.stdout.startswith("osm ") and not done.stderr
    done = osm(Nowhere, "version", "--kubeconfig", "/nowhere")
    assert done.returncode == 1 and done.stdout.startswith("osm ") and "/nowhere" in done.stderr


def test_env_says_which_cluster_is_meant(cluster):
    said = osm(cluster, "env").stdout
    assert "verbsMean: the cluster" in said and f"from: {cluster.env['KUBECONFIG']}" in said and "server: https://" in said
    assert osm(cluster, "env", "--kubeconfig", "/nowhere").returncode == 0


# ---- upgrading ----

def test_an_upgrade_keeps_what_is_not_given_and_takes_away_what_no_longer_is(mesh):
    kept = {"osm": {"image": {"ref": IMAGE}}}
    assert json.loads(deployment(mesh)["metadata"]["annotations"][VALUES]) == kept
    done = osm(mesh, "mesh", "upgrade", "--set", "osm.osmController.enablePodDisruptionBudget=true,osm.osmController.podLabels.a=b")
    assert done.returncode == 0, done.stderr
    assert mesh.get("poddisruptionbudget", "osm-controller", SYSTEM) and container(mesh)["image"] == IMAGE

    done = osm(mesh, "mesh", "upgrade", "--image", other_image(), "--set", "osm.osmController.enablePodDisruptionBudget=null")
    assert done.returncode == 0 and f"image {other_image()}" in done.stdout, done.stderr
    assert "waiting for the control plane" in done.stderr and "rollout restart" in done.stderr
    assert container(mesh)["image"] == other_image()
    assert deployment(mesh)["spec"]["template"]["metadata"]["labels"]["a"] == "b", "a value that was not given again"
    assert mesh.get("poddisruptionbudget", "osm-controller", SYSTEM) is None
    status = deployment(mesh)["status"]
    assert status["availableReplicas"] == status["updatedReplicas"] == 1

    before = deployment(mesh)["metadata"]["generation"]
    done = osm(mesh, "mesh", "upgrade")
    assert done.returncode == 0 and "rollout restart" not in done.stderr, done.stderr
    assert deployment(mesh)["metadata"]["generation"] == before, "nothing has changed"


def test_an_upgrade_says_what_it_does_not_do(mesh):
    before = deployment(mesh)["metadata"]["resourceVersion"]
    done = osm(mesh, "mesh", "upgrade", "--dry-run", "--set", "osm.enableEgress=false")
    assert done.returncode == 0 and "the MeshConfig stays as it is" in done.stderr and "deployments osm-system/osm-controller would be applied" in done.stdout
    assert "keeps its name" in one_line(osm(mesh, "mesh", "upgrade", "--set", "osm.meshName=other"))
    assert "osm.enableEgres" in one_line(osm(mesh, "mesh", "upgrade", "--set", "osm.enableEgres=true"))
    mesh.kubectl("-n", SYSTEM, "annotate", "deployment", "osm-controller", "meta.helm.sh/release-name=r")
    assert 'is the Helm release "r": helm upgrade' in one_line(osm(mesh, "mesh", "upgrade"))
    mesh.kubectl("-n", SYSTEM, "annotate", "deployment", "osm-controller", "meta.helm.sh/release-name-")
    values = deployment(mesh)["metadata"]["annotations"][VALUES]
    mesh.kubectl("-n", SYSTEM, "annotate", "deployment", "osm-controller", VALUES + "-")
    assert "osm install once more" in one_line(osm(mesh, "mesh", "upgrade"))
    mesh.kubectl("-n", SYSTEM, "annotate", "deployment", "osm-controller", f"{VALUES}={values}")
    assert int(deployment(mesh)["metadata"]["resourceVersion"]) >= int(before)


def test_an_image_that_cannot_be_pulled_is_one_sentence_within_half_a_minute(mesh):
    good = container(mesh)["image"]
    begin = time.monotonic()
    said = one_line(osm(mesh, "mesh", "upgrade", "--image", "registry.invalid/osm:9"))
    assert time.monotonic() - begin < 30
    assert "the control plane cannot start: pod osm-controller-" in said and "registry.invalid/osm:9" in said and "ErrImagePull" in said or "ImagePullBackOff" in said
    assert deployment(mesh)["status"]["availableReplicas"] == 1, "the old one goes on"
    done = osm(mesh, "mesh", "upgrade", "--image", good)
    assert done.returncode == 0, done.stderr
