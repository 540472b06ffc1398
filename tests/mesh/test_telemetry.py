"""What is written about calls and to whom: access logs by Telemetry, traces, statistics, active health checks."""
import json

import pytest
from harness import eventually, opened
from outside import JUDGE, JUDGE_PORTS, Judge


@pytest.fixture(scope="module")
def judge(world):
    j = Judge(world)
    yield j
    world.policy()
    j.end()


@pytest.fixture
def client(world):
    return world.caller("a/client")


def telemetry(name, ns="d", selector=None, **log):
    return {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "Telemetry", "metadata": {"name": name, "namespace": ns},
            "spec": {**({"selector": selector} if selector else {}), "accessLog": log}}


def lines(world, pod, word):
    """What the sidecar wrote that contains a word, a path of one call."""
    return [line for line in world.mesh.osm("logs", pod, "-c", "envoy").stdout.splitlines() if word in line]


def written(world, client, pod, word, is_it, host="peer.d"):
    """A call by that word until what |pod| writes of it is right: listeners change after the next connection."""
    count = iter(range(1000))

    def check():
        path = f"/{word}-{next(count)}."
        assert client.get(host, path) == 200
        found = eventually(lambda: lines(world, pod, path), 10, f"{pod} writes of {path}")
        return is_it(found[0])
    eventually(check, 20, f"{pod} writes of {word} as it should")


def is_standard(line):
    return line.startswith("{") and set(json.loads(line)) >= {"authority", "path", "response_code", "start_time"}


# ---- access logs ----

def test_each_pod_writes_as_its_telemetry_says(world, client):
    text, labels = "T %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%", {"app": "peer"}
    as_json = json.dumps({"where": {"path": "%REQ(:PATH)%"}, "code": "%RESPONSE_CODE%", "n": [1, True]})
    is_text = lambda line: line.startswith("T GET /")
    is_json = lambda line: line.startswith("{") and json.loads(line).get("n") == [1, True] and json.loads(line)["code"] == 200
    mesh, space, chosen = telemetry("all", "osm-system", format=as_json), telemetry("space", format=text), telemetry("some", selector=labels)
    for objects, at_peer, at_peer2, at_client in (
            ((), is_standard, is_standard, is_standard),
            ((mesh,), is_json, is_json, is_json),
            ((mesh, space), is_text, is_text, is_json),
            ((mesh, space, chosen), is_standard, is_text, is_json),
            ((telemetry("other", "a", {"app": "client"}, format=text),), is_standard, is_standard, is_text)):
        world.policy(*objects, permissive=True)
        written(world, client, "d/peer", "one", at_peer)
        written(world, client, "d/peer2", "two", at_peer2, "peer2.d")
        written(world, client, "a/client", "three", at_client)
    assert client.echo("peer.d") == "peer"
    eventually(lambda: lines(world, "a/client", "T - - 0"), what="TCP is written by the same text")


def test_smi_mode_too_and_a_format_that_envoy_would_refuse(world, client):
    world.policy(*opened(), telemetry("mine", "a", format="%REQ(:PATH)% S"))
    written(world, client, "a/client", "smi", lambda line: line.endswith(". S"))
    world.policy(*opened(), telemetry("mine", "a", format="%NOTHING%"))
    written(world, client, "a/client", "bad", is_standard)
    assert any("%NOTHING%" in d["text"] for d in world.status()["diagnostics"])


def collector(protocol="h2c", port=JUDGE_PORTS["otlp"]):
    return {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "ExtensionService", "metadata": {"name": "otel", "namespace": "c"},
            "spec": {"host": JUDGE, "port": port, "protocol": protocol}}


