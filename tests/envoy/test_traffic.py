"""What the encoded resources do to real traffic between two pods: identity, access, paths, headless, closing."""
import json

import plans
import pods
import pytest
from conftest import Authority, wait_for
from plans import GRPC, HTTP, TCP, TCP_SERVER_FIRST

VIP = "http://10.96.0.10"
ENDPOINTS = {"ns1/server|80": [("10.244.0.12", 8080, "ns1/server-1")],
             "ns1/server|9001": [("10.244.0.12", 8090, "ns1/server-1")],
             "ns1/server|9000": [("10.244.0.12", 9000, "ns1/server-1")]}
SERVER = {"POD_NAMESPACE": "ns1", "POD_NAME": "server-1", "WORKLOAD_KIND": "Deployment", "WORKLOAD_NAME": "server"}
CLIENT = {"POD_NAMESPACE": "ns1", "POD_NAME": "client-1", "WORKLOAD_KIND": "Deployment", "WORKLOAD_NAME": "client"}


@pytest.fixture
def mesh(two_pods, sidecar, encode):
    """mesh(chains, outbounds, account, base) → (client pod, its Envoy, server's Envoy)"""
    def start(chains, outbounds, account="ns1/client", base=None, **more):
        client, server = two_pods
        theirs = sidecar(server, "ns1/server", encode("inbound", plans.inbound(*chains)), env=SERVER)
        mine = sidecar(client, account, encode("base", base or plans.base()), encode("endpoints", plans.endpoints(ENDPOINTS)),
                       *(encode("outbound", o) for o in outbounds), env=CLIENT, **more)
        return client, mine, theirs
    return start


def test_http_for_the_allowed_account(mesh):
    client, _, _ = mesh([plans.chain(rules=[plans.rule()])], [plans.outbound()])
    status, saw = client.get(VIP + "/a?b=c", "-H", "Host: server.ns1:80", "-H", "X-Forwarded-For: 1.2.3.4")
    headers = dict(saw["headers"])
    assert (status, saw["path"], headers["host"]) == (200, "/a?b=c", "server.ns1:80")
    assert headers["x-forwarded-for"] == "1.2.3.4"
    assert "x-forwarded-client-cert" not in headers


def test_http_for_another_account_is_403(mesh):
    client, _, _ = mesh([plans.chain(rules=[plans.rule()])], [plans.outbound()], account="ns1/thief")
    assert client.curl(VIP) == (403, "RBAC: access denied")


def test_no_rule_is_403(mesh):
    client, _, _ = mesh([plans.chain(rules=[])], [plans.outbound()])
    assert client.curl(VIP)[0] == 403


def test_a_rule_for_nobody_is_403(mesh):
    client, _, _ = mesh([plans.chain(rules=[plans.rule(principals=())])], [plans.outbound()])
    assert client.curl(VIP)[0] == 403


def test_denied_by_a_setting_is_403(mesh):
    client, _, _ = mesh([plans.chain(denied=True, rules=[plans.rule()])], [plans.outbound()])
    assert client.curl(VIP)[0] == 403


def test_permissive_takes_every_certificate_of_the_mesh_and_no_other(mesh, tmp_path):
    chains = [plans.chain(rules=[plans.rule("any", (), any_principal=True)])]
    client, mine, _ = mesh(chains, [plans.outbound()], account="ns9/stranger")
    assert client.curl(VIP)[0] == 200


def test_a_certificate_of_another_ca_is_refused(mesh, tmp_path):
    chains = [plans.chain(rules=[plans.rule("any", (), any_principal=True)])]
    client, _, _ = mesh(chains, [plans.outbound()], ca=Authority(tmp_path, "other"))
    assert client.curl(VIP)[0] == 503


def test_a_server_with_another_identity_is_refused(mesh):
    client, _, _ = mesh([plans.chain(rules=[plans.rule()])], [plans.outbound(accounts=["ns1/other"])])
    assert client.curl(VIP)[0] == 503


def test_rules_are_additive(mesh):
    rules = [plans.rule("ns1/a/g/m", methods=["GET"], path_regex="/a"), plans.rule("ns1/b/g/m", methods=["POST"], path_regex="/b"),
             plans.rule("ns1/c/g/m", principals=("ns1/other",))]
    client, _, _ = mesh([plans.chain(rules=rules)], [plans.outbound()])
    got = {(m, p): client.curl(VIP + p, "-X", m)[0] for m in ("GET", "POST") for p in ("/a", "/b")}
    assert got == {("GET", "/a"): 200, ("POST", "/b"): 200, ("GET", "/b"): 403, ("POST", "/a"): 403}


