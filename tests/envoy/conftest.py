"""What the tests with the real Envoy share: plans encoded by our own code, certificates, Envoy's life."""
import copy
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pods
import pytest

SOURCE = Path(os.environ.get("OSM_SOURCE", Path(__file__).resolve().parents[2]))
HCM = "envoy.filters.network.http_connection_manager"
PATHS = "/var/run/osm"


def find_envoy():
    for path in (os.environ.get("ENVOY"), SOURCE / ".deps/envoy/envoy", shutil.which("envoy")):
        if path and Path(path).is_file():
            return str(path)
    return None


def find_tool(name):
    builds = [os.environ.get("OSM_BUILD"), SOURCE / "build-asan", SOURCE / "build"]
    for build in filter(None, builds):
        tool = Path(build) / "tests" / name
        if tool.is_file():
            return str(tool)
    return None


@pytest.fixture(scope="session")
def source():
    return SOURCE


@pytest.fixture(scope="session")
def envoy_binary():
    path = find_envoy()
    if not path:
        pytest.skip("no Envoy: set ENVOY or run tools/deps")
    return path


def camel(value):
    """The same value with its keys as the plan's tables spell them."""
    if isinstance(value, list):
        return [camel(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {re.sub(r"_(.)", lambda m: m.group(1).upper(), k): camel(v) for k, v in value.items()}


@pytest.fixture(scope="session")
def encode():
    """encode("inbound", plan, hop) → the bundle as a dict"""
    tool = find_tool("envoy_encode")
    if not tool:
        pytest.skip("no envoy_encode in the build directory (OSM_BUILD)")

    def run(kind, plan, hop=None):
        plan = plan if kind == "bootstrap" else camel(plan)
        done = subprocess.run([tool, kind, json.dumps(camel(hop or {}))], input=json.dumps(plan), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


class Authority:
    """A CA of its own, and SDS files as the agent writes them."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        directory.mkdir(parents=True, exist_ok=True)
        self.key, self.certificate = directory / f"{name}.key", directory / f"{name}.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/O={name}", "-keyout", self.key, "-out", self.certificate)

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    def issue(self, account, san=None):
        """(chain file, key file) of spiffe://cluster.local/ns/NS/sa/SA; |account| is "ns/sa"."""
        ns, sa = account.split("/")
        base = self.directory / f"{self.name}-{ns}-{sa}"
        key, csr, pem, ext = (base.with_suffix(s) for s in (".key", ".csr", ".pem", ".ext"))
        if pem.exists():
            return pem, key
        san = san or f"URI:spiffe://cluster.local/ns/{ns}/sa/{sa}"
        ext.write_text(f"subjectAltName=critical,{san}\nextendedKeyUsage=serverAuth,clientAuth\n"
                       "keyUsage=critical,digitalSignature\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/",
                     "-keyout", key, "-out", csr)
        self.openssl("x509", "-req", "-in", csr, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                     "-days", "1", "-extfile", ext, "-out", pem)
        return pem, key

    def sds(self, directory, account):
        """Writes both SDS files for |account| into |directory|."""
        pem, key = self.issue(account)
        secret = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

        def write(file, name, **content):
            response = {"resources": [{"@type": secret, "name": name, **content}]}
            (directory / file).write_text(json.dumps(response))
        write("sds-certificate.json", "osm-certificate", tls_certificate={
            "certificate_chain": {"inline_string": pem.read_text()}, "private_key": {"inline_string": key.read_text()}})
        write("sds-bundle.json", "osm-bundle", validation_context={
            "trusted_ca": {"inline_string": self.certificate.read_text()}})


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "mesh")


def hcms(listeners):
    """Every connection manager's config, to be changed in place."""
    for listener in listeners:
        for chain in listener.get("filter_chains", []) + [listener.get("default_filter_chain", {})]:
            for f in chain.get("filters", []):
                if f["name"] == HCM:
                    yield f["typed_config"]


def static_resources(*bundles):
    """The bundles as static resources: routes and endpoints stand where RDS and EDS would bring them."""
    all_of = {kind: [copy.deepcopy(r) for b in bundles for r in b.get(kind, [])]
              for kind in ("clusters", "endpoints", "listeners", "routes")}
    routes = {r["name"]: r for r in all_of["routes"]}
    assignments = {e["cluster_name"]: e for e in all_of["endpoints"]}
    for hcm in hcms(all_of["listeners"]):
        hcm["route_config"] = routes[hcm.pop("rds")["route_config_name"]]
    for cluster in all_of["clusters"]:
        if cluster.get("type") == "EDS":
            cluster["type"] = "STATIC"
            del cluster["eds_cluster_config"]
            cluster["load_assignment"] = assignments.get(cluster["name"], {"cluster_name": cluster["name"]})
    return {"clusters": all_of["clusters"], "listeners": all_of["listeners"]}


def static_bootstrap(directory, runtime, *bundles):
    """A bootstrap file in |directory|, which also stands for /var/run/osm."""
    config = {
        "node": {"id": "test", "cluster": "osm"},
        "admin": {"address": {"pipe": {"path": f"{PATHS}/admin.sock", "mode": 0o600}}},
        "static_resources": static_resources(*bundles),
        "layered_runtime": runtime,
        "stats_flush_interval": "0.2s",
    }
    file = directory / "envoy.json"
    file.write_text(json.dumps(config, indent=1).replace(PATHS, str(directory)))
    return file


@pytest.fixture(scope="session")
def runtime(encode):
    """The runtime settings of our own bootstrap: some resources rely on them."""
    return encode("bootstrap", {})["layered_runtime"]


@pytest.fixture
def validate(envoy_binary, authority, tmp_path, runtime):
    """validate(bundle, ...) or validate(bootstrap=dict): the real Envoy takes the configuration, or its words."""
    def run(*bundles, bootstrap=None):
        authority.sds(tmp_path, "ns1/server")
        file = static_bootstrap(tmp_path, runtime, *bundles)
        if bootstrap is not None:
            file.write_text(json.dumps(bootstrap).replace(PATHS, str(tmp_path)))
        done = subprocess.run([envoy_binary, "--mode", "validate", "-c", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr
    return run


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return value


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("envoy")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


class Envoy:
    """One running Envoy; |directory| holds its files, |prefix| is the command that runs it somewhere."""

    def __init__(self, binary, directory, file, prefix=(), env=None):
        self.directory = directory
        command = [*prefix, binary, "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "info",
                   "--file-flush-interval-msec", "50", "--drain-time-s", "2"]
        self.log = open(directory / "log", "w")
        self.out = directory / "log"
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, **(env or {})})

    def admin(self, path, method="GET"):
        c = UnixConnection(str(self.directory / "admin.sock"))
        c.request(method, path)
        r = c.getresponse()
        return r.status, r.read().decode()

    def is_live(self):
        assert self.process.poll() is None, self.out.read_text()[-3000:]
        try:
            return self.admin("/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


@pytest.fixture(scope="module")
def two_pods():
    """Client and server pods with captured traffic, and echo (8080) and banner (9000) in the server."""
    if os.geteuid() != 0:
        pytest.skip("needs root: makes network namespaces")
    client, server = pods.Pod("client", "10.244.0.11"), pods.Pod("server", "10.244.0.12")
    try:
        pods.join(client, server)
        server.serve(pods.ECHO, 8080)
        server.serve(pods.BANNER, 9000)
        yield client, server
    finally:
        client.close()
        server.close()


@pytest.fixture
def sidecar(envoy_binary, authority, runtime):
    """sidecar(pod, account, bundles..., ca, env) → a live Envoy as that pod's sidecar, stopped after the test"""
    running = []

    def start(pod, account, *bundles, ca=authority, env=None):
        for old in pod.directory.iterdir():
            old.unlink()
        ca.sds(pod.directory, account)
        file = static_bootstrap(pod.directory, runtime, *bundles)
        for f in pod.directory.iterdir():
            os.chown(f, pods.UID, pods.UID)
        user = pods.UID
        prefix = pod.inside("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
        e = Envoy(envoy_binary, pod.directory, file, prefix, env)
        running.append(e)
        wait_for("Envoy", e.is_live)
        return e
    yield start
    for e in running:
        e.stop()
