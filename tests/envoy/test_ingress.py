"""Callers outside the mesh and callers of the mesh at one port of one pod: which chain takes whom."""
import os

import plans
import pods
import pytest
from conftest import Authority

VIP, PORT = "http://10.96.0.10", "10.244.0.12:8080"
MESH_NAME = "server.ns1.svc.cluster.local"
HERE, ELSEWHERE = ["10.244.0.0/24"], ["192.0.2.0/24"]
GATEWAY = "gateway.edge.cluster.local"
ENDPOINTS = {"ns1/server|80": [("10.244.0.12", 8080, "ns1/server-1")]}


@pytest.fixture
def outsider(two_pods, authority, sidecar, encode):
    """outsider(ingress plans, rules=...) → ask(scheme, sni=..., as_=(chain, key)): curl past the client's own sidecar"""
    client, server = two_pods

    def start(*ingress, rules=(), chains=None):
        chains = [plans.chain(rules=list(rules))] if chains is None else chains
        sidecar(server, "ns1/server", encode("inbound", plans.inbound(*chains, ingress=ingress)))
        sidecar(client, "ns1/client", encode("base", plans.base()), encode("endpoints", plans.endpoints(ENDPOINTS)),
                encode("outbound", plans.outbound()))

        def own(file):
            copy = client.directory / file.name
            copy.write_bytes(file.read_bytes())
            os.chown(copy, pods.UID, pods.UID)
            return copy

        def ask(scheme="http", sni=None, as_=None, path="/", *more):
            args = ["curl", "-s", "-k", "-o", "/dev/null", "-m", "5", "-w", "%{http_code}", *more]
            for option, file in zip(("--cert", "--key"), as_ or ()):
                args += [option, own(file)]
            if sni:
                args += ["--connect-to", f"{sni}:8080:{PORT}"]
            url = f"{scheme}://{f'{sni}:8080' if sni else PORT}{path}"
            done = client.run("setpriv", f"--reuid={pods.UID}", f"--regid={pods.UID}", "--clear-groups", *args, url)
            return int(done.stdout) if done.stdout.isdigit() else done.stdout
        ask.mesh = lambda *more: client.curl(VIP, *more)[0]
        ask.saw = lambda: client.get(VIP)[1]
        return ask
    return start


def gateway(authority, name=GATEWAY):
    return authority.issue(f"dns/{name}", san=f"DNS:{name}")


def test_plain_callers_and_the_mesh_share_a_port(outsider):
    ask = outsider(plans.ingress(ranges=HERE), rules=[plans.rule()])
    assert (ask(), ask.mesh()) == (200, 200)
    assert ask("https") == 0, "TLS at a port that speaks plain HTTP"
    assert ask("https", sni=MESH_NAME) == 0


def test_the_mesh_is_judged_by_its_own_rules(outsider):
    ask = outsider(plans.ingress(ranges=HERE), rules=[])
    assert (ask(), ask.mesh()) == (200, 403), "a caller of the mesh with an address of the ingress is none of it"


def test_other_addresses_are_closed(outsider):
    ask = outsider(plans.ingress(ranges=ELSEWHERE), rules=[plans.rule()])
    assert (ask(), ask.mesh()) == (0, 200)


def test_without_ingress_nobody(outsider):
    ask = outsider(rules=[plans.rule()])
    assert (ask(), ask("https"), ask.mesh()) == (0, 0, 200)


def test_an_ingress_where_the_mesh_has_no_chain(outsider):
    ask = outsider(plans.ingress(ranges=HERE), chains=[])
    assert (ask(), ask.mesh()) == (200, 503)


def test_denied_by_a_setting_is_403(outsider):
    assert outsider(plans.ingress(ranges=HERE, denied=True))() == 403


def test_tls_without_client_certificates(outsider):
    ask = outsider(plans.ingress(ranges=HERE, tls=True, any_client=True), rules=[plans.rule()])
    assert (ask(), ask.mesh()) == (0, 200), "plain HTTP at a port that speaks TLS"
    assert [ask("https"), ask("https", sni="any.example.com"), ask("https", sni=MESH_NAME)] == [200, 200, 200]


def test_tls_by_server_names(outsider):
    names = ["*.example.org", "shop.example.com"]
    ask = outsider(plans.ingress(ranges=HERE, tls=True, any_client=True, server_names=names), rules=[plans.rule()])
    got = {n: ask("https", sni=n) for n in ("shop.example.com", "a.example.org", "a.b.example.org", "example.org", "other.example.com", MESH_NAME)}
    assert [n for n in got if got[n] == 200] == ["shop.example.com", "a.example.org", "a.b.example.org"]
    assert (ask("https"), ask.mesh()) == (0, 200)


def test_a_wildcard_over_the_mesh_name(outsider):
    ask = outsider(plans.ingress(ranges=HERE, tls=True, any_client=True, server_names=["*.svc.cluster.local"]), rules=[plans.rule()])
    assert (ask("https", sni=MESH_NAME), ask.mesh()) == (200, 200)


@pytest.mark.parametrize("principal", [GATEWAY, plans.spiffe("ns1/server")])
def test_tls_by_certificate(outsider, authority, tmp_path, principal):
    """Exactly the name that is given, DNS or URI, in a certificate of the mesh's CA."""
    ask = outsider(plans.ingress(ranges=HERE, tls=True, principals=[principal]), rules=[plans.rule()])
    mine, other = gateway(authority), gateway(authority, "other.edge.cluster.local")
    server = authority.issue("ns1/server")
    foreign = gateway(Authority(tmp_path / "foreign", "foreign"))
    right, wrong = (mine, server) if principal == GATEWAY else (server, mine)
    assert [ask("https", sni=n, as_=right) for n in (None, "any.example.com", MESH_NAME)] == [200, 200, 200]
    assert [ask("https", as_=a) for a in (wrong, other, foreign, None)] == [0, 0, 0, 0]
    assert (ask(), ask.mesh()) == (0, 200)


@pytest.mark.parametrize("ranges,status", [(ELSEWHERE, 0), ((), 200)])
def test_tls_by_certificate_and_address(outsider, authority, ranges, status):
    ask = outsider(plans.ingress(ranges=ranges, tls=True, principals=[GATEWAY]))
    assert ask("https", as_=gateway(authority)) == status


@pytest.mark.parametrize("grpc,version", [(False, "200 1.1"), (True, "502 2")])
def test_http2_is_offered_where_the_application_speaks_it(outsider, grpc, version):
    ask = outsider(plans.ingress(ranges=HERE, tls=True, any_client=True, grpc=grpc))
    assert ask("https", None, None, "/", "--http2", "-w", "%{http_code} %{http_version}") == version, "the test's server knows 1.1 only"


def test_paths_are_normalised(outsider):
    ask = outsider(plans.ingress(ranges=HERE))
    assert ask("http", None, None, "/a%2Fb/..//c", "--path-as-is") == 200


def test_a_request_is_not_repeated_because_its_caller_says_so(outsider):
    """Envoy would obey these headers if the address made the request internal."""
    ask = outsider(plans.ingress(ranges=HERE), rules=[plans.rule()])
    repeat = {"x-envoy-retry-on": "retriable-status-codes", "x-envoy-retriable-status-codes": "200", "x-envoy-max-retries": "5",
              "x-forwarded-for": "10.244.0.9"}
    before = ask.saw()["asked"]
    assert ask("http", None, None, "/", *(word for h in repeat.items() for word in ("-H", ": ".join(h)))) == 200
    assert ask.saw()["asked"] == before + 2
