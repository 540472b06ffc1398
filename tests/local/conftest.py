"""Whole local meshes: `osm local up` on a folder of the test's own, in a state directory of its own."""
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SOURCE = Path(os.environ.get("OSM_SOURCE", Path(__file__).resolve().parents[2]))


def find_osm():
    for path in (os.environ.get("OSM"), *(f"{build}/osm" for build in (os.environ.get("OSM_BUILD"), SOURCE / "build-asan", SOURCE / "build") if build)):
        if path and Path(path).is_file():
            return str(path)
    return None


def find_envoy():
    for path in (os.environ.get("ENVOY"), SOURCE / ".deps/envoy/envoy", shutil.which("envoy")):
        if path and Path(path).is_file():
            return str(path)
    return None


def eventually(check, seconds=20, what=""):
    """The first true value of check(); it is asked again until the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what or check}"
        time.sleep(0.05)


class Mesh:
    """A folder of manifests and the mesh that runs it."""

    def __init__(self, path):
        self.dir, self.state = path / "app", path / "state"
        self.dir.mkdir()
        self.env = dict(os.environ, OSM_STATE=str(self.state), ASAN_OPTIONS="detect_leaks=0")
        if find_envoy():
            self.env["ENVOY"] = find_envoy()

    def osm(self, *args, timeout=60, **more):
        return subprocess.run([find_osm(), "local", *args], env=self.env, text=True, errors="replace", capture_output=True, timeout=timeout, **more)

    def save(self, name, text):
        (self.dir / ".new").write_text(text)
        (self.dir / ".new").rename(self.dir / name)

    def up(self, *args):
        done = self.osm("up", str(self.dir), "-d", *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def down(self):
        return self.osm("down")

    def pid(self):
        return int((self.state / "supervisor.pid").read_text())

    def objects(self, kind):
        found = {}
        for path in (self.state / "objects").glob(f"{kind.lower()}_*.json"):
            try:
                doc = json.loads(path.read_text())
            except FileNotFoundError:
                continue
            found[doc["metadata"]["name"]] = doc
        return found

    def pods(self, prefix=""):
        return {name: doc for name, doc in self.objects("pod").items() if name.startswith(prefix)}

    def ready(self, prefix, count=1):
        """The pods of that name once |count| of them are ready and no other is left."""
        def check():
            pods = self.pods(prefix)
            return len(pods) == count and all(is_ready(p) for p in pods.values()) and pods
        return eventually(check, 30, f"{count} pods {prefix}* ready: {json.dumps({n: p.get('status') for n, p in self.pods(prefix).items()})}")

    def exec(self, pod, *command, timeout=30, container=None):
        more = ["-c", container] if container else []
        return self.osm("exec", pod, *more, "--", *command, timeout=timeout)

    def call(self, pod, url, *more):
        return self.exec(pod, "curl", "-sS", "-m", "5", *more, url)


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def world():
    """What a mesh must not change on the machine: links, addresses, routes, rules, mounts."""
    return {what: subprocess.run(command, text=True, capture_output=True).stdout for what, command in {
        "links": ["ip", "-o", "-br", "link"], "addresses": ["ip", "-o", "-br", "addr"], "routes": ["ip", "route"], "rules": ["nft", "list", "ruleset"],
        "mounts": ["sh", "-c", "cut -d' ' -f5- /proc/self/mountinfo"]}.items()}


def inside(namespace):
    """Processes in that PID namespace or below it, zombies aside."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if "\nState:\tZ" not in (proc / "status").read_text() and os.readlink(proc / "ns/pid") == namespace:
                found.append(proc.name)
        except OSError:
            continue
    return found


@pytest.fixture
def mesh(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not find_osm():
        pytest.skip("osm is not built")
    m = Mesh(tmp_path)
    yield m
    if (m.state / "supervisor.pid").exists():
        log = m.state / "logs" / "supervisor.log"
        print(log.read_text() if log.exists() else "no log")
        done = m.down()
        if done.returncode:
            os.kill(m.pid(), signal.SIGKILL)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def meshed(mesh):
    if not find_envoy():
        pytest.skip("Envoy is not installed")
    return mesh
