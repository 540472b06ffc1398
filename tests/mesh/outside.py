"""Services outside the mesh that its proxies call: a judge, collectors, a counter of calls. Small servers of ours, or the
real programs where the environment names them (docs/tests.md): OSM_TEST_OPA, OSM_TEST_RATELIMIT with OSM_TEST_REDIS."""
import contextlib
import json
import os
import re

from conftest import HERE, eventually
from harness import PYTHON, account, peer, service

OPA, RATELIMIT = os.environ.get("OSM_TEST_OPA"), os.environ.get("OSM_TEST_RATELIMIT")
REDIS = os.environ.get("OSM_TEST_REDIS", "redis-server")


def config_map(name, **files):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "c"}, "data": files}


def container(name, command, mount=None, **env):
    return {"name": name, "image": name, "command": command, "env": [{"name": k, "value": str(v)} for k, v in env.items()],
            **({"volumeMounts": [{"name": "files", "mountPath": mount}]} if mount else {})}


def ready_at(port):
    return {"tcpSocket": {"port": port}, "periodSeconds": 1}


# ---- who judges, and who collects ----

JUDGE_PORTS = {"authz": 9191, "otlp": 4317, "zipkin": 9411, "http": 8000}
JUDGE, OPA_PORT = "judge.c.svc.cluster.local", 8181

OPA_POLICY = """
package judge

default answer := {"allowed": false, "http_status": 401, "body": "the judge says no"}

yes := {"allowed": true, "headers": {"x-judged": "well"}}

answer := yes if data.mode == "allow"

answer := yes if {
    data.mode == "by-header"
    input.attributes.request.http.headers["x-judge"] == "yes"
}

answer := yes if {
    data.mode == "slow"
    http.send({"method": "GET", "url": "http://127.0.0.1:8000/slow"})
}
"""


class Judge:
    """judge.py in a pod without sidecar."""

    def __init__(self, world):
        self.world = world
        serve = dict(JUDGE_PORTS) if not OPA else {k: v for k, v in JUDGE_PORTS.items() if k != "authz"}
        pod = peer("judge", "http:8000", ns="c")
        pod["spec"]["containers"][0]["command"] = [PYTHON, str(HERE / "judge.py"), *(f"{k}:{v}" for k, v in serve.items())]
        self.ports = [{"name": k, "port": v} for k, v in JUDGE_PORTS.items()]
        world.add("judge.yaml", account("judge", "c"), pod, *self.more(pod), service("judge", {"app": "judge"}, self.ports, ns="c"))
        self.ask = world.caller("c/stranger")

    def more(self, pod):
        return []

    def web(self, path, port=8000, method="GET", content=""):
        answer = self.ask("http", JUDGE, port, path=path, method=method, content=content)
        assert answer.get("status", 0) // 100 == 2, answer
        return answer["body"]

    def seen(self, what=None):
        """What came since the last time, of one sort or of all."""
        all_of = json.loads(self.web("/seen"))
        return all_of[what] if what else all_of

    def mode(self, how):
        """How calls are judged: allow, by-header, or slow."""
        self.web(f"/mode/authz/{how}", method="POST")

    def collect(self, what, enough, seconds=20):
        """All of one sort until |enough| of them is true."""
        found = []

        def check():
            found.extend(self.seen(what))
            return enough(found)
        eventually(check, seconds, f"{what}: {found[-3:]}")
        return found

    def end(self):
        self.world.remove("judge.yaml", "c/judge")


class OpaJudge(Judge):
    """The same with OPA's plugin for Envoy as the one that judges."""

    def more(self, pod):
        command = [OPA, "run", "--server", f"--addr=0.0.0.0:{OPA_PORT}", "--disable-telemetry", "--set=decision_logs.console=true",
                   f"--set=plugins.envoy_ext_authz_grpc.addr=:{JUDGE_PORTS['authz']}", "--set=plugins.envoy_ext_authz_grpc.path=judge/answer",
                   "/policy/judge.rego"]
        pod["spec"]["containers"].append({**container("opa", command, "/policy"), "readinessProbe": ready_at(JUDGE_PORTS["authz"])})
        pod["spec"]["volumes"] = [{"name": "files", "configMap": {"name": "policy"}}]
        self.ports.append({"name": "opa", "port": OPA_PORT})
        self.marks = self.read = 0
        return [config_map("policy", **{"judge.rego": OPA_POLICY})]

    def seen(self, what=None):
        all_of = {**super().seen(), "authz": self.judged()}
        return all_of[what] if what else all_of

    def judged(self):
        """OPA's log of decisions, up to one that is asked for now."""
        self.marks += 1
        mark = f"mark{self.marks}"
        self.web(f"/v1/data/{mark}", OPA_PORT)
        lines = eventually(lambda: (found := self.decisions()) and found[-1]["path"] == mark and found, 10, "the mark is in OPA's log")
        new, self.read = lines[self.read:-1], len(lines)
        return [shown(d["input"]["attributes"]) for d in new if d["path"] == "judge/answer"]

    def decisions(self):
        lines = self.world.mesh.osm("logs", "c/judge", "-c", "opa").stdout.splitlines()
        return [json.loads(line) for line in lines if '"decision_id"' in line]

    def mode(self, how):
        self.web("/v1/data/mode", OPA_PORT, "PUT", json.dumps(how))


