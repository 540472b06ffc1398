"""Certificates that live a minute, under load while everything else of this file goes wrong: policy that changes while
proxies come, and Envoy, agent and controller killed in turn. A mesh of its own, as its certificates are short; the load
begins with it and is judged near the end."""
import os
import re
import signal
import threading

import pytest
from conftest import TrafficMesh, eventually, local
from harness import EVERY, TCP, World, account, http_rule, inside, peer, service, target, tcp_rule

LIFE = 60  # seconds
PODS = ("peer", "rock", "steady", "victim")
ACCOUNTS = ("steady", "rock", "peer", "late", "victim")


def every(name, *sources, to="peer"):
    return target(name, http_rule("every"), tcp_rule("tcp"), sources=sources, to=to)


STEADY = (EVERY, TCP, every("steady", "d/steady", to="rock"))  # what no test of this file touches
VICTIM = every("victim", "d/victim")


class Faults(World):
    def up(self):
        self.mesh.up("--min-validity", f"{LIFE}s")
        self.verb("wait", "--timeout", "60s")

    def rules(self, *more, **settings):
        self.mesh.policy(*STEADY, *more, **settings)

    def certificates(self, pod):
        """Seconds that each certificate of the pod was to live, the first one first."""
        return [int(n) for n in re.findall(r"is in place; it ends in (\d+) s", self.mesh.osm("logs", pod, "-c", "envoy").stdout)]

    def sidecar(self, pod):
        return next(c for c in self.pod(pod)["status"]["initContainerStatuses"] if c["name"] == "envoy")

    def kill(self, pod, what):
        """SIGKILL to one of the sidecar's processes."""
        eventually(lambda: self.mesh.osm("exec", pod, "-c", "c", "--", "sh", "-c", f"kill -9 $({what})").returncode == 0)

    def controller(self):
        namespace = os.readlink(f"/proc/{self.mesh.pid()}/ns/pid")
        for pid in inside(namespace):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().split(b"\0")[1:2] == [b"controller"]:
                    return int(pid)
        return None

    def held(self, pod):
        """What the pod's Envoy holds: {kind: {name: version}}."""
        return {kind: {name: r["version"] for name, r in of.items()} for kind, of in self.dump(pod).items()}

    def all_held(self):
        return {p: (self.address(f"d/{p}"), self.held(f"d/{p}")) for p in PODS}


