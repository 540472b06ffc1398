"""The verbs that ask controllers and sidecars of a cluster, through its API server: one mesh, two controllers, a few pods."""
import json
import re
import subprocess
import tarfile

import pytest

from conftest import eventually, osm
from test_node import pod
from test_scenarios import World, permissive
from town import forwarded

SYSTEM = "osm-system"


@pytest.fixture(scope="module")
def town(mesh):
    """A client that may read one path of a server, and two controllers between which their sidecars may be divided."""
    mesh.kubectl("-n", SYSTEM, "scale", "deployment", "osm-controller", "--replicas=2")
    mesh.kubectl("-n", SYSTEM, "rollout", "status", "deployment", "osm-controller", "--timeout=60s")
    permissive(mesh, False)
    world = World(mesh, "verbs")
    world.start("client", "server")
    world.allow("client", "server", "/index.*")
    yield world
    mesh.clean()


def ok(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fails(done, *words):
    assert done.returncode == 1 and "Sanitizer" not in done.stderr, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr + done.stdout, done.stderr + done.stdout
    return done.stderr


def test_status_is_that_of_all_controllers(town):
    ok(osm(town.mesh, "wait", "--for", "accepted", "--timeout", "60s"))
    said = json.loads(ok(osm(town.mesh, "status", "-o", "json")))
    proxies = {p["name"]: p["proxy"] for p in said["pods"] if p["namespace"] == town.ns}
    assert proxies == {"client": "accepted", "server": "accepted"}
    assert said["proxies"] == {"expected": 2, "connected": 2, "accepted": 2} and said["accepted"]
    town.becomes("client", "server", 200)
    rows = eventually(lambda: [r for r in ok(osm(town.mesh, "status")).splitlines() if f"{town.ns}/client" in r and "server" in r])
    assert rows
    assert "mesh osm   SMI policy" in ok(osm(town.mesh, "status"))


def test_policy_check_pods_and_conflicts(town):
    client, server = f"{town.ns}/client", f"{town.ns}/server"
    assert "may call" in ok(osm(town.mesh, "policy", "check-pods", client, server))
    fails(osm(town.mesh, "policy", "check-pods", server, client))
    fails(osm(town.mesh, "policy", "check-pods", client, server, "--path", "/other"))
    assert "no conflicts" in ok(osm(town.mesh, "policy", "check-conflicts"))


def test_proxy_get(town):
    pod = f"{town.ns}/client"
    assert "envoy.admin.v3.ClustersConfigDump" in ok(osm(town.mesh, "proxy", "get", "config_dump", pod))
    assert ok(osm(town.mesh, "proxy", "get", "ready", "client", "-n", town.ns)).strip() == "LIVE"
    fails(osm(town.mesh, "proxy", "get", "quitquitquit", pod), "the proxy of client answers 40")
    fails(osm(town.mesh, "proxy", "get", "ready", f"{town.ns}/nobody"), "404 Not Found")
    fails(osm(town.mesh, "proxy", "get", "ready", f"{town.ns}/a/b/c"), "is no pod")


def test_proxy_set(town):
    assert "rbac: debug" in ok(osm(town.mesh, "proxy", "set", "logging?rbac=debug", f"{town.ns}/client"))
    assert "rbac: warning" in ok(osm(town.mesh, "proxy", "set", "logging?rbac=warning", f"{town.ns}/client"))
    fails(osm(town.mesh, "proxy", "set", "nothing", f"{town.ns}/client"), "Envoy does not carry out '/nothing': 404")


def test_pods_by_their_deployment(town):
    done = osm(town.mesh, "proxy", "get", "ready", f"{SYSTEM}/deploy/osm-controller")
    fails(done, "the proxy of osm-controller-")  # it has a pod, but that has no proxy
    fails(osm(town.mesh, "proxy", "get", "ready", f"{town.ns}/deploy/none"), "404 Not Found")


# ---- a controller that ends ----

def test_a_controller_that_is_deleted_takes_leave(town):
    """Its sidecars move to the other one, calls and admissions go on, and what they hold is not sent again."""
    town.mesh.kubectl("-n", SYSTEM, "scale", "deployment", "osm-controller", "--replicas=2")
    town.mesh.kubectl("-n", SYSTEM, "rollout", "status", "deployment", "osm-controller", "--timeout=60s")
    ok(osm(town.mesh, "wait", "--for", "accepted", "--timeout", "60s"))
    calls = subprocess.Popen([town.mesh.program, "exec", "client", "-c", "c", "-n", town.ns, "--", "sh", "-c",
                              "for i in $(seq 300); do curl -s -m 5 -o /dev/null -w '%{http_code} ' http://server/index.html; sleep 0.03; done"],
                             env=town.mesh.env, text=True, stdout=subprocess.PIPE)
    old = [p["metadata"]["name"] for p in town.mesh.get("pods", ns=SYSTEM, selector="app=osm-controller")]
    for name in old:
        logs = subprocess.Popen([town.mesh.program, "logs", "-f", name, "-n", SYSTEM], env=town.mesh.env, text=True, stdout=subprocess.PIPE)
        town.mesh.kubectl("-n", SYSTEM, "delete", "pod", name, "--wait=false")
        while town.mesh.get("pod", name, SYSTEM):
            made = json.loads(town.mesh.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pod("new", town.ns))))
            assert any(c["name"] == "envoy" for c in made["spec"]["containers"] + made["spec"].get("initContainers", []))
        assert "its proxies move to others" in logs.communicate(timeout=30)[0]
        town.mesh.kubectl("-n", SYSTEM, "rollout", "status", "deployment", "osm-controller", "--timeout=60s")
    ok(osm(town.mesh, "wait", "--for", "accepted", "--timeout", "60s"))
    assert set(calls.communicate(timeout=60)[0].split()) == {"200"}
    for p in town.mesh.get("pods", ns=SYSTEM, selector="app=osm-controller"):
        if p["metadata"]["name"] not in old:
            metrics = forwarded(town.mesh, p["metadata"]["name"], 9091, "/metrics", SYSTEM)
            assert re.search(r"^osm_proxy_resources_sent_count 0$", metrics, re.M), re.findall("osm_proxy_resources_sent.*", metrics)