def test_path_tricks(mesh):
    client, _, _ = mesh([plans.chain(rules=[plans.rule(path_regex="/public/.*")])], [plans.outbound()])
    expected = {
        "/public/x": (200, "/public/x"),
        "/public/x?q=/../secret": (200, "/public/x?q=/../secret"),
        "/public//x": (200, "/public/x"),
        "//public/x": (200, "/public/x"),
        "/secret/../public/x": (200, "/public/x"),
        "/public/../secret": (403, None),
        "/public/%2e%2e/secret": (403, None),
        "/public/.%2E/secret": (403, None),
        "/secret": (403, None),
        "/secret?/public/x": (403, None),
        "/PUBLIC/x": (403, None),
        "/public": (403, None),
        "/public/..%2fsecret": (400, None),
        "/public%2F..%2Fsecret": (400, None),
        "/public/..%5csecret": (400, None),
        "/public/x%00": (400, None),
    }
    got = {}
    for path in expected:
        status, saw = client.get(VIP + path)
        got[path] = (status, saw and saw["path"])
    assert got == expected


def test_escaped_slashes_pass_where_no_policy_looks_at_paths(mesh):
    client, _, _ = mesh([plans.chain(rules=[plans.rule(methods=["GET"])])], [plans.outbound()])
    assert client.get(VIP + "/a%2Fb")[1]["path"] == "/a%2Fb"


def test_headers(mesh):
    rule = plans.rule(headers=[{"name": "x-user", "regex": "alice|bob"}, {"name": "host", "regex": "server\\.ns1.*"}])
    client, _, _ = mesh([plans.chain(rules=[rule])], [plans.outbound()])

    def ask(*users, host="server.ns1:80"):
        return client.curl(VIP, "-H", f"Host: {host}", *(o for u in users for o in ("-H", f"X-User: {u}")))[0]
    assert ask("alice") == ask("bob") == 200
    assert ask() == ask("mallory") == ask("aliceandmore") == 403
    assert ask("alice", host="other") == 403
    # Repeated: judged as one value joined by commas, so that none slips past.
    repeated = [ask(*users) for users in (("alice", "mallory"), ("mallory", "alice"), ("alice", "alice"))]
    assert repeated == [403] * 3


def test_http2_and_grpc_stay_http2(mesh):
    client, mine, theirs = mesh([plans.chain(protocol=GRPC, rules=[plans.rule(path_regex="/pkg.Service/Method")])],
                                [plans.outbound(protocol=GRPC)])
    status, _ = client.curl(VIP + "/pkg.Other/Method", "--http2-prior-knowledge", "-H", "content-type: application/grpc",
                            "-X", "POST")
    wait_for("log", lambda: "HTTP/2" in theirs.out.read_text())
    line = [json.loads(x) for x in theirs.out.read_text().splitlines() if x.startswith("{")][-1]
    assert (line["protocol"], line["path"]) == ("HTTP/2", "/pkg.Other/Method")
    assert status == 200  # gRPC tells its refusal in a header


