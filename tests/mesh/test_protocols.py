"""Every protocol through two sidecars, allowed and refused: HTTP/1.1, HTTP/2, gRPC, WebSocket, TCP, server-first; several
ports per Service, ports that differ from target ports, several Services per pod."""
import pytest
from harness import EVERY, TCP, eventually, http_rule, opened, routes, service, target, tcp_route, tcp_rule


@pytest.fixture
def client(world):
    return world.caller("a/client")


def test_http2_stays_http2_and_each_request_is_judged(world, client):
    world.policy(routes("g", {"name": "m", "pathRegex": "/public/.*"}), target("t", http_rule("g")))
    ask = lambda who=client: who("http2", "peer.d", paths=["/public/1", "/secret", "/public/2", "/public/../secret"])
    answers = ask()["answers"]
    assert [a["status"] for a in answers] == [200, 403, 200, 403]
    assert [(a["saw"]["protocol"], a["saw"]["path"]) for a in answers if a["saw"]] == [("HTTP/2", "/public/1"), ("HTTP/2", "/public/2")]
    assert ask(world.caller("a/other")).get("error") == "closed"
    world.policy(permissive=True)
    answers = ask()["answers"]
    assert [(a["status"], a["saw"]["protocol"]) for a in answers] == [(200, "HTTP/2")] * 4


@pytest.fixture
def grpc_ports(world):
    """One server under a port named grpc-, and under one whose appProtocol says it."""
    world.add("spoken.yaml", service("spoken", {"app": "peer"}, [{"name": "say", "port": 91, "targetPort": 8082, "appProtocol": "grpc"}]))
    yield [("peer.d", 90), ("spoken.d", 91)]
    world.remove("spoken.yaml")


def codes(caller, host, port):
    """How each method of the server ends, in words of gRPC."""
    return {m: caller("grpc", host, port, method=m, say=["x"] if m == "Chat" else "x")["code"] for m in ("Say", "Shout", "Chat")}


def test_grpc_unary_and_bidirectional_by_method(world, client, grpc_ports):
    allowed = lambda methods: (routes("g", {"name": "m", "pathRegex": f"/test\\.Echo/{methods}", "methods": ["POST"]}), target("t", http_rule("g")))
    world.policy(*allowed("(Say|Chat)"))
    for host, port in grpc_ports:
        said = client("grpc", host, port, method="Say", say="hello")
        assert (said["code"], said["who"], said["said"]) == ("OK", "peer", "hello")
        assert client("grpc", host, port, method="Chat", say=["a", "b", "c"])["got"] == ["peer:a", "peer:b", "peer:c"]
        assert codes(client, host, port) == {"Say": "OK", "Shout": "PERMISSION_DENIED", "Chat": "OK"}
        assert set(codes(world.caller("a/other"), host, port).values()) == {"UNAVAILABLE"}, "its own sidecar closes"
    refused = client("http2", "peer.d", 90, paths=["/test.Echo/Say"])["answers"]
    assert [a["status"] for a in refused] == [403], "a GET, for whoever does not speak gRPC, in HTTP's words"
    world.policy(*allowed("Shout"))
    for host, port in grpc_ports:
        assert codes(client, host, port) == {"Say": "PERMISSION_DENIED", "Shout": "OK", "Chat": "PERMISSION_DENIED"}
    world.policy(permissive=True)
    for host, port in grpc_ports:
        assert set(codes(client, host, port).values()) == set(codes(world.caller("a/other"), host, port).values()) == {"OK"}


def test_a_web_socket_passes_frames_both_ways_where_its_path_is_allowed(world, client):
    world.policy(routes("g", {"name": "m", "pathRegex": "/ws", "methods": ["GET"]}), target("t", http_rule("g")))
    answer = client("web_socket", "peer.d", path="/ws", say=["one", "two"])
    assert (answer["status"], answer["got"]) == (101, ["peer:one", "peer:two"])
    assert client("web_socket", "peer.d", path="/other", say=["one"])["status"] == 403


def test_tcp_and_server_first_are_opened_by_target_ports(world, client):
    world.policy(tcp_route("echo", 9000), target("t", tcp_rule("echo")))
    assert client.echo("peer.d") == "peer"
    assert client.hello("peer.d") == "closed"
    world.policy(tcp_route("hello", 9001), target("t", tcp_rule("hello")))
    assert client.hello("peer.d") == "220 peer"
    assert client("tcp", "peer.d", 101, listen=True, say=["x"])["got"] == ["peer:x"]
    assert client.echo("peer.d") == "closed"
    world.policy(tcp_route("service-port", 101), target("t", tcp_rule("service-port")))
    assert client.hello("peer.d") == "closed", "ports of a TCPRoute are target ports"


def test_a_stranger_to_the_rule_does_not_get_the_greeting(world, client):
    world.policy(TCP, target("t", tcp_rule("tcp")))
    assert client.hello("peer.d") == "220 peer"
    assert world.caller("a/other").hello("peer.d") == "closed"
    assert world.caller("d/client").hello("peer.d") == "closed", "an account of that name in another namespace is another"


def test_a_named_target_port_and_several_ports_of_one_service(world, client):
    world.policy(*opened())
    assert [client.saw("peer.d", port=p)["port"] for p in (80, 81)] == [8080, 8081]
    assert client.get("peer.d", port=8080) == "closed", "a target port is no port of the Service"


def test_several_services_stand_before_one_pod_with_ports_of_their_own(world, client):
    world.policy(*opened())
    assert client.saw("alias.d", port=8000)["who"] == client.saw("any.d", port=81)["who"] == "peer"
    assert client.get("alias.d", port=80) == "closed"


def test_http_routes_open_no_tcp_and_tcp_routes_no_http(world, client):
    world.policy(EVERY, target("t", http_rule("every")))
    assert (client.get("peer.d"), client.echo("peer.d"), client.hello("peer.d")) == (200, "closed", "closed")
    world.policy(TCP, target("t", tcp_rule("tcp")))
    assert (client.get("peer.d"), client.echo("peer.d"), client.hello("peer.d")) == ("closed", "peer", "220 peer")


def test_one_connection_carries_many_requests_each_judged(world, client):
    world.policy(routes("g", {"name": "m", "pathRegex": "/yes"}), target("t", http_rule("g")))
    client("hold", "peer.d", name="kept")
    got = [client("again", "peer.d", name="kept", path=p).get("status") for p in ("/yes", "/no", "/yes", "/no")]
    client("drop", name="kept")
    assert got == [200, 403, 200, 403]


def test_the_applications_own_answers_pass_unchanged(world, client):
    world.policy(*opened())
    assert [client.get("peer.d", f"/status/{s}") for s in (201, 404, 500, 503)] == [201, 404, 500, 503]
    saw = client.saw("peer.d", "/x?y=%2F&z", ["Host", "some.name:1"], ["X-Twice", "1"], ["x-twice", "2"], method="PUT")
    headers = saw["headers"]
    assert (saw["method"], saw["path"]) == ("PUT", "/x?y=%2F&z") and ["host", "some.name:1"] in headers
    assert [v for n, v in headers if n == "x-twice"] in (["1", "2"], ["1,2"])
    assert not any(n == "x-forwarded-client-cert" for n, _ in headers)


def test_nothing_answers_behind_a_service_without_pods(world, client):
    world.save("empty.yaml", service("empty", {"app": "nobody"}))
    try:
        world.policy(permissive=True)
        assert eventually(lambda: (s := client.get("empty.d")) != "no name" and s, 10) == 503
        assert client.echo("empty.d") == "closed"
    finally:
        world.remove("empty.yaml")
