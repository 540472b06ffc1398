"""Whatever a MeshConfig or a Telemetry says, the real Envoy takes what is made of it; and it knows every name that our
tables do."""
import json
import random
import re
import subprocess

import pytest
from conftest import SOURCE, find_tool

CONFIG, POLICY = "config.openservicemesh.io/v1alpha2", "policy.openservicemesh.io/v1alpha1"


def doc(api, kind, name, ns, spec, **meta):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": ns, **meta}, "spec": spec}


def mesh_config(**sections):
    return doc(CONFIG, "MeshConfig", "osm-mesh-config", "osm-system", sections)


def telemetry(name, ns="shop", **spec):
    return doc(POLICY, "Telemetry", name, ns, spec)


PORTS = [{"name": "http", "port": 80}, {"name": "grpc-x", "port": 81}, {"name": "tcp-x", "port": 82}, {"name": "tcp-server-first-x", "port": 83}]
PODS = [doc("v1", "Service", "store", "shop", {"selector": {"app": "store"}, "ports": PORTS}),
        *(doc("v1", "Pod", f"store-{i}", "shop", {"serviceAccountName": "store", "containers": [{"name": "m", "image": "i"}]},
              labels={"app": "store", "nr": str(i)}) for i in (1, 2))]


@pytest.fixture
def made(tmp_path):
    """made(objects) → {workload: [bundle, ...]}"""
    tool = find_tool("envoy_golden")
    if not tool:
        pytest.skip("no envoy_golden in the build directory (OSM_BUILD)")

    def run(*objects):
        (tmp_path / "in.yaml").write_text("\n---\n".join(json.dumps(o) for o in (*PODS, *objects)))
        done = subprocess.run([tool, tmp_path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {w: list(bundles.values()) for w, bundles in json.loads(done.stdout).items()}
    return run


def strings(file, start, end="};"):
    text = (SOURCE / "src/mesh" / file).read_text()
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text[text.index(start):].split(end)[0])


ARGUMENTS = {"REQ": ":path?x-original", "RESP": "server", "TRAILER": "grpc-status", "DYNAMIC_METADATA": "a:b:c", "CLUSTER_METADATA": "a:b",
             "UPSTREAM_METADATA": "a:b", "COMMON_DURATION": "DS_RX_BEG:US_RX_END:us", "ENVIRONMENT": "POD_NAME", "QUERY_PARAM": "q",
             "FILTER_STATE": "a.b:FIELD:c", "UPSTREAM_FILTER_STATE": "a:PLAIN"}
TIMES = ("START_TIME", "START_TIME_LOCAL", "EMIT_TIME", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END",
         "UPSTREAM_PEER_CERT_V_START", "UPSTREAM_PEER_CERT_V_END")


def every_operator():
    text = (SOURCE / "src/mesh/log_format.c").read_text()
    table = text[text.index("operators[] = {"):].split("};")[0]
    plain = strings("log_format.c", "plain[] = {")
    assert len(plain) > 100
    uses = [f"%{n}%" for n in plain] + [f"%{n}()%" for n in plain]
    for name, rest in re.findall(r'\{"([A-Z_0-9]+)", (.*)\},', table):
        argument = ARGUMENTS.get(name, "%Y-%m-%dT%H:%M:%S.%3f%z %s" if name in TIMES else "")
        uses.append(f"%{name}({argument})%")
        uses += [f"%{name}({argument}):17%"] if rest.endswith("true") else []
        uses += [] if ", true, " in rest else [f"%{name}%"]
    return uses


def test_every_operator_that_we_let_through(made, validate):
    uses = every_operator()
    bundles = made(telemetry("t", accessLog={"format": " ".join(uses)}))["shop/store/store/0"]
    text = json.dumps(bundles)
    assert all(json.dumps(u)[1:-1] in text for u in uses), "the standard format stands instead"
    validate(*bundles)


def test_every_cipher_and_curve_that_we_let_through(made, validate):
    ciphers, curves = strings("tls_names.c", "ciphers[] = {"), strings("tls_names.c", "curves[] = {")
    sidecar = {"tlsMinProtocolVersion": "TLSv1_2", "cipherSuites": ciphers + ["[" + "|".join(ciphers[:3]) + "]"], "ecdhCurves": curves + ["prime256v1", "secp384r1", "P-521"]}
    bundles = made(mesh_config(sidecar=sidecar, traffic={"enablePermissiveTrafficPolicyMode": True}))["shop/store/store/0"]
    text = json.dumps(bundles)
    assert all(f'"{n}"' in text for n in sidecar["cipherSuites"] + curves)
    validate(*bundles)


# ---- anything at all ----

PIECES = ["%PROTOCOL%", "%REQ(:PATH)%", "%REQ(A?B):3%", "%%", "%", "%X%", "%REQ()%", "%START_TIME(%s)%", "%CEL(a)%", "\n", "{", "}", "\"", "é",
          "%PROTOCOL:1%", "%FILTER_STATE(a:B)%", "%REQ(a b)%", "text ", "%REQ(x", ")%", "%ENVIRONMENT(A)%", "\\", "\u0001"]
HOSTS = ["judge.c.svc.cluster.local", "10.0.0.1", "fd00::1", "UPPER.Case", "", "a b", "-x", "a/b", "x" * 64, "a:80", "[::1]", "*", "localhost"]
NAMES = ["", "ECDHE-ECDSA-AES128-GCM-SHA256", "X25519", "P-256", "prime256v1", "nonsense", "[AES128-SHA|ECDHE-ECDSA-AES256-SHA]", "[", "[]", "A|B", "-ALL", "!aNULL"]
DURATIONS = ["0s", "1ns", "100ms", "2562047h"]


def any_json(r, depth=3):
    if depth == 0 or r.random() < 0.4:
        return r.choice([1, -2.5, 1e300, True, None, "", r.choice(PIECES), "%PROTOCOL% %RESPONSE_CODE%"])
    if r.random() < 0.5:
        return [any_json(r, depth - 1) for _ in range(r.randrange(3))]
    return {r.choice(["a", "b", "", "%PROTOCOL%"]): any_json(r, depth - 1) for _ in range(3)}


def any_format(r):
    if r.random() < 0.4:
        return json.dumps({"k": any_json(r)})
    return "".join(r.choice(PIECES[:4] if r.random() < 0.6 else PIECES) for _ in range(r.randrange(6)))


def any_telemetry(r, i):
    log = {"format": any_format(r)}
    if r.random() < 0.5:
        log["openTelemetry"] = {"extensionService": {"name": r.choice("xyz"), "namespace": "shop"},
                                "attributes": {r.choice(["k", "l.m", ""]): any_format(r) for _ in range(2)}}
    selector = r.choice([{}, {"selector": {"app": "store"}}, {"selector": {"nr": "1"}}, {"selector": {}}])
    return telemetry(f"t{i}", r.choice(["shop", "shop", "osm-system"]), **selector, **({"accessLog": log} if r.random() < 0.9 else {}))


def any_mesh_config(r):
    names = lambda: [r.choice(NAMES) for _ in range(r.randrange(4))]
    versions = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]
    return mesh_config(
        sidecar={"tlsMinProtocolVersion": r.choice(versions), "tlsMaxProtocolVersion": r.choice(versions), "cipherSuites": names(), "ecdhCurves": names()},
        traffic={"enablePermissiveTrafficPolicyMode": True, "enableEgress": r.random() < 0.5,
                 "inboundExternalAuthorization": {"enable": r.random() < 0.7, "address": r.choice(HOSTS), "port": r.choice([0, 1, 65535]),
                                                  "statPrefix": r.choice(["", "a.b", "x y", "é"]), "timeout": r.choice(DURATIONS),
                                                  "failureModeAllow": r.random() < 0.5}},
        observability={"tracing": {"enable": r.random() < 0.7, "address": r.choice(HOSTS), "port": r.choice([1, 9411, 65535]),
                                   "endpoint": r.choice(["/", "/api/v2/spans", "/a?b=c"]), "protocol": r.choice(["zipkin", "otlp"]),
                                   "samplingPercent": r.choice([0, 7, 100, "0.01", "99.99"])}},
        featureFlags={"enableWASMStats": r.random() < 0.5, "enableEnvoyActiveHealthChecks": r.random() < 0.5})


def any_extension_service(r, name):
    return doc(CONFIG, "ExtensionService", name, "shop", {"host": r.choice([h for h in HOSTS if h]), "port": r.choice([1, 4317, 65535]),
                                                          "protocol": r.choice(["h2c", "h2c", "http1", "http2"]), "connectTimeout": r.choice(DURATIONS)})


@pytest.mark.parametrize("seed", range(16))
def test_anything_is_taken(made, validate, seed):
    r = random.Random(seed)
    objects = [any_mesh_config(r), *(any_telemetry(r, i) for i in range(4)), *(any_extension_service(r, n) for n in "xyz")]
    seen = set()
    for bundles in made(*objects).values():
        if json.dumps(bundles) not in seen:
            validate(*bundles)
        seen.add(json.dumps(bundles))