def test_entries_go_to_an_opentelemetry_collector(world, client, judge):
    otel = {"extensionService": {"name": "otel", "namespace": "c"}, "attributes": {"code": "%RESPONSE_CODE%", "team": "d"}}
    world.policy(collector(), telemetry("space", format="{\"path\": \"%REQ(:PATH)%\"}", openTelemetry=otel), permissive=True)
    eventually(lambda: client.get("peer.d", "/otlp") == 200 and judge.seen("logs"), 20, "entries arrive")
    client.get("peer.d", "/to-collector")
    found = judge.collect("logs", lambda all_of: any(e["body"] == {"path": "/to-collector"} for e in all_of))
    entry = next(e for e in found if e["body"] == {"path": "/to-collector"})
    assert entry["attributes"] == {"code": "200", "team": "d"}
    assert (entry["resource"]["service.name"], entry["resource"]["k8s.namespace.name"]) == ("peer", "d"), entry
    assert lines(world, "d/peer", "/to-collector"), "standard output stays"


# ---- traces ----

def tracing(**fields):
    return {"observability": {"tracing": {"enable": True, "address": JUDGE, **fields}}}


def test_zipkin_gets_both_sides_of_a_call_and_the_application_the_context(world, client, judge):
    world.policy(permissive=True, over=tracing(endpoint="/api/mine"))
    judge.seen()
    eventually(lambda: any(n == "x-b3-traceid" for n, _ in client.saw("peer.d")["headers"]))
    headers = dict(map(tuple, client.saw("peer.d", "/traced")["headers"]))
    trace = headers["x-b3-traceid"]
    assert headers["traceparent"].split("-")[1] == trace and headers["x-b3-sampled"] == "1"
    spans = [s for s in judge.collect("zipkin", lambda all_of: sum(s["traceId"] == trace for s in all_of) >= 2) if s["traceId"] == trace]
    assert {s["kind"] for s in spans} == {"CLIENT", "SERVER"} and {s["at"] for s in spans} == {"/api/mine"}
    assert {s["localEndpoint"]["serviceName"] for s in spans} == {"client.a", "peer.d"}
    known = "463ac35c9f6413ad48485a3953bb6124"
    client.saw("peer.d", "/", ("x-b3-traceid", known), ("x-b3-spanid", "a2fb4a1d1a96d312"), ("x-b3-sampled", "1"))
    judge.collect("zipkin", lambda all_of: sum(s["traceId"] == known for s in all_of) >= 2)


def test_opentelemetry_gets_traces_and_only_the_share_asked_for(world, client, judge):
    otlp = {"protocol": "otlp", "port": JUDGE_PORTS["otlp"]}
    world.policy(permissive=True, over=tracing(**otlp))
    eventually(lambda: client.get("peer.d") == 200 and judge.seen("spans"))
    known = "0af7651916cd43dd8448eb211c80319c"
    client.saw("peer.d", "/", ("traceparent", f"00-{known}-b7ad6b7169203331-01"))
    found = judge.collect("spans", lambda all_of: sum(s["trace"] == known for s in all_of) >= 2)
    assert {s["resource"]["service.name"] for s in found if s["trace"] == known} == {"client", "peer"}
    world.policy(permissive=True, over=tracing(samplingPercent=0, **otlp))
    sampled = lambda: dict(map(tuple, client.saw("peer.d")["headers"]))["traceparent"].endswith("-01")
    eventually(lambda: not any(sampled() for _ in range(10)), what="nobody is chosen")
    world.policy(permissive=True, over=tracing(samplingPercent=50, **otlp))
    eventually(lambda: 20 < sum(sampled() for _ in range(100)) < 80, what="half of them")


# ---- statistics and health checks ----

def test_request_statistics_are_switched_off_and_on(world, client):
    def count():
        return sum(float(line.split()[-1]) for line in world.statistics("a/client").splitlines() if line.startswith("osm_request_total{"))

    world.policy(permissive=True, over={"featureFlags": {"enableWASMStats": False}})
    eventually(lambda: not moved(client, count), what="no more counted")
    world.policy(permissive=True)
    eventually(lambda: moved(client, count), what="counted again")


def moved(client, count):
    before = count()
    assert client.get("peer.d") == 200
    try:
        return eventually(lambda: count() > before, 1)
    except AssertionError:
        return False