# ---- looking for what is wrong ----

def test_verify_connectivity(town):
    said = ok(osm(town.mesh, "verify", "connectivity", "--from-pod", f"{town.ns}/client", "--to-service", f"{town.ns}/server"))
    assert said.count("[+] pod") == 2 and "[+] " in said and "may call" in said and "[-]" not in said
    fails(osm(town.mesh, "verify", "connectivity", "--from-pod", f"{town.ns}/server", "--to-pod", f"{town.ns}/client"), "[-]", "may not call")
    fails(osm(town.mesh, "verify", "connectivity", "--from-pod", f"{town.ns}/nobody", "--to-pod", f"{town.ns}/client"), "there is none")
    fails(osm(town.mesh, "verify", "connectivity", "--from-pod", f"{town.ns}/client", "--to-service", f"{town.ns}/none"), "no pod of the mesh is behind it")
    fails(osm(town.mesh, "verify", "connectivity", "--from-pod", f"{town.ns}/client", "--to-ext-host", "example.com", "--to-ext-port", "0"), "[-]")


def test_verify_control_plane_health(town):
    said = ok(osm(town.mesh, "verify", "control-plane-health"))
    assert "[-]" not in said and "2 of 2 pods of the control plane are ready" in said and said.count("trusted by the API server") == 2
    town.mesh.kubectl("-n", SYSTEM, "delete", "service", "osm-injector")
    said = fails(osm(town.mesh, "verify", "control-plane-health"), "[-] services osm-injector is missing", "[-] Service osm-injector has 0 ready endpoints")
    assert "not healthy" in said
    ok(osm(town.mesh, "mesh", "upgrade"))
    eventually(lambda: osm(town.mesh, "verify", "control-plane-health").returncode == 0)
    fails(osm(town.mesh, "verify", "control-plane-health", "--osm-namespace", "default"), "there is no control plane in namespace default")


def test_support_bug_report(town, tmp_path):
    town.mesh.kubectl("-n", town.ns, "create", "secret", "generic", "hidden", "--from-literal=word=never-to-be-seen")
    out = tmp_path / "r.tar.gz"
    said = ok(osm(town.mesh, "support", "bug-report", "-o", str(out)))
    assert f"{out} holds" in said and "could not be had" not in said
    with tarfile.open(out) as archive:
        texts = {m.name.removeprefix("./"): archive.extractfile(m).read().decode(errors="replace") for m in archive if m.isfile()}
    assert json.loads(texts["status.json"])["proxies"]["accepted"] == 2
    assert "hidden" in texts[f"namespaces/{town.ns}/secrets.names"]
    assert json.loads(texts[f"pods/{town.ns}/client/config_dump"])["configs"] and texts[f"pods/{town.ns}/server/envoy.log"]
    assert "kind: TrafficTarget" in texts["kinds/traffictargets.yaml"] or "traffictargets" in texts["kinds/traffictargets.yaml"].lower()
    assert [name for name in texts if name.startswith(f"pods/{SYSTEM}/") and name.endswith("osm-controller.log")]
    assert not [name for name, text in texts.items() if "never-to-be-seen" in text or "PRIVATE KEY" in text]
    some = tmp_path / "some.tar.gz"
    ok(osm(town.mesh, "support", "bug-report", "-o", str(some), "--app-pods", f"{town.ns}/client"))
    with tarfile.open(some) as archive:
        names = archive.getnames()
    assert f"./pods/{town.ns}/client/stats" in names and f"./pods/{town.ns}/server/stats" not in names
    fails(osm(town.mesh, "support", "bug-report", "-o", str(tmp_path / "no/such/r.tgz")), "tar could not write")
