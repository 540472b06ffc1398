"""What leaves a pod and what enters one: TLS alone between pods, nothing where no rule is, and nobody from outside the
mesh, of another mesh, or with another account's certificate."""
import json
import subprocess

import pytest
from harness import EVERY, TCP, eventually, http_rule, opened, target, tcp_rule

SNI = "peer.d.svc.cluster.local"


@pytest.fixture
def client(world):
    return world.caller("a/client")


def from_to(packets, a, b):
    return [p for p in packets if p["from"] == a and p["to"] in b]


# ---- TLS between pods ----

def records(packets):
    """The TLS record types at the start of each segment; a segment may continue a record."""
    return {p["data"][0] for p in packets if p["data"]}


def test_every_byte_between_pods_is_tls(world, client):
    world.policy(*opened())
    secret = "a-word-that-nobody-else-says"
    with world.eyes("a/client") as eyes:
        client.saw("peer.d", f"/{secret}", ("x-secret", secret))
        assert client("tcp", "peer.d", 100, say=[secret])["got"] == [f"peer:{secret}"]
        assert client.hello("peer.d") == "220 peer"
        assert client("grpc", "peer.d", 90, method="Say", say=secret)["said"] == secret
        packets = eyes.packets()
    both = {eyes.address, world.address("d/peer")}
    between = [p for p in packets if {p["from"], p["to"]} == both]
    said = [p["data"] for p in between if p["data"]]
    assert len(said) > 8 and all(secret.encode() not in d and b"220 peer" not in d for d in said)
    assert any(d.startswith(b"\x16\x03") for d in said), "a TLS handshake"
    assert not [p for p in packets if {p["from"], p["to"]} != both], "there is nobody else on this link"
    assert records(between) <= {0x14, 0x16, 0x17}


# ---- nothing without a rule ----

@pytest.mark.parametrize("egress", [False, True])
def test_without_a_rule_no_byte_leaves_the_pod_and_the_sidecar_says_so(world, client, egress):
    world.policy(*opened("a/other"), egress=egress)
    world.caller("c/stranger")
    services = {n: world.caller("c/stranger")("resolve", f"{n}.d")["addresses"] for n in ("peer", "dbs")}
    places = {*services["peer"], *services["dbs"], world.address("d/peer"), world.address("d/db-0"), world.address("d/db-1")}
    before = len(world.log("a/client", "no_policy"))
    with world.eyes("a/client") as eyes:
        assert client.get("peer.d") == "closed"
        assert client.echo("peer.d") == client.hello("peer.d") == "closed"
        assert client("http2", "peer.d", paths=["/"])["error"] == "closed"
        assert client.get("db-0.dbs.d", port=8080) == "closed"
        for address in (world.address("d/peer"), world.address("d/db-1")):
            assert client.get(address, port=8080) == client.echo(address, 9000) == "closed"
            assert client.get(address, port=15003) == "closed"
        packets = eyes.packets()
    assert not from_to(packets, eyes.address, places), "something left the pod"
    lines = eventually(lambda: (found := world.log("a/client", "no_policy")[before:]) and len(found) >= 8 and found)
    assert {"no_policy a/client d/peer", "no_policy a/client d/dbs"} <= {line["msg"] for line in lines}, lines
    assert world.caller("a/other").get("peer.d") == 200, "the rule of another is not harmed"


def test_a_call_that_no_rule_fits_is_refused_by_the_server_and_tcp_is_closed(world, client):
    from harness import http_rule, routes, tcp_route
    world.policy(routes("g", {"name": "m", "pathRegex": "/yes"}), tcp_route("echo", 9000), target("t", http_rule("g"), tcp_rule("echo")))
    assert (client.get("peer.d", "/no"), client.echo("peer.d"), client.hello("peer.d")) == (403, "peer", "closed")


# ---- outsiders ----

class Certificates:
    """The certificates of accounts, read from their sidecars, and those of a CA of somebody else."""

    def __init__(self, world, directory):
        self.world, self.directory = world, directory

    def of(self, pod):
        secret = json.loads(self.world.container(pod, "cat", "/var/run/osm/sds-certificate.json"))["resources"][0]["tls_certificate"]
        return {"chain": secret["certificate_chain"]["inline_string"], "key": secret["private_key"]["inline_string"]}

    def forged(self, identity):
        key, pem = self.directory / "key.pem", self.directory / "forged.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-days", "1",
                        "-addext", f"subjectAltName=critical,URI:{identity}", "-keyout", key, "-out", pem], check=True, capture_output=True)
        return {"chain": pem.read_text(), "key": key.read_text()}


@pytest.fixture
def certificates(world, tmp_path):
    return Certificates(world, tmp_path)


def stranger(world, port, **more):
    """From a pod without a sidecar, straight at the server's pod."""
    return world.caller("c/stranger")("tls", world.address("d/peer"), port, sni=SNI, **more)


def test_a_client_outside_the_mesh_is_refused(world):
    for permissive in (True, False):
        world.policy(*opened(), permissive=permissive)
        outside = world.caller("c/stranger")
        for host in ("peer.d", world.address("d/peer")):
            web, echo = (80, 100) if host == "peer.d" else (8080, 9000)
            assert outside.get(host, port=web) == "closed"
            assert outside("tcp", host, echo, say=["longer than a TLS record's head"])["error"] == "closed"
        assert outside("tcp", world.address("d/peer"), 9001, listen=True, timeout=0.5)["error"] in ("closed", "silence")
        assert "error" in stranger(world, 8080) and "error" in stranger(world, 9000, say="x"), "TLS without a certificate"
        assert "error" in outside("http", world.address("d/peer"), 15003, timeout=0.5)