def test_active_health_checks_pass_policy_and_are_not_logged(world, client):
    world.policy(*opened(), over={"featureFlags": {"enableEnvoyActiveHealthChecks": True}})

    def health():
        text = world.verb("proxy", "get", "clusters", "a/client")
        return {line.split("::")[0]: line.split("::")[-1] for line in text.splitlines() if "::health_flags::" in line and line.startswith("d/peer|")}
    eventually(lambda: set(health()) >= {"d/peer|80", "d/peer|100"} and set(health().values()) == {"healthy"}, 20, "all are healthy")
    # A first question may still have met the listener from before.
    logged = lambda: len([line for line in lines(world, "d/peer", "/healthz/osm") if "Envoy/HC" in line])
    before = logged()
    assert (client.get("peer.d"), client.echo("peer.d"), client.hello("peer.d")) == (200, "peer", "220 peer")
    assert client.get("peer.d", "/healthz/osm") == 200 and client.saw("peer.d", "/healthz/osm")["who"] == "peer", "the application's own"
    seen = client("http", "peer.d", path="/healthz/osm", headers=[["x-osm-envoy-healthcheck", "1"]])
    assert seen["status"] == 200 and not seen.get("saw"), "answered by the sidecar"
    assert logged() == before


# ---- TLS ----

def test_ciphers_and_curves_change_live(world, client):
    from test_wire import Certificates, stranger
    mine = Certificates(world, None).of("a/client")
    two = {"tlsMinProtocolVersion": "TLSv1_2", "tlsMaxProtocolVersion": "TLSv1_2"}
    for cipher in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        world.policy(*opened(), cipherSuites=[cipher, "NONSENSE"], ecdhCurves=["X25519", "nonsense"], **two)
        eventually(lambda: stranger(world, 8080, **mine).get("cipher") == cipher, 10, cipher)
        eventually(lambda: client.get("peer.d") == 200 and client.echo("peer.d") == "peer", 10, cipher)
    said = [d["text"] for d in world.status()["diagnostics"]]
    assert any("NONSENSE" in t for t in said) and any("nonsense" in t for t in said)


# ---- the controller's own ----

def test_the_debug_server_is_switched_live(world):
    def ask(path):
        done = world.mesh.outer("curl", "-s", "-m", "5", f"http://127.0.0.1:9092{path}")
        return json.loads(done.communicate()[0] or "null")
    assert ask("/debug") is None
    world.policy(*opened(), over={"observability": {"enableDebugServer": True, "osmLogLevel": "debug"}, "featureFlags": {"enableWASMStats": False}})
    paths = eventually(lambda: ask("/debug"))
    answers = {p.rpartition("/")[2]: ask(p) for p in paths}
    assert "open" in "".join(answers["policies"]["TrafficTarget"]) and answers["feature-flags"]["enableWASMStats"] is False
    assert answers["config"]["spec"]["observability"]["osmLogLevel"] == "debug"
    pods = {p["pod"]: p for p in answers["proxy"]}
    assert pods["a/client"]["identity"].endswith("/ns/a/sa/client") and pods["a/client"]["envoy"] == "1.40.0"
    assert all(p["accepted"] == answers["xds"]["revision"] for p in answers["xds"]["proxies"] if p["pod"] in ("a/client", "d/peer"))
    certs = answers["certs"]
    assert [r["commonName"] for r in certs["roots"]] and all(r["notAfter"] > r["notBefore"] for r in certs["roots"])
    ends = {p["pod"]: p["notAfter"] for p in certs["proxies"]}
    assert ends["a/client"] < certs["roots"][0]["notAfter"] and "PRIVATE" not in json.dumps(certs)
    assert {"a", "d"} <= {n["name"] for n in answers["namespaces"]}
    log = lambda: (world.mesh.state / "logs" / "controller.log").read_text()
    assert "is computed" in log(), "the log level holds, too"
    world.policy()
    eventually(lambda: ask("/debug") is None)
