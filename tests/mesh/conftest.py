"""One mesh for all tests of this folder: policy is saved and lifted by each test, pods stay."""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("local_conftest", HERE.parent / "local" / "conftest.py")
local = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(local)
eventually = local.eventually

ACCESS, SPECS = "access.smi-spec.io/v1alpha3", "specs.smi-spec.io/v1alpha4"


def indent(text, by):
    return "".join(" " * by + line for line in text.splitlines(True))


APP = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"app.py": (HERE / "app.py").read_text()}}


def pod(name, ns, labels, command, account="default"):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns, "labels": labels},
            "spec": {"serviceAccountName": account, "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "c", "image": "python", "command": command,
                                     "volumeMounts": [{"name": "app", "mountPath": "/app"}],
                                     "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                                     **({"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}} if "app.py" in command[-1] else {})}],
                     "volumes": [{"name": "app", "configMap": {"name": "app"}}]}}


SERVE, SLEEP = ["python3", "/app/app.py"], ["sleep", "100000"]
PORTS = [{"name": "http", "port": 80, "targetPort": 8080},
         {"name": "admin", "port": 8081, "targetPort": 8081, "appProtocol": "http"},
         {"name": "echo", "port": 9000, "appProtocol": "tcp"},
         {"name": "banner", "port": 9001, "appProtocol": "tcp-server-first"}]


def service(name, ns, selector, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns},
            "spec": {"selector": selector, "ports": PORTS, **spec}}


def stateful_set():
    template = pod("x", "b", {"app": "node"}, SERVE, "node")
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "node", "namespace": "b"},
            "spec": {"replicas": 2, "serviceName": "nodes", "selector": {"matchLabels": {"app": "node"}},
                     "template": {"metadata": {"labels": {"app": "node"}}, "spec": template["spec"]}}}


def accounts():
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": n, "namespace": ns}}
            for ns, n in (("a", "client"), ("a", "other"), ("b", "web"), ("b", "web2"), ("b", "node"))]


def manifests():
    return [*({**APP, "metadata": {"name": "app", "namespace": ns}} for ns in "abc"), *accounts(),
            pod("client", "a", {"app": "client"}, SLEEP, "client"), pod("other", "a", {"app": "other"}, SLEEP, "other"),
            pod("web", "b", {"app": "web", "any": "web"}, SERVE, "web"), pod("web2", "b", {"app": "web2", "any": "web"}, SERVE, "web2"),
            service("web", "b", {"app": "web"}), service("web2", "b", {"app": "web2"}), service("apex", "b", {"any": "web"}),
            service("alias", "b", {"app": "web"}), service("nodes", "b", {"app": "node"}, clusterIP="None"), stateful_set(),
            pod("stranger", "c", {}, SLEEP), pod("plain", "c", {"app": "plain"}, SERVE), service("plain", "c", {"app": "plain"})]


class TrafficMesh(local.Mesh):
    def verb(self, *args, check=True):
        done = subprocess.run([local.find_osm(), *args], env=self.env, text=True, capture_output=True, timeout=60)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self):
        return json.loads(self.verb("status", "-o", "json"))

    validity = "24h"

    def policy_objects(self, *objects, permissive=False, egress=False, over=(), **sidecar):
        """The whole policy with its MeshConfig; |over| {section: {field: value}} is put over it."""
        config = {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "MeshConfig",
                  "metadata": {"name": "osm-mesh-config", "namespace": "osm-system"},
                  "spec": {"traffic": {"enablePermissiveTrafficPolicyMode": permissive, "enableEgress": egress},
                           "sidecar": sidecar, "certificate": {"serviceCertValidityDuration": self.validity, "certKeyBitSize": 2048}}}
        for section, fields in dict(over).items():
            config["spec"][section] = {**config["spec"].get(section, {}), **fields}
        return config, *objects

    def policy(self, *objects, **settings):
        """What is given is the whole policy, obeyed by every proxy when this returns."""
        self.save("policy.yaml", "\n---\n".join(json.dumps(o) for o in self.policy_objects(*objects, **settings)))
        self.verb("wait", "--for", "accepted", "--timeout", "20s")

    def curl(self, who, url, *more):
        """(status code, body); 0: no answer."""
        done = self.osm("exec", who, "-c", "c", "--", "curl", "-s", "-m", "5", "--path-as-is", "-w", "\n%{http_code}", *more, url)
        body, _, code = done.stdout.rpartition("\n")
        return int(code or 0), body

    def python(self, who, text, *args):
        return self.osm("exec", who, "-c", "c", "--", "python3", "-c", text, *args)

    def tcp(self, who, host, port, send=""):
        """What a TCP server says to |send|; "" when it says nothing or the connection is closed."""
        text = ("import socket,sys\ntry:\n s=socket.create_connection((sys.argv[1],int(sys.argv[2])),5); s.settimeout(5)\n"
                " s.sendall(sys.argv[3].encode()); print(s.recv(100).decode(),end='')\nexcept OSError: pass")
        return self.python(who, text, host, str(port), send).stdout

    def address(self, ns, name):
        return json.loads((self.state / "objects" / f"pod_{ns}_{name}.json").read_text())["status"]["podIP"] \
            if (self.state / "objects" / f"pod_{ns}_{name}.json").exists() else self.pods(name)[name]["status"]["podIP"]

    def outer(self, *command, **more):
        """A command in the network of the whole local cluster, outside all pods."""
        return subprocess.Popen(["nsenter", "-t", str(self.pid()), "-n", *command], text=True, stdout=subprocess.PIPE, **more)


@pytest.fixture(scope="session")
def mesh(tmp_path_factory):
    if os.geteuid() != 0 or not local.find_osm() or not local.find_envoy():
        pytest.skip("needs root, osm and Envoy")
    m = TrafficMesh(tmp_path_factory.mktemp("mesh"))
    m.save("app.yaml", "\n---\n".join(json.dumps(o) for o in manifests()))
    m.up("--no-mesh", "c")
    m.verb("wait", "--timeout", "60s")
    yield m
    done = m.down()
    assert done.returncode == 0, done.stderr


# ---- policy, in short ----

def routes(name, *matches, ns="b"):
    return {"apiVersion": SPECS, "kind": "HTTPRouteGroup", "metadata": {"name": name, "namespace": ns}, "spec": {"matches": list(matches)}}


def tcp_route(name, *ports, ns="b"):
    return {"apiVersion": SPECS, "kind": "TCPRoute", "metadata": {"name": name, "namespace": ns},
            "spec": {"matches": {"ports": list(ports)}} if ports else {"matches": {}}}


def target(name, *rules, sources=("client",), to="web", ns="b"):
    return {"apiVersion": ACCESS, "kind": "TrafficTarget", "metadata": {"name": name, "namespace": ns},
            "spec": {"destination": {"kind": "ServiceAccount", "name": to, "namespace": "b"}, "rules": list(rules),
                     "sources": [{"kind": "ServiceAccount", "name": s, "namespace": "a"} for s in sources]}}


def http_rule(name, *matches):
    return {"kind": "HTTPRouteGroup", "name": name, **({"matches": list(matches)} if matches else {})}


def split(root, **weights):
    return {"apiVersion": "split.smi-spec.io/v1alpha2", "kind": "TrafficSplit", "metadata": {"name": "split", "namespace": "b"},
            "spec": {"service": root, "backends": [{"service": s, "weight": w} for s, w in weights.items()]}}


@pytest.fixture(scope="session")
def world(mesh):
    """The same mesh with more in it: harness.py."""
    import harness
    yield from harness.run(mesh)
