"""One suite for every Kubernetes cluster: it needs a kubeconfig and nothing else.

KUBECONFIG names the cluster. Without it the tests start the API server of tests/kube/apiserver. No test may assume
which one it is on; one that needs more than an API says so (`cluster.needs_nodes()`) and is skipped where that is not
there. All changes are made by kubectl, so that they come as users make them."""
import ctypes
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SOURCE = Path(os.environ.get("OSM_SOURCE", Path(__file__).resolve().parents[2]))
TOOLS = SOURCE / ".deps" / "kube"
CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1
POD_GATEWAY = "10.244.0.1"  # this side of every pod's link, as the local platform has it

libc = ctypes.CDLL(None, use_errno=True)


def eventually(check, seconds=20, what=""):
    """The first true value of check(); it is asked again until the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what() if callable(what) else what or check}"
        time.sleep(0.05)


def ends_with_us():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(command, log, **more):
    """A process that ends with this one; it prints one line when it is ready."""
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=log.open("w"), preexec_fn=ends_with_us, **more)
    line = process.stdout.readline().strip()
    assert line, f"{command[0]} did not start:\n{log.read_text()}"
    return process, line


class Cluster:
    """kubectl, and what tests say with it."""

    def __init__(self, kubeconfig):
        self.env = dict(os.environ, KUBECONFIG=str(kubeconfig))
        self.program = shutil.which("kubectl") or str(TOOLS / "kubectl")
        self.made = []
        self.numbers = itertools.count()

    def needs_nodes(self):
        """For tests whose pods must run."""
        ready = [n for n in self.get("nodes") if any(c["type"] == "Ready" and c["status"] == "True" for c in n["status"].get("conditions", []))]
        if not ready:
            pytest.skip("this cluster has no node that is ready")

    def run(self, *args, stdin=None, timeout=60):
        return subprocess.run([self.program, *args], env=self.env, text=True, errors="replace", input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, timeout=timeout)

    def kubectl(self, *args, stdin=None, timeout=60):
        done = self.run(*args, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"kubectl {' '.join(args)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *args, stdin=None):
        """What kubectl says when the server does not accept it."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(args)} was accepted\n{done.stdout}"
        return done.stderr

    @staticmethod
    def text(docs):
        return "".join("---\n" + (d if isinstance(d, str) else json.dumps(d)) + "\n" for d in docs)

    def apply(self, *docs):
        """Manifests: text, or one dictionary per object."""
        return self.kubectl("apply", "-f", "-", stdin=self.text(docs))

    def delete(self, *docs):
        return self.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=self.text(docs))

    def get(self, what, name=None, ns=None, selector=None):
        """The object; without a name the list's items; None when it is not there."""
        where = ["-n", ns] if ns else []
        more = [name] if name else []
        more += ["-l", selector] if selector else []
        done = self.run("get", what, *more, *where, "-o", "json")
        if done.returncode and "NotFound" in done.stderr:
            return None
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return found if name else found["items"]

    def wait(self, what, condition, ns=None, seconds=60):
        """kubectl wait: |condition| is "condition=Ready", "delete", "jsonpath=..."."""
        return self.kubectl("wait", what, f"--for={condition}", f"--timeout={seconds}s", *(["-n", ns] if ns else []), timeout=seconds + 10)

    def namespace(self, name, **labels):
        """A namespace of that name and a number of its own, which no other ever has: the last one may still be going. It
        goes at the end of the test."""
        name = f"{name}-{os.getpid()}-{next(self.numbers)}"
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        self.made.append(name)
        eventually(lambda: self.get("serviceaccount", "default", name), what="its default account")
        return name

    def clean(self):
        if self.made:
            self.kubectl("delete", "namespace", "--ignore-not-found", "--wait=false", *self.made)
        self.made = []


