"""A controller beside the cluster follows what kubectl does, and survives that definitions come and go."""
import json
import subprocess

import pytest

from conftest import eventually, find_osm
from test_crds import crds, target  # noqa: F401 (a fixture)


@pytest.fixture
def controller(cluster, tmp_path):
    """Runs until the test ends; a call gives its status."""
    system = cluster.namespace("system")
    socket = tmp_path / "api.sock"
    command = [find_osm(), "controller", "--kubeconfig", cluster.env["KUBECONFIG"], "--osm-namespace", system, "--mesh-name", system,
               "--state", str(tmp_path), "--api", str(socket), "--address", "127.0.0.1", "--port", "0", "--http-port", "0"]
    log = tmp_path / "log"
    process = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)

    def status():
        done = subprocess.run(["curl", "-s", "--unix-socket", str(socket), "http://osm/v1/status"], text=True, capture_output=True)
        return json.loads(done.stdout) if done.stdout.startswith("{") else {}

    eventually(lambda: status().get("objects", {}).get("Namespace"), what=log.read_text)
    yield system, status
    process.terminate()
    assert process.wait(20) == 0, log.read_text()


def test_namespaces_and_policy_are_followed(cluster, controller):
    system, status = controller
    ns = cluster.namespace("shop", **{"openservicemesh.io/monitored-by": system})
    cluster.apply(target(ns))
    eventually(lambda: status()["objects"].get("TrafficTarget"), what=lambda: status())
    cluster.delete(target(ns))
    eventually(lambda: not status()["objects"].get("TrafficTarget"), what=lambda: status())
