"""osm policy check-conflicts: which of a controller's diagnostics it shows. The controller is a stand-in that says them."""
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

SOURCE = Path(os.environ.get("OSM_SOURCE", Path(__file__).resolve().parents[2]))
OSM = Path(os.environ.get("OSM_BUILD", SOURCE / "build")) / "osm"
SAID = [("E8006", "IngressBackend shop/a"), ("E8006", "Retry other/r"), ("E2007", "TrafficSplit third/s"), ("E2000", "Egress shop/e"),
        ("E8006", "Telemetry shop/t"), ("E8006", "UpstreamTrafficSetting other/u"), ("E8005", "Retry shop/absent")]
STATUS = json.dumps({"diagnostics": [{"code": c, "object": o, "where": "f:1", "text": "t", "error": True} for c, o in SAID]}).encode()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(STATUS)))
        self.end_headers()
        self.wfile.write(STATUS)

    def log_message(self, *_):
        pass


@pytest.fixture
def conflicts(tmp_path):
    server = ThreadingUnixStreamServer(str(tmp_path / "controller.sock"), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def ask(*args):
        done = subprocess.run([OSM, "policy", "check-conflicts", *args], env=dict(os.environ, OSM_STATE=str(tmp_path)), text=True,
                              capture_output=True, timeout=30)
        return done.returncode, [" ".join(line.split()[1:3]) for line in done.stdout.splitlines()[1:]]

    yield ask
    server.shutdown()
    server.server_close()


def test_conflicts_of_every_kind_by_kind_and_namespace(conflicts):
    assert conflicts() == (1, [o for _, o in SAID[:-1]]), "what refers to nothing contradicts nothing"
    assert conflicts("-n", "shop") == (1, ["IngressBackend shop/a", "Egress shop/e", "Telemetry shop/t"])
    assert conflicts("--namespaces", "third,other") == (1, ["Retry other/r", "TrafficSplit third/s", "UpstreamTrafficSetting other/u"])
    assert conflicts("ingressbackends") == (1, ["IngressBackend shop/a"])
    assert conflicts("retry", "-n", "shop") == (0, [])
    assert conflicts("Gateway")[0] == 2