def own_network():
    """This process, and all that it starts from now on, in a network namespace of its own: the node's pods are linked to
    it, and nothing of them is seen on the machine."""
    if libc.unshare(CLONE_NEWNET) != 0:
        pytest.skip("needs root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def find_osm():
    for path in (os.environ.get("OSM"), *(f"{build}/osm" for build in (os.environ.get("OSM_BUILD"), SOURCE / "build-asan", SOURCE / "build") if build)):
        if path and Path(path).is_file():
            return str(path)
    return None


# What stands for images on our node; on a full cluster they must be ones that it can pull.
IMAGE = os.environ.get("OSM_IMAGE", "osm-test/osm:1")
DEMO_IMAGE = os.environ.get("OSM_DEMO_IMAGE", "osm-demo/bookstore:1")


def image_table(path):
    """Our own programs laid over this machine's root; every other image is that root alone."""
    programs = path / "image/usr/local/bin"
    programs.mkdir(parents=True)
    shutil.copy(find_osm(), programs / "osm")
    demo = Path(find_osm()).parent / "demo/image"
    layers = [{"match": "osm-test/*", "layer": str(path / "image")}, *([{"match": "osm-demo/*", "layer": str(demo)}] if demo.is_dir() else [])]
    layers.append({"match": "registry.invalid/*", "absent": True})
    table = path / "images.yaml"
    table.write_text(json.dumps({"images": layers}))
    return str(table)


class Ours:
    """The test API server, and this machine as its node (`osm local node`)."""

    def __init__(self, path):
        if not find_osm():
            pytest.skip("osm is not built")
        if subprocess.run([SOURCE / "tests/kube/build"], stdout=subprocess.DEVNULL).returncode:
            pytest.fail("the test API server could not be built: tests/kube/build says why")
        own_network()
        self.path = path
        self.env = dict(os.environ, OSM_STATE=str(path / "node"), ASAN_OPTIONS="detect_leaks=0")
        if (SOURCE / ".deps/envoy/envoy").is_file():
            self.env.setdefault("ENVOY", str(SOURCE / ".deps/envoy/envoy"))
        server = [str(TOOLS / "apiserver"), "--dir", str(path / "kube"), "--address", "0.0.0.0", "--advertise", POD_GATEWAY, "--runner", find_osm()]
        self.server, self.kubeconfig = start(server, path / "apiserver.log", env=self.env)
        node = [find_osm(), "local", "node", "--kubeconfig", self.kubeconfig, "--name", "local", "--images", image_table(path)]
        self.node, line = start(node, path / "node.log", env=self.env)
        while line and "is ready" not in line:
            line = self.node.stdout.readline()
        assert line, (path / "node.log").read_text()

    def end(self):
        for process in (self.node, self.server):
            process.terminate()
            process.wait()


def is_shared():
    """Has the cluster other users than these tests? OSM_TEST_OWN=1 says that it has none, and that pods reach this
    machine's addresses: then tests also install and uninstall the mesh as they like."""
    return "KUBECONFIG" in os.environ and "OSM_TEST_OWN" not in os.environ


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory):
    given = os.environ.get("KUBECONFIG")
    if given:
        yield Cluster(given)
        return
    ours = Ours(tmp_path_factory.mktemp("cluster"))
    yield Cluster(ours.kubeconfig)
    ours.end()


def osm(cluster, *args, timeout=120):
    return subprocess.run([find_osm(), *args], env=cluster.env, text=True, capture_output=True, timeout=timeout)


@pytest.fixture(scope="module")
def mesh(whole_cluster):
    """The cluster with the control plane installed in osm-system; uninstalled when the module is done."""
    whole_cluster.needs_nodes()
    if os.environ.get("KUBECONFIG") and "OSM_IMAGE" not in os.environ:
        pytest.skip("OSM_IMAGE names an image of osm that this cluster can pull")
    done = osm(whole_cluster, "install", "--image", IMAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    yield whole_cluster
    done = osm(whole_cluster, "uninstall", "mesh", "-f", "--delete-namespace")
    assert done.returncode == 0, done.stdout + done.stderr
    whole_cluster.wait("namespace/osm-system", "delete")


@pytest.fixture
def cluster(whole_cluster):
    yield whole_cluster
    whole_cluster.clean()
