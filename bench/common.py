"""What the measurements share: results, a mesh of their own, processes and their memory."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("OSM_BUILD", ROOT / "build")).resolve()
OSM = BUILD / "osm"
PING = BUILD / "bench/image/usr/local/bin/bench_ping"
MANIFESTS = ROOT / "bench" / "manifests"


class Impossible(Exception):
    """The machine lacks what a measurement needs, or something did not come up."""


def result(name, value, unit, goal=None, floor=None, peer=None):
    """|goal|: at most so much. |floor|: the best that could be, measured in the same run. |peer|: what the archived
    system does, as its documents or sources say."""
    met = None if goal is None else bool(value <= goal)
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "met": met,
            "floor": None if floor is None else round(floor, 3), "peer": peer}


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def run(*args, timeout=120, env=None, input=None):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, env=env, input=input)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-600:]
        raise Impossible(f"{' '.join(str(a) for a in args[:6])} ended with {done.returncode}: {words}")
    return done.stdout


def find_envoy():
    for path in (os.environ.get("ENVOY"), ROOT / ".deps/envoy/envoy", shutil.which("envoy")):
        if path and Path(path).is_file():
            return str(path)
    raise Impossible("no Envoy: tools/deps demo fetches it, or ENVOY names one")


def wait_for(what, ready, seconds=30, every=0.01):
    end = time.monotonic() + seconds
    while True:
        seen = ready()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Impossible(f"{what}: not within {seconds} s")
        time.sleep(every)


def note(text):
    print(f"    {text}", file=sys.stderr, flush=True)


class Mesh:
    """`osm local up` of a folder of its own, with its own state: another mesh on this machine is left alone."""

    def __init__(self, *files, images=None, texts=None):
        self.home = Path(tempfile.mkdtemp(prefix="osm-bench-"))
        self.dir, self.state, self.staging = self.home / "cluster", self.home / "state", self.home / "staging"
        for d in (self.dir, self.staging):
            d.mkdir()
        for file in files:
            shutil.copy(file, self.dir)
        for name, text in (texts or {}).items():
            (self.dir / name).write_text(text)
        self.images = images or self.home / "images.yaml"
        if not images:
            self.images.write_text(f"images:\n- match: bench/*\n  layer: {PING.parents[3]}\n")
        self.env = {**os.environ, "OSM_STATE": str(self.state), "ENVOY": find_envoy()}

    def __enter__(self):
        try:
            self.osm("local", "up", self.dir, "--state", self.state, "--images", self.images, "-d")
            self.osm("wait", "--timeout", "90s", timeout=100)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([str(OSM), "local", "down", "--state", str(self.state)], capture_output=True, env=self.env)
        if os.environ.get("BENCH_KEEP"):
            note(f"kept: {self.home}")
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    def osm(self, *args, timeout=100):
        return run(OSM, *args, timeout=timeout, env=self.env)

    def save(self, name, text):
        """As an editor does: written beside, renamed into place. Returns the unix time in ns just before."""
        staged = self.staging / name
        staged.write_text(text)
        begin = time.time_ns()
        os.rename(staged, self.dir / name)
        return begin

    def accepted(self):
        self.osm("wait", "--for", "accepted", "--timeout", "30s")

    def status(self):
        return json.loads(self.osm("status", "-o", "json"))

    def exec(self, pod, *command, **kw):
        return self.osm("local", "exec", pod, "--", *command, **kw)

    def exec_start(self, pod, *command):
        args = [str(OSM), "local", "exec", pod, "--", *[str(c) for c in command]]
        return subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=self.env)

    def pod_object(self, ns, name):
        """The pod's object with its status, as the platform writes it; None when absent."""
        for path in (self.state / "objects").rglob("*.json"):
            try:
                doc = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if doc.get("kind") == "Pod" and (doc["metadata"]["namespace"], doc["metadata"]["name"]) == (ns, name):
                return doc
        return None

    def address(self, ns, name):
        doc = self.pod_object(ns, name)
        if not doc:
            raise Impossible(f"no pod {ns}/{name}")
        return doc["status"]["podIP"]

    def processes(self):
        """pid → command line, of everything below the supervisor."""
        parents, commands = {}, {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
        mine, found = supervisor_pid(self.state), {}
        for pid in commands:
            at = pid
            while at and at != mine:
                at = parents.get(at, 0)
            if at == mine:
                found[pid] = commands[pid]
        return found

    def of_pod(self, uid):
        """Processes in the network namespace of the pod's agent."""
        all_of = self.processes()
        for pid in all_of:
            if environment(pid).get("POD_UID") == uid:
                space = net_of(pid)
                return {p: c for p, c in all_of.items() if net_of(p) == space}
        raise Impossible(f"no process of pod {uid}")


def supervisor_pid(state):
    return int((state / "supervisor.pid").read_text().split()[0])


def environment(pid):
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(p.partition("=")[::2] for p in pairs)


def net_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def pin(pids, core):
    """All threads of the processes on one core."""
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), {core})
        except OSError:
            continue


def cpu_ns(pids):
    """CPU time that the processes have had since their start."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total


def memory_kb(pid):
    """{"private": memory that no other process shares and no file backs, "pss": ...} in kB."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            values[words[0].rstrip(":")] = int(words[1])
    return {"private": values["Anonymous"], "pss": values["Pss"], "rss": values["Rss"]}


def is_envoy(command):
    return os.path.basename(command[0]) == "envoy"


def is_agent(command):
    return command[1:2] == ["agent"]


class Children:
    """Processes that end with the measurement."""

    def __init__(self):
        self.all = []

    def __enter__(self):
        return self

    def start(self, *args, **kw):
        child = subprocess.Popen([str(a) for a in args], **kw)
        self.all.append(child)
        return child

    def __exit__(self, *_):
        for child in self.all:
            child.send_signal(signal.SIGTERM)
        for child in self.all:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout:
                child.stdout.close()