def test_the_certificate_of_an_allowed_account_is_the_control(world, certificates):
    world.policy(*opened())
    mine = certificates.of("a/client")
    answer = stranger(world, 8080, **mine)
    assert (answer["status"], answer["version"]) == (200, "TLSv1.3")
    assert stranger(world, 9000, say="x", **mine)["got"] == "peer:x"
    assert stranger(world, 9001, say="", **mine)["got"] == "220 peer"


def test_a_certificate_of_another_ca_is_refused(world, certificates):
    for permissive in (True, False):
        world.policy(*opened(), permissive=permissive)
        forged = certificates.forged("spiffe://cluster.local/ns/a/sa/client")
        for port, say in ((8080, {}), (9000, {"say": "x"}), (9001, {"say": ""})):
            answer = stranger(world, port, **say, **forged)
            assert answer.get("error") in ("tls", "closed"), answer


def test_another_account_of_the_mesh_is_refused_by_the_server_itself(world, certificates):
    world.policy(*opened())
    other = certificates.of("a/other")
    assert stranger(world, 8080, **other)["status"] == 403
    assert stranger(world, 9000, say="x", **other)["error"] in ("tls", "closed")
    assert stranger(world, 9001, say="", **other)["error"] in ("tls", "closed"), "and gets no greeting"


def test_without_targets_the_server_admits_nobody(world, certificates):
    world.policy()
    mine = certificates.of("a/client")
    assert stranger(world, 8080, **mine).get("status") in (403, None)
    for port, say in ((9000, "x"), (9001, "")):
        assert "error" in stranger(world, port, say=say, **mine)
    world.policy(EVERY, TCP, target("t", http_rule("every"), tcp_rule("tcp"), sources=()))
    assert stranger(world, 8080, **mine).get("status") in (403, None)
    for port, say in ((9000, "x"), (9001, "")):
        assert "error" in stranger(world, port, say=say, **mine), "no sources: nobody"


def test_a_wrong_server_name_or_protocol_is_no_way_in(world, certificates):
    world.policy(*opened())
    mine, caller, address = certificates.of("a/client"), world.caller("c/stranger"), world.address("d/peer")
    for more in ({"sni": "other.d.svc.cluster.local"}, {"sni": SNI, "alpn": ["http/1.1"]}, {"sni": None}):
        assert "error" in caller("tls", address, 8080, **more, **mine), more
    assert "error" in caller("tls", address, 15001, sni=SNI, timeout=0.5, **mine)
    assert "error" in caller("tls", address, 15003, sni=SNI, timeout=0.5, **mine)


def test_tls_versions_of_the_mesh_config_take_effect_when_changed(world, client, certificates):
    mine = certificates.of("a/client")
    world.policy(*opened())
    assert "error" in stranger(world, 8080, max="TLSv1_2", **mine), "1.3 unless the MeshConfig says otherwise"
    world.policy(*opened(), tlsMinProtocolVersion="TLSv1_2", tlsMaxProtocolVersion="TLSv1_3")
    both = lambda: [stranger(world, 8080, max=m, **mine).get("version") for m in ("TLSv1_2", "TLSv1_3")]
    eventually(lambda: both() == ["TLSv1.2", "TLSv1.3"], 5)
    world.policy(*opened(), tlsMinProtocolVersion="TLSv1_2", tlsMaxProtocolVersion="TLSv1_2")
    eventually(lambda: both() == ["TLSv1.2", "TLSv1.2"], 5)
    assert client.get("peer.d") == 200 and client.echo("peer.d") == "peer"
    world.policy(*opened())
    eventually(lambda: both() == [None, "TLSv1.3"], 5)
    assert client.get("peer.d") == 200


# ---- the way out ----

OUTSIDE = "203.0.113.7"


@pytest.fixture(scope="module")
def outside(world):
    """A server that is no part of the cluster."""
    from harness import HERE, PYTHON
    script = f"ip addr add {OUTSIDE}/32 dev lo && exec {PYTHON} {HERE}/peer.py @{OUTSIDE} http:80 banner:9001"
    server = world.mesh.outer("sh", "-c", script)
    eventually(lambda: world.caller("c/stranger").get(OUTSIDE) == 200)
    yield OUTSIDE
    server.kill()
    server.wait()


def test_egress_is_switched_live(world, client, outside):
    for egress in (True, False, True):
        world.policy(egress=egress)
        seen = (client.get(outside), client.hello(outside, 9001), client.get("peer.d"))
        assert seen == ((200, "220 peer", "closed") if egress else ("closed", "closed", "closed"))


def test_an_unmeshed_service_is_outside(world, client, outside):
    world.policy(egress=True)
    assert client.get("plain.c") == 200
    world.policy(egress=False)
    assert client.get("plain.c") == "closed"


def test_what_is_passed_out_is_not_changed(world, client, outside):
    world.policy(egress=True)
    saw = client.saw(outside, "//a/../b%2Fc")
    assert saw["path"] == "//a/../b%2Fc" and not any(n.startswith("x-") for n, _ in saw["headers"])
    assert saw["from"] == world.address("a/client")