LOADS = {"kept": {"pause": 0.02}, "anew": {"pause": 0.05, "headers": [["connection", "close"]]}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if os.geteuid() != 0 or not local.find_osm() or not local.find_envoy():
        pytest.skip("needs root, osm and Envoy")
    mesh = TrafficMesh(tmp_path_factory.mktemp("faults"))
    mesh.validity = "10m"  # the shortest that a MeshConfig may say; --min-validity is what it means here
    w = Faults(mesh)
    w.save("world.yaml", *(account(n) for n in ACCOUNTS), peer("peer", "http:8080", "tcp:9000"), peer("rock", "http:8080", "tcp:9000"),
           peer("steady"), peer("victim"), service("peer", {"app": "peer"}), service("rock", {"app": "rock"}))
    w.save("policy.yaml", *mesh.policy_objects(*STEADY))
    w.up()
    w.first_run = w.all_held()
    steady = w.caller("d/steady")
    for name, more in LOADS.items():
        steady("load", "rock.d", name=name, **more)
    steady("hold", "rock.d", 100, name="tcp")
    yield w
    w.end()
    done = mesh.down()
    assert done.returncode == 0, done.stderr


def test_the_settings_hold_for_the_first_certificate_already(world):
    for name in PODS:
        assert 0 < world.certificates(f"d/{name}")[0] <= LIFE, "not a day, the life without settings"


# ---- proxies that come before, while and after policy changes ----

class Edits:
    """Policy is saved again and again, switched each time; ends with the one asked for."""

    def __init__(self, *states):
        self.states, self.n, self.is_over = states, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over.wait(0.03):
            self.states[self.n % len(self.states)]()
            self.n += 1

    def end(self):
        self.is_over.set()
        self.thread.join()
        assert self.n > 10, "too few changes to have come between anything"


def judged(world, pods, status, echo):
    for name in pods:
        caller = world.caller(f"d/{name}")
        assert (caller.get("peer.d"), caller.echo("peer.d")) == (status, echo), name
    fresh = world.held(f"d/{pods[-1]}")
    assert fresh["Listeners"] and fresh["Clusters"]
    for name in pods[:-1]:
        held = world.held(f"d/{name}")
        assert held["Listeners"] == fresh["Listeners"], "one account, one configuration"
        for kind in ("Clusters", "Routes"):  # these may wait for connections to drain before they are removed
            assert fresh.get(kind, {}).items() <= held.get(kind, {}).items()


@pytest.mark.parametrize("is_open", [True, False])
def test_proxies_that_come_before_during_and_after_changes_end_with_the_right_policy(world, is_open):
    state = "open" if is_open else "closed"
    pods = [f"{when}-{state}" for when in ("before", "during1", "during2", "after")]
    late = lambda name: peer(name, sa="late", labels={"app": "late"})
    world.rules()
    world.add(f"{pods[0]}.yaml", late(pods[0]))
    save = lambda *more: world.save("policy.yaml", *world.mesh.policy_objects(*STEADY, *more))
    edits = Edits(lambda: save(every("late", "d/late")), save)
    for name in pods[1:3]:
        world.save(f"{name}.yaml", late(name))
    eventually(lambda: all(world.pod(f"d/{n}") and local.is_ready(world.pod(f"d/{n}")) for n in pods[1:3]), 60)
    edits.end()
    world.rules(*([every("late", "d/late")] if is_open else []))
    world.add(f"{pods[3]}.yaml", late(pods[3]))
    judged(world, pods, *((200, "peer") if is_open else ("closed", "closed")))
    for name in pods:
        world.remove(f"{name}.yaml", f"d/{name}")


# ---- killed in turn ----

class Attempts:
    """Calls from a pod to where it may not, without pause: none may ever succeed."""

    def __init__(self, world, pod, **where):
        self.caller, self.where = world.caller(pod), where

    def __enter__(self):
        self.caller("load", self.where["host"], self.where.get("port", 80), name="forbidden", pause=0.005)
        return self

    def seen(self):
        return self.caller("load_count", name="forbidden")["n"]

    def __exit__(self, *_):
        seen = self.caller("load_end", name="forbidden")["seen"]
        assert seen and set(seen) <= {"closed", "refused", "403", "503", "silence"}, set(seen)


def resumes(world, pod):
    eventually(lambda: world.caller(pod).get("peer.d") == 200, 30, f"{pod} calls again")


def test_a_killed_envoy_comes_back_with_its_policy_and_nothing_passes_meanwhile(world):
    world.rules(VICTIM)
    resumes(world, "d/victim")
    before, held = world.sidecar("d/victim"), world.held("d/victim")
    with Attempts(world, "d/victim", host=world.address("d/peer"), port=15003) as attempts:
        for _ in range(3):
            world.kill("d/victim", "pgrep -x envoy")
            seen = attempts.seen()
            eventually(lambda: attempts.seen() > seen + 20)
        resumes(world, "d/victim")
    assert eventually(lambda: world.held("d/victim") == held)
    assert world.sidecar("d/victim")["restartCount"] == before["restartCount"], "the agent lives on"


def test_a_killed_envoy_never_opens_what_policy_closes(world):
    world.rules()
    with Attempts(world, "d/victim", host="peer.d") as attempts:
        for what in ("pgrep -x envoy", "pgrep -o -u 1500"):  # then the agent, and Envoy with it
            world.kill("d/victim", what)
            seen = attempts.seen()
            eventually(lambda: attempts.seen() > seen + 20)
            eventually(lambda: world.sidecar("d/victim")["ready"], 30)
    world.rules(VICTIM)
    resumes(world, "d/victim")


def test_a_killed_agent_comes_back_and_gets_a_certificate_of_its_own(world):
    world.rules(VICTIM)
    resumes(world, "d/victim")
    restarts, had = world.sidecar("d/victim")["restartCount"], len(world.certificates("d/victim"))
    world.kill("d/victim", "pgrep -o -u 1500")
    eventually(lambda: world.sidecar("d/victim")["restartCount"] == restarts + 1)
    resumes(world, "d/victim")
    assert len(world.certificates("d/victim")) > had


def test_a_killed_controller_obeys_what_was_saved_while_it_was_away(world):
    world.rules(VICTIM)
    resumes(world, "d/victim")
    for more, status in (((), "closed"), ((VICTIM,), 200)):
        first = world.controller()
        os.kill(first, signal.SIGKILL)
        world.save("policy.yaml", *world.mesh.policy_objects(*STEADY, *more))
        eventually(lambda: world.controller() not in (None, first))
        eventually(lambda: world.caller("d/victim").get("peer.d") == status, 20)


# ---- what went on all the time ----

def test_three_renewals_of_every_certificate_cost_no_request_and_no_connection(world):
    pods = ("d/steady", "d/rock")
    eventually(lambda: all(len(world.certificates(p)) >= 4 for p in pods), 4 * LIFE, "three renewals")
    steady = world.caller("d/steady")
    for name in LOADS:
        seen = steady("load_end", name=name)["seen"]
        assert len(seen) > 500 and set(seen) == {"rock"}, (name, {s: seen.count(s) for s in set(seen)})
    assert steady("line", name="tcp", say="still") == {"got": "rock:still"}, "one TCP connection through all of them"
    for p in pods:
        assert max(world.certificates(p)) <= LIFE


# ---- settings that change while proxies come; connections may end here ----

def test_the_mode_may_change_while_proxies_come(world):
    world.rules()
    mode = lambda permissive: world.save("policy.yaml", *world.mesh.policy_objects(*STEADY, permissive=permissive))
    for permissive in (True, False):
        edits = Edits(lambda: mode(True), lambda: mode(False))
        names = [f"mode{permissive:d}{i}" for i in range(2)]
        for name in names:
            world.save(f"{name}.yaml", peer(name, sa="late", labels={"app": "late"}))
        eventually(lambda: all(world.pod(f"d/{n}") and local.is_ready(world.pod(f"d/{n}")) for n in names), 60)
        edits.end()
        world.rules(permissive=permissive)
        judged(world, names, *((200, "peer") if permissive else ("closed", "closed")))
        for name in names:
            world.remove(f"{name}.yaml", f"d/{name}")


# ---- equal input, equal bytes ----

def test_two_runs_give_every_envoy_the_same_bytes(world):
    """The second run starts from nothing but the input: new certificates, new state, another order of arrival."""
    world.end()
    world.callers.clear()
    assert world.mesh.down().returncode == 0
    world.save("policy.yaml", *world.mesh.policy_objects(*STEADY))
    world.up()
    eventually(lambda: world.all_held() == world.first_run, what=f"{world.all_held()} is {world.first_run}")
    assert {"Listeners", "Clusters", "Endpoints", "Routes"} <= world.first_run["steady"][1].keys()
