"""osm namespace and osm metrics on this machine: they write what the manifests are to say, and nothing else of them."""
import json
import subprocess

import pytest

from conftest import Mesh, eventually, find_osm

SHOP = """# the shop
apiVersion: v1
kind: Namespace
metadata:
  name: shop   # ours
  labels:
    team: a    # who pays
---
apiVersion: v1
kind: ConfigMap
metadata: {name: m, namespace: shop}
data:
  k: "# no remark"
"""
FLOW = "apiVersion: v1\nkind: Namespace\nmetadata: {name: flow}\n"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    m = Mesh(tmp_path_factory.mktemp("namespaces"))
    m.save("shop.yaml", SHOP)
    m.save("flow.yaml", FLOW)
    m.up()
    yield m
    m.down()


def osm(mesh, *args, code=0):
    done = subprocess.run([find_osm(), *args], env=mesh.env, text=True, capture_output=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def listed(mesh, name):
    rows = [line.split() for line in osm(mesh, "namespace", "list").splitlines()]
    return next((row[1:] for row in rows if row[0] == name), None)


def test_a_declared_namespace_is_added_and_removed_and_its_text_stays(mesh):
    assert "[shop] successfully added to mesh [osm]" in osm(mesh, "namespace", "add", "shop")
    text = (mesh.dir / "shop.yaml").read_text()
    assert text == SHOP.replace("    team: a", '    openservicemesh.io/monitored-by: "osm"\n    team: a').replace(
        "  name: shop ", '  annotations:\n    openservicemesh.io/sidecar-injection: "enabled"\n  name: shop ')
    eventually(lambda: listed(mesh, "shop")[:2] == ["osm", "enabled"])
    osm(mesh, "namespace", "add", "shop")
    assert (mesh.dir / "shop.yaml").read_text() == text, "again changes nothing"
    osm(mesh, "namespace", "add", "shop", "--disable-sidecar-injection")
    eventually(lambda: listed(mesh, "shop")[:2] == ["osm", "disabled"])
    assert "enabled in namespace [shop]" in osm(mesh, "metrics", "enable", "--namespace", "shop")
    assert 'openservicemesh.io/metrics: "enabled"' in (mesh.dir / "shop.yaml").read_text()
    assert "disabled in namespace [shop]" in osm(mesh, "metrics", "disable", "--namespace", "shop")
    assert "[shop] successfully removed from mesh [osm]" in osm(mesh, "namespace", "remove", "shop")
    assert (mesh.dir / "shop.yaml").read_text() == SHOP, "as it was"
    eventually(lambda: listed(mesh, "shop")[0] == "-")
    assert "already does not belong to any mesh" in osm(mesh, "namespace", "remove", "shop")
    assert "osm namespace add shop" in osm(mesh, "metrics", "enable", "--namespace", "shop", code=1)


def test_a_namespace_that_no_manifest_declares_gets_one(mesh):
    osm(mesh, "namespace", "ignore", "new")
    text = (mesh.dir / "namespace-new.yaml").read_text()
    assert 'name: "new"' in text and 'openservicemesh.io/ignore: "true"' in text
    eventually(lambda: listed(mesh, "new") and listed(mesh, "new")[0] == "(ignored)")


def test_what_cannot_be_changed_is_named_with_its_line(mesh):
    said = osm(mesh, "namespace", "add", "flow", code=1)
    assert "flow.yaml:3: write openservicemesh.io/monitored-by: osm to the labels of Namespace flow here" in said
    assert (mesh.dir / "flow.yaml").read_text() == FLOW
    assert "not a name" in osm(mesh, "namespace", "add", "No_Good", code=1)
    assert "control plane" in osm(mesh, "namespace", "add", "osm-system", code=1)
    assert 'the mesh on this machine is "osm", not "two"' in osm(mesh, "namespace", "add", "shop", "--mesh-name", "two", code=1)
    assert 'in the mesh "osm", not in "two"' in osm(mesh, "namespace", "remove", "new", "--mesh-name", "two", code=1)
