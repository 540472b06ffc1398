"""Each kind of bad input: one sentence that says where, what, and what to do; the rest runs on, and mending mends it."""
import json
import subprocess

from conftest import eventually, find_osm
from test_pods import OUT, WEB

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: %s\n"
TARGET = """apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: t, namespace: default}
spec:
  destination: {kind: ServiceAccount, name: default, namespace: default}
  %s
  rules: [{kind: HTTPRouteGroup, name: nowhere}]
"""
SOURCES = "sources: [{kind: ServiceAccount, name: default, namespace: default}]"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {%scontainers: [{name: c, image: %s}]}\n"

# name of the file → its text, the place that is said behind the name, words of the sentence
BAD = {
    "syntax": ("apiVersion: v1\nkind: Service\nmetadata: {name: x\nspec: {}\n", ":4:5", "did not find expected ',' or '}'"),
    "type": (SERVICE % ("type", "{ports: [{port: eighty}]}"), ":4:23", "spec.ports[0].port: must be a whole number"),
    "enum": (SERVICE % ("enum", "{ports: [{port: 80, protocol: TCPP}]}"), ":4:37", 'must be one of TCP, UDP, SCTP, not "TCPP"'),
    "range": (SERVICE % ("range", "{ports: [{port: 99999}]}"), ":4:23", "must be between 1 and 65535, not 99999"),
    "twice": (SERVICE % ("web", "{ports: [{port: 80}]}"), ":1", "is already given in"),
    "reference": (TARGET % SOURCES, ":1", "HTTPRouteGroup default/nowhere"),
    "typo": (TARGET % SOURCES.replace("sources", "source"), ":6:3", 'spec.source: is not a field of TrafficTargetSpec; did you mean "sources"?'),
    "regex": ("apiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: g}\nspec: {matches: [{name: a, pathRegex: '/(', methods: [GET]}]}\n",
              ":4:39", "not a valid RE2 expression: missing ): /("),
    "split": ("apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {name: s}\nspec: {service: web, backends: [{service: nobody, weight: 1}]}\n",
              ":1", "backend default/nobody is no Service of the mesh"),
    "version": (SERVICE.replace("v1\n", "v2\n", 1) % ("v", "{ports: [{port: 80}]}"), ":2:7", "unknown kind Service of v2; write apiVersion: v1"),
    "nameless": ("apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80}]}\n", ":1:1", "metadata.name: is required"),
    "big": ("#" * (10 << 20), "", "larger than 4194304 bytes"),
    "deep": ("[" * 1000 + "]" * 1000, ":1:65", "nested deeper than is read"),
    "nul": ("apiVersion: v1\nkind: Namespace\nmetadata: {name: a\0b}\n", ":3:19", "control characters are not allowed"),
    # a port in use: the application says so itself, on the outer network's DNS port
    "pods": ("---\n".join((POD % ("noimage", "", "nobody/knows"), POD % ("nocommand", "", "x, command: [nonesuch]"), POD % ("noaccount", "serviceAccountName: nobody, ", "x, command: [sleep, '9']"),
                           POD % ("noport", "hostNetwork: true, ", "x, command: [python3, -m, http.server, '53']"),
                           POD % ("limits", "", "x, command: [sleep, '9'], resources: {limits: {memory: 64Mi}}"))), None, None),
}
PODS = {"limits": "container c: resources.limits is not carried out on one machine", "noimage": "image 'nobody/knows' is not in the image table", "nocommand": "there is no command 'nonesuch' in the container",
        "noaccount": "there is no ServiceAccount default/nobody", "noport": "it ended with code 1 and is started again after 10 s; osm local logs default/noport -c c"}


def diagnostics(mesh):
    done = subprocess.run([find_osm(), "status", "-o", "json"], env=mesh.env, text=True, capture_output=True)
    return json.loads(done.stdout)["diagnostics"] if done.returncode == 0 else []


def test_each_has_its_sentence_and_the_rest_runs_on(mesh):
    mesh.save("a.yaml", WEB)
    for name, (text, _, _) in BAD.items():
        mesh.save(f"{name}.yaml", text)
    with open(mesh.dir / "half.yaml", "w") as half:  # not closed yet: a save under way
        half.write(WEB[:200])
        half.flush()
        mesh.up(*OUT)
        uid = mesh.ready("web")["web"]["metadata"]["uid"]
        mesh.ready("client")
    said = lambda where, words: any(d["where"].endswith(where) and words in d["text"] for d in diagnostics(mesh))
    for name, (_, place, words) in BAD.items():
        if words:
            eventually(lambda: said(f"{name}.yaml{place}", words), 10, (name, diagnostics(mesh)))
    for name, words in PODS.items():
        eventually(lambda: said(f"pod_default_{name}.json:1", words), 10, (name, diagnostics(mesh)))
    log = (mesh.state / "logs/controller.log").read_text()
    assert log.count("larger than 4194304 bytes") == 1 and "did not find expected ',' or '}'" in log, "the log says it, once"
    (mesh.dir / "half.yaml").unlink()
    assert mesh.call("client", "http://web/").stdout == "hello"
    mesh.save("a.yaml", WEB[:200])  # half of it, closed: the last good text holds
    eventually(lambda: any("a.yaml" in d["where"] and "last good" in d["text"] for d in diagnostics(mesh)))
    assert mesh.call("client", "http://web/").stdout == "hello"
    mesh.save("a.yaml", WEB)
    for name in BAD:
        (mesh.dir / f"{name}.yaml").unlink()
    eventually(lambda: not [d for d in diagnostics(mesh) if d["code"] != "E8011"], 20, diagnostics(mesh))
    assert mesh.pods("web")["web"]["metadata"]["uid"] == uid


def test_without_envoy_pods_of_the_mesh_say_what_is_missing(mesh):
    mesh.env["ENVOY"] = "/nonesuch/envoy"
    mesh.save("app.yaml", WEB + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: plain, namespace: out}\n"
              "spec: {containers: [{name: c, image: x, command: [sleep, '1000']}]}\n")
    out = mesh.up("--no-mesh", "out")
    assert "Envoy was not found, so pods of the mesh cannot start; set ENVOY=/path/to/envoy" in out
    mesh.ready("plain")
    eventually(lambda: any("it needs a sidecar, but Envoy was not found" in d["text"] for d in diagnostics(mesh)))
