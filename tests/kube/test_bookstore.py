"""The bookstore on Kubernetes: installed, injected by the webhook, measured by the applications' own counters; the
story of demo/story, told by kubectl."""
import json
import os
import time

import pytest

from conftest import DEMO_IMAGE, SOURCE, eventually

DEMO, POLICIES = SOURCE / "demo/bookstore", SOURCE / "demo/policies"
WORKLOADS = {"bookbuyer": "bookbuyer", "bookthief": "bookthief", "bookstore-v1": "bookstore", "bookstore-v2": "bookstore", "bookwarehouse": "bookwarehouse"}


class Bookstore:
    def __init__(self, cluster):
        self.cluster = cluster

    def apply(self, path):
        self.cluster.kubectl("apply", "-f", "-", stdin=path.read_text().replace("osm-demo/bookstore:1", DEMO_IMAGE))

    def exec(self, name, *command, container=None):
        more = ["-c", container] if container else []
        return self.cluster.run("exec", "-n", WORKLOADS[name], f"deploy/{name}", *more, "--", *command)

    def raw(self, name, path="/raw"):
        """The counters of a workload; none while it does not answer."""
        done = self.exec(name, "bookbuyer", "get", f"http://127.0.0.1:14001{path}", container=name.removesuffix("-v1").removesuffix("-v2"))
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def moved(self, seconds):
        """How far every counter goes within that time."""
        before = {name: self.raw(name) for name in WORKLOADS}
        time.sleep(seconds)
        return {name: {k: v - before[name][k] for k, v in self.raw(name).items() if isinstance(v, int)} for name in WORKLOADS}

    def gets(self, name, *codes, seconds=30):
        eventually(lambda: self.raw(name).get("lastCode") in codes, seconds, lambda: f"{name} gets {self.raw(name)}")

    def share_of_v2(self):
        moved = self.moved(3)["bookbuyer"]
        assert moved["requests"] == moved["ok"] > 0, moved
        return moved["booksBoughtV2"] / moved["booksBought"]


@pytest.fixture(scope="module")
def bookstore(mesh):
    if os.environ.get("KUBECONFIG") and "OSM_DEMO_IMAGE" not in os.environ:
        pytest.skip("OSM_DEMO_IMAGE names the demo's image where this cluster can pull it")
    store = Bookstore(mesh)
    for path in sorted(DEMO.glob("*.yaml")):
        store.apply(path)
    for name, ns in WORKLOADS.items():
        mesh.kubectl("rollout", "status", "-n", ns, f"deployment/{name}", "--timeout=120s", timeout=130)
    yield store
    mesh.kubectl("delete", "namespace", "--wait=false", *sorted({*WORKLOADS.values()}))


def test_pods_are_injected_by_the_webhook(bookstore):
    for ns in {*WORKLOADS.values()}:
        for pod in bookstore.cluster.get("pods", ns=ns):
            names = [c["name"] for c in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]]
            assert "envoy" in names and "osm-init" in names, names


def test_1_in_permissive_mode_everybody_calls(bookstore):
    bookstore.apply(POLICIES / "1-permissive/mesh.yaml")
    for who in ("bookbuyer", "bookthief"):
        bookstore.gets(who, 200)
    moved = bookstore.moved(2)
    assert moved["bookbuyer"]["booksBought"] > 0 and moved["bookthief"]["booksStolen"] > 0, moved


def test_2_in_smi_mode_without_targets_nobody_does(bookstore):
    bookstore.apply(POLICIES / "2-smi/mesh.yaml")
    for who in ("bookbuyer", "bookthief"):
        bookstore.gets(who, 0, 403)
    moved = bookstore.moved(2)
    assert moved["bookbuyer"]["ok"] == moved["bookthief"]["ok"] == 0, moved
    assert moved["bookbuyer"]["requests"] > 0


def test_3_traffic_targets_let_in_whom_they_name(bookstore):
    for name in ("routes", "targets"):
        bookstore.apply(POLICIES / f"3-targets/{name}.yaml")
    bookstore.gets("bookbuyer", 200)
    restocked = bookstore.raw("bookwarehouse")["restocked"]
    eventually(lambda: bookstore.raw("bookwarehouse").get("restocked", 0) > restocked)
    moved = bookstore.moved(2)
    assert moved["bookbuyer"]["requests"] == moved["bookbuyer"]["ok"] > 0, moved
    assert moved["bookthief"]["ok"] == 0 and moved["bookthief"]["unanswered"] > 0, moved
    assert "no_policy" in bookstore.cluster.kubectl("logs", "-n", "bookthief", "deploy/bookthief", "-c", "envoy", "--tail=200")


@pytest.mark.parametrize("step,low,high", [("4-split-100-0", 0, 0), ("5-split-50-50", 0.25, 0.75), ("6-split-0-100", 1, 1)])
def test_4_a_split_moves_the_share(bookstore, step, low, high):
    bookstore.apply(POLICIES / step / "split.yaml")
    eventually(lambda: low <= bookstore.share_of_v2() <= high, 30)


def test_5_the_controller_may_be_replaced_under_load(bookstore):
    before = bookstore.raw("bookbuyer")
    bookstore.cluster.kubectl("rollout", "restart", "-n", "osm-system", "deployment/osm-controller")
    bookstore.cluster.kubectl("rollout", "status", "-n", "osm-system", "deployment/osm-controller", "--timeout=120s", timeout=130)
    now = bookstore.raw("bookbuyer")
    assert now["ok"] - before["ok"] == now["requests"] - before["requests"] > 0


def test_6_a_refused_policy_says_what_to_do(bookstore):
    """What no schema can see, so that it is the webhook that speaks."""
    wrong = {"apiVersion": "access.smi-spec.io/v1alpha3", "kind": "TrafficTarget", "metadata": {"name": "t", "namespace": "bookstore"},
             "spec": {"destination": {"kind": "ServiceAccount", "name": "bookstore", "namespace": "elsewhere"}, "sources": [],
                      "rules": [{"kind": "TCPRoute", "name": "r"}]}}
    said = bookstore.cluster.refused("apply", "-f", "-", stdin=json.dumps(wrong))
    assert "denied the request" in said and "only in its destination's namespace" in said