def shown(attributes):
    """What a judge was shown, as judge.py says it."""
    http = attributes["request"]["http"]
    return {"principal": attributes["source"].get("principal", ""), "method": http["method"], "path": http["path"],
            "headers": http["headers"], "body": http.get("body", "")}


if OPA:
    Judge = OpaJudge


# ---- who counts ----

LIMITER, LIMITER_PORT = "limiter.c.svc.cluster.local", 8081


class Limiter:
    """limiter.py in a pod without sidecar. Proxies call it without the mesh's TLS. Its calls are counted by all entries of
    a descriptor; one whose first entry is allow=N has N to spend."""

    def __init__(self, world):
        self.world = world
        pod = peer("limiter", ns="c", sa="default")
        pod["spec"]["containers"][0]["command"] = remembered([PYTHON, str(HERE / "limiter.py")])
        pod["spec"]["containers"][0]["readinessProbe"] = ready_at(LIMITER_PORT)
        world.add("limiter.yaml", pod, *self.more(pod), service("limiter", {"app": "limiter"}, [{"name": "grpc", "port": LIMITER_PORT}], ns="c"))

    def more(self, pod):
        return []

    def lines(self):
        return self.world.mesh.osm("logs", "c/limiter", "-c", "c").stdout.splitlines()

    def asked(self):
        """Every descriptor that was counted so far, as a list of [key, value]."""
        return [d for line in self.lines() if line.startswith("{") for d in json.loads(line)["descriptors"]]

    def signal(self, name):
        done = self.world.mesh.osm("exec", "c/limiter", "-c", "c", "--", "sh", "-c", f"kill -{name} $(cat /run/pid)")
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def stopped(self):
        """It is there, and says nothing."""
        self.signal("STOP")
        yield
        self.signal("CONT")

    def end(self):
        self.world.remove("limiter.yaml", "c/limiter")


def remembered(command):
    """The same, with its process in /run/pid. A manifest says $ as $$."""
    return ["sh", "-c", 'echo $$$$ >/run/pid; exec "$@"', "sh", *command]


def limits(*allowed):
    """ratelimit's own words for allow=N: N for each value of the entry after it."""
    one = lambda n: {"key": "allow", "value": str(n), "descriptors": [
        {"key": key, "rate_limit": {"unit": "day", "requests_per_unit": n}} for key in ("generic_key", "who")]}
    return json.dumps({"domain": "test", "descriptors": [one(n) for n in allowed]})


class RealLimiter(Limiter):
    """envoyproxy/ratelimit, with its counters in a Redis beside it."""

    def more(self, pod):
        env = {"USE_STATSD": "false", "LOG_LEVEL": "debug", "REDIS_SOCKET_TYPE": "tcp", "REDIS_URL": "127.0.0.1:6379",
               "REDIS_STARTUP_INITIAL_INTERVAL": "100ms", "RUNTIME_ROOT": "/limits", "RUNTIME_WATCH_ROOT": "false", "GRPC_PORT": LIMITER_PORT}
        real = container("c", remembered([RATELIMIT]), "/limits/config", **env)
        redis = container("redis", [REDIS, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        pod["spec"]["containers"] = [{**real, "readinessProbe": ready_at(LIMITER_PORT)}, redis]
        pod["spec"]["volumes"] = [{"name": "files", "configMap": {"name": "limits"}}]
        return [config_map("limits", **{"test.yaml": limits(2, 3, 50)})]

    def asked(self):
        return [[list(pair) for pair in re.findall(r"\(([^=()]*)=([^()]*)\)", line)] for line in self.lines() if "got descriptor: " in line]


if RATELIMIT:
    Limiter = RealLimiter