def test_websocket(mesh, two_pods):
    two_pods[1].serve(pods.UPGRADE, 8090)
    outbound = plans.outbound(port=9001)
    client, _, _ = mesh([plans.chain(port=8090, rules=[plans.rule(path_regex="/ws")])], [outbound])
    request = ("GET {} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    got = client.tcp("10.96.0.10", 9001, request.format("/ws") + "frame\n", lines=99, wait=1)
    assert got.startswith("HTTP/1.1 101") and got.endswith("\n\nframe\n(silent)")
    assert client.tcp("10.96.0.10", 9001, request.format("/other"), lines=1).startswith("HTTP/1.1 403")


def test_no_backend_is_503(mesh):
    client, _, _ = mesh([], [plans.outbound(weights={})])
    assert client.curl(VIP) == (503, "no_backend")


def test_tcp_without_backend_is_closed(mesh):
    client, _, _ = mesh([], [plans.outbound(port=9000, protocol=TCP, weights={})])
    assert client.tcp("10.96.0.10", 9000, "x\n") == ""


def test_a_share_of_a_split_that_the_caller_may_not_reach_is_403(mesh):
    chains = [plans.chain(rules=[plans.rule()])]
    client, _, _ = mesh(chains, [plans.outbound(weights={"ns1/server|80": 50}, denied=50)])
    done = client.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\\n", VIP + "/[1-200]")
    codes = done.stdout.split()
    assert set(codes) == {"200", "403"} and 60 < codes.count("200") < 140


def test_a_split_of_which_nothing_may_be_reached_is_403(mesh):
    client, _, _ = mesh([], [plans.outbound(weights={}, denied=100)])
    assert client.curl(VIP) == (403, "no_policy")


def test_the_denied_share_of_tcp_is_closed(mesh):
    chains = [plans.chain(port=9000, protocol=TCP, tcp_any=True)]
    client, _, _ = mesh(chains, [plans.outbound(port=9000, protocol=TCP, weights={"ns1/server|9000": 1}, denied=1)])
    assert {client.tcp("10.96.0.10", 9000, "x\n") for _ in range(30)} == {"", "banner server\nx\n"}


def test_a_service_outside_the_mesh_is_passed_through(mesh, two_pods):
    """Its listener takes precedence over the closed ranges; the bytes go out as they are."""
    outside = plans.outbound("ns1/outside", 8080, ["10.244.0.12"], TCP, weights={}, passthrough=True)
    outside["clusters"] = []
    client, _, theirs = mesh([plans.chain(rules=[plans.rule()])], [outside], base=plans.base(True))
    assert client.tcp("10.244.0.12", 8080, "GET / HTTP/1.1\r\n\r\n") == ""
    wait_for("plaintext at the other side", lambda: "filter_chain_not_found" in theirs.out.read_text())


@pytest.mark.parametrize("protocol", [TCP, TCP_SERVER_FIRST])
def test_tcp(mesh, protocol):
    chains = [plans.chain(port=9000, protocol=protocol, tcp_principals=[plans.spiffe("ns1/client")])]
    client, _, _ = mesh(chains, [plans.outbound(port=9000, protocol=protocol)])
    assert client.tcp("10.96.0.10", 9000, "hello\n") == "banner server\nhello\n"
    assert client.tcp("10.96.0.10", 9000) == "banner server\n"


def test_a_silent_stranger_does_not_get_the_banner(mesh):
    chains = [plans.chain(port=9000, protocol=TCP_SERVER_FIRST, tcp_principals=[plans.spiffe("ns1/client")])]
    client, _, _ = mesh(chains, [plans.outbound(port=9000, protocol=TCP_SERVER_FIRST)], account="ns1/thief")
    assert client.tcp("10.96.0.10", 9000) == ""


def test_tcp_for_nobody_has_no_chain(mesh, encode):
    chains = [plans.chain(port=9000, protocol=TCP), plans.chain(rules=[plans.rule()])]
    client, _, _ = mesh(chains, [plans.outbound(port=9000, protocol=TCP)])
    assert client.tcp("10.96.0.10", 9000) == ""
    assert encode("inbound", plans.inbound(chains[0])) == {}


def test_headless_http_goes_to_the_address_dialled_with_mtls(mesh):
    chains = [plans.chain(rules=[plans.rule()])]
    headless = plans.outbound(port=8080, addresses=["10.244.0.12", "10.244.0.99"], original_dst=True)
    client, mine, theirs = mesh(chains, [headless])
    status, saw = client.get("http://10.244.0.12:8080/x")
    assert (status, saw["who"]) == (200, "server")
    wait_for("log", lambda: "server.ns1.svc.cluster.local" in theirs.out.read_text())
    assert client.curl("http://10.244.0.99:8080/x")[0] == 503  # nobody there: not taken to another address


def test_headless_tcp(mesh):
    chains = [plans.chain(port=9000, protocol=TCP, tcp_any=True)]
    client, _, _ = mesh(chains, [plans.outbound(port=9000, addresses=["10.244.0.12"], protocol=TCP, original_dst=True)])
    assert client.tcp("10.244.0.12", 9000, "x\n") == "banner server\nx\n"


def test_plaintext_from_outside_the_mesh_is_refused_and_logged(mesh, two_pods):
    _, _, theirs = mesh([plans.chain(rules=[plans.rule("any", (), any_principal=True)])], [])
    client, _ = two_pods
    as_sidecar = ("setpriv", "--reuid=1500", "--regid=1500", "--clear-groups")  # not captured
    done = client.run(*as_sidecar, "curl", "-s", "-m", "5", "http://10.244.0.12:8080/")
    assert done.returncode != 0 and done.stdout == ""
    wait_for("log", lambda: "filter_chain_not_found" in theirs.out.read_text())


@pytest.mark.parametrize("egress", [True, False])
def test_a_service_without_policy_is_closed_and_named(mesh, egress):
    client, mine, _ = mesh([], [], base=plans.base(egress))
    for address in ("10.96.0.77", "10.244.0.12"):
        assert client.tcp(address, 8080, "x\n") == ""
    log = mine.directory / "denied"
    wait_for("no_policy", lambda: log.exists() and log.read_text().endswith("no_policy 10.244.0.12:8080\n"))
    assert log.read_text() == "no_policy 10.96.0.77:8080\nno_policy 10.244.0.12:8080\n"


def test_egress(mesh, two_pods):
    """Beyond the cluster's ranges: passed through as it is, or closed."""
    client, server = two_pods
    client, mine, _ = mesh([], [], base=plans.base(True, closed=["10.96.0.0/12"]))
    server.run("nft", "flush", "table", "inet", "osm")
    try:
        server.serve(pods_echo_everywhere(), 7000)
        assert client.get("http://10.244.0.12:7000/")[0] == 200
    finally:
        server.run("nft", "delete", "table", "inet", "osm")
        server.run("nft", "-f", "-", input=pods.CAPTURE)


def pods_echo_everywhere():
    return pods.ECHO.replace('("127.0.0.1", int', '("0.0.0.0", int')


def test_egress_off_closes(mesh):
    client, _, _ = mesh([], [], base=plans.base(False, closed=["10.96.0.0/12"]))
    assert client.tcp("10.244.0.12", 7000, "x\n") == ""


def test_dialling_the_capture_port_does_not_loop(mesh):
    client, mine, _ = mesh([], [], base=plans.base(True))
    for address in ("127.0.0.1", "10.244.0.11"):
        assert client.tcp(address, 15001, "x\n") == ""


def test_a_call_to_the_own_service(two_pods, sidecar, encode):
    """Through both of its own listeners, with mTLS to itself."""
    _, server = two_pods
    chains = [plans.chain(rules=[plans.rule(principals=("ns1/server",))])]
    e = sidecar(server, "ns1/server", encode("inbound", plans.inbound(*chains)), encode("base", plans.base()),
                encode("outbound", plans.outbound()), encode("endpoints", plans.endpoints(ENDPOINTS)))
    status, saw = server.get(VIP + "/self")
    assert (status, saw["path"]) == (200, "/self")


def samples(envoy):
    """{series without its value: value} of osm_*"""
    out = {}
    for line in envoy.admin("/stats/prometheus")[1].splitlines():
        if line.startswith("envoy_osm_"):
            series, _, value = line.rpartition(" ")
            out[series] = float(value)
    return out


def test_request_statistics(mesh):
    client, mine, theirs = mesh([plans.chain(rules=[plans.rule()])], [plans.outbound()])
    for _ in range(5):
        assert client.curl(VIP)[0] == 200
    wait_for("five", lambda: 5.0 in samples(mine).values() and 5.0 in samples(theirs).values())
    one = [s for s in samples(mine) if s.startswith("envoy_osm_request_total")]
    assert len(one) == 1
    for label in ('direction="outbound"', 'source_namespace="ns1"', 'source_pod="client-1"', 'source_kind="Deployment"',
                  'source_name="client"', 'destination_namespace="ns1"', 'destination_pod="server-1"',
                  'destination_kind="Deployment"', 'destination_name="server"', 'destination_service="ns1/server"',
                  'response_code="200"', 'tls="TLSv1.3"'):
        assert label in one[0]
    [one] = [s for s in samples(theirs) if s.startswith("envoy_osm_request_total")]
    for label in ('direction="inbound"', 'source_identity="spiffe://cluster.local/ns/ns1/sa/client"',
                  'destination_pod="server-1"', 'destination_namespace="ns1"', 'destination_kind="Deployment"',
                  'destination_service="ns1/server"', 'response_code="200"', 'tls="TLSv1.3"'):
        assert label in one
    wait_for("histogram", lambda: any(s.startswith("envoy_osm_request_duration_ms_bucket") and 'le="+Inf"' in s and v == 5
                                      for s, v in samples(mine).items()))


def test_access_log_has_the_nineteen_fields(mesh):
    client, mine, theirs = mesh([plans.chain(rules=[plans.rule()])], [plans.outbound()])
    client.curl(VIP + "/log", "-H", "Host: server")
    for envoy in (mine, theirs):
        wait_for("a line", lambda: '"/log"' in envoy.out.read_text())
        [line] = [json.loads(x) for x in envoy.out.read_text().splitlines() if x.startswith("{") and "/log" in x]
        assert len(line) == 19
        assert (line["method"], line["path"], line["authority"], line["response_code"]) == ("GET", "/log", "server", 200)
