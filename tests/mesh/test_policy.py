"""Who may call whom in SMI mode, what is not meant by a rule, and paths and headers as policy reads them."""
import pytest
from harness import EVERY, TCP, eventually, http_rule, opened, routes, split, target, tcp_rule


@pytest.fixture
def client(world):
    return world.caller("a/client")


def public(world, **match):
    world.policy(routes("g", {"name": "m", "pathRegex": "/public(/.*)?", **match}), target("t", http_rule("g")))


# ---- what is meant ----

def test_several_targets_add_up_for_each_source(world, client):
    group = routes("g", {"name": "one", "pathRegex": "/one"}, {"name": "two", "pathRegex": "/two"}, {"name": "three", "pathRegex": "/three"})
    first = target("first", http_rule("g", "one"), sources=("a/client",))
    second = target("second", http_rule("g", "two"), sources=("a/client", "a/other"))
    third = target("third", http_rule("g", "three"), sources=("d/client",))
    callers = [world.caller(p) for p in ("a/client", "a/other", "d/client")]
    for objects in ((first, second, third), (third, second, first)):
        world.policy(*objects, group)
        got = [[c.get("peer.d", p) for p in ("/one", "/two", "/three")] for c in callers]
        assert got == [[200, 200, 403], [403, 200, 403], [403, 403, 200]]
    world.policy(first, third, group)
    got = [[c.get("peer.d", p) for p in ("/one", "/two", "/three")] for c in callers]
    assert got == [[200, 403, 403], ["closed"] * 3, [403, 403, 200]]


def test_a_narrow_rule_takes_nothing_from_a_wide_one(world, client):
    group = routes("g", {"name": "get", "pathRegex": "/.*", "methods": ["GET"]}, {"name": "head", "pathRegex": "/x", "headers": [{"k": "v"}]})
    for rules in (("get", "head"), ("head", "get")):
        world.policy(group, target("t", *(http_rule("g", r) for r in rules)))
        assert client.get("peer.d", "/x") == 200
        assert client.get("peer.d", "/x", ("k", "v"), method="POST") == 200
        assert client.get("peer.d", "/x", method="POST") == 403


def test_rules_of_other_namespaces_accounts_and_destinations_have_no_effect(world, client):
    world.policy(*opened("d/client"))
    assert client.get("peer.d") == "closed", "the same account name in another namespace"
    assert world.caller("d/client").get("peer") == 200
    world.policy(*opened(to="peer2"))
    assert (client.get("peer.d"), client.get("peer2.d")) == ("closed", 200)
    world.policy(routes("every", {"name": "all"}, ns="a"), target("t", http_rule("every"), ns="a"))
    assert client.get("peer.d") == "closed", "a target outside its destination's namespace"
    world.policy(routes("every", {"name": "all"}, ns="a"), target("t", http_rule("every")))
    assert client.get("peer.d") == "closed", "a group of another namespace is not the target's"


def test_omitted_matches_and_empty_sources(world, client):
    world.policy(routes("g", {"name": "one", "pathRegex": "/one"}, {"name": "two", "pathRegex": "/two"}), target("t", http_rule("g")))
    assert [client.get("peer.d", p) for p in ("/one", "/two", "/three")] == [200, 200, 403]
    world.policy(EVERY, TCP, target("t", http_rule("every"), tcp_rule("tcp"), sources=()))
    assert (client.get("peer.d"), client.echo("peer.d"), client.hello("peer.d")) == ("closed",) * 3


def test_a_match_of_headers_or_methods_alone(world, client):
    world.policy(routes("g", {"name": "m", "methods": ["PUT", "DELETE"]}), target("t", http_rule("g")))
    assert [client.get("peer.d", "/any", method=m) for m in ("PUT", "DELETE", "GET")] == [200, 200, 403]
    world.policy(routes("g", {"name": "h", "headers": [{"x-kind": "b[0-9]+"}, {"host": "peer\\.d(:80)?"}]}), target("t", http_rule("g")))
    ask = lambda value, host="peer.d": client.get("peer.d", "/", ("host", host), ("X-Kind", value))
    assert [ask("b1"), ask("b1", "peer.d:80"), ask("b"), ask("ab1"), ask("b1", "other")] == [200, 200, 403, 403, 403]


def test_permissive_mode_is_switched_under_way_and_back(world, client):
    for permissive in (True, False, True, False):
        world.policy(permissive=permissive)
        expected = (200, "peer", "220 peer") if permissive else ("closed",) * 3
        assert (client.get("peer.d"), client.echo("peer.d"), client.hello("peer.d")) == expected


# ---- paths ----

JUDGED = {
    "/public": (200, "/public"), "/public/": (200, "/public/"), "/public//x": (200, "/public/x"), "//public/x": (200, "/public/x"),
    "///public": (200, "/public"), "/a/../public": (200, "/public"), "/./public/./x": (200, "/public/x"),
    "/public/../admin": (403, None), "/public/%2e%2e/admin": (403, None), "/public/.%2E/admin": (403, None), "//admin": (403, None),
    "/public/x/../../admin": (403, None), "/publicity": (403, None), "/PUBLIC": (403, None), "/admin?/public": (403, None),
    "/public?x=/../admin": (200, "/public?x=/../admin"), "/public/a\\..\\..\\admin": (403, None), "/%70ublic/x": (200, "/public/x"),
    "/public%2Fx": (400, None), "/public/..%2fadmin": (400, None), "/public%5Cx": (400, None), "/public/..%5cadmin": (400, None),
}


def test_paths_are_judged_normalised_and_the_application_gets_what_was_judged(world, client):
    public(world)
    got = {}
    for path in JUDGED:
        a = client("http", "peer.d", path=path)
        got[path] = (a.get("status"), a["saw"]["path"] if a.get("saw") else None)
    assert got == JUDGED


def test_the_same_over_http2(world, client):
    public(world)
    answers = client("http2", "peer.d", paths=list(JUDGED))["answers"]
    assert {p: (a["status"], a["saw"]["path"] if a["saw"] else None) for p, a in zip(JUDGED, answers)} == JUDGED


def test_a_connection_from_before_the_first_path_rule_lets_no_escaped_slash_through(world, client):
    world.policy(routes("g", {"name": "m", "methods": ["*"]}), target("t", http_rule("g")))
    client("hold", "peer.d", name="before")
    ask = lambda escape: client("again", "peer.d", name="before", path=f"/public/..%{escape}admin")["status"]
    eventually(lambda: ask("2f") == 200, 10, "kept where no rule looks at paths")
    public(world)
    got = [ask(escape) for escape in ("2f", "5C", "2F")]
    client("drop", name="before")
    assert set(got) <= {400, 403}


def test_a_query_is_not_part_of_the_path(world, client):
    world.policy(routes("g", {"name": "m", "pathRegex": "/exact"}), target("t", http_rule("g")))
    assert [client.get("peer.d", p) for p in ("/exact", "/exact?a=b", "/exact?", "/exact?/more", "/exactly", "/exact/")] == [200] * 4 + [403] * 2


def test_a_repeated_header_hides_nothing(world, client):
    world.policy(routes("g", {"name": "h", "headers": [{"user": "alice|bob"}]}), target("t", http_rule("g")))
    ask = lambda *users: client.get("peer.d", "/", *(("user", u) for u in users))
    assert [ask("alice"), ask("bob"), ask(), ask("eve")] == [200, 200, 403, 403]
    assert [ask("alice", "eve"), ask("eve", "alice"), ask("alice", "eve", "alice")] == [403] * 3


@pytest.mark.parametrize("name", ["x-forwarded-host", "x-original-url", "x-rewrite-url", "x-envoy-original-path", "x-http-method-override"])
def test_headers_that_others_trust_change_no_judgement(world, client, name):
    public(world, methods=["GET"])
    assert client.get("peer.d", "/admin", (name, "/public")) == 403
    assert client.saw("peer.d", "/public", (name, "/admin"))["path"] == "/public"


def test_a_caller_cannot_forge_an_identity_header(world):
    world.policy(*opened())
    other = world.caller("a/other")
    forged = ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/a/sa/client")
    assert other.get("peer.d", "/", forged) == "closed"
    assert not any(n == "x-forwarded-client-cert" for n, _ in world.caller("a/client").saw("peer.d", "/", forged)["headers"])


# ---- splits ----

def share(seen, who, of):
    return seen.get(who, 0) / of


def test_weights_are_shares_of_requests_and_of_connections(world, client):
    world.policy(split("any", peer=75, peer2=25), permissive=True)
    for do, port in (("many", 80), ("many_tcp", 100)):
        seen = client(do, "any.d", port, n=300)["seen"]
        assert set(seen) == {"peer", "peer2"} and 0.65 < share(seen, "peer", 300) < 0.85, (do, seen)


@pytest.mark.parametrize("root", ["any", "any.d", "any.d.svc", "any.d.svc.cluster", "any.d.svc.cluster.local"])
def test_every_form_of_the_roots_name(world, client, root):
    for weights, who in (({"peer": 1, "peer2": 0}, "peer"), ({"peer": 0, "peer2": 1}, "peer2")):
        world.policy(split(root, **weights), permissive=True)
        assert client("many", "any.d", n=8)["seen"] == {who: 8}
        assert {client.echo("any.d") for _ in range(4)} == {who}
        assert client.hello("any.d") == f"220 {who}"


def test_weights_change_under_load_with_no_failed_request(world, client):
    world.policy(split("any", peer=100, peer2=0), permissive=True)
    client("load", "any.d", name="split")
    for weights in ((50, 50), (0, 100), (100, 0), (10, 90)):
        world.policy(split("any", peer=weights[0], peer2=weights[1]), permissive=True)
        client("many", "any.d", n=10)
    seen = client("load_end", name="split")["seen"]
    assert set(seen) == {"peer", "peer2"} and len(seen) > 20


def test_the_root_may_be_its_own_backend(world, client):
    world.policy(split("peer", peer=50, peer2=50), permissive=True)
    assert set(client("many", "peer.d", n=60)["seen"]) == {"peer", "peer2"}
    world.policy(split("peer", peer=0, peer2=1), permissive=True)
    assert client("many", "peer.d", n=5)["seen"] == {"peer2": 5}
    assert client.saw("peer2.d")["who"] == "peer2"


def test_a_share_that_the_caller_may_not_reach_is_refused_and_moves_to_nobody(world, client):
    world.policy(*opened(), split("any", peer=50, peer2=50))
    seen = client("many", "any.d", n=200)["seen"]
    assert set(seen) == {"peer", "403"} and 60 < seen["403"] < 140
    assert set(client("many_tcp", "any.d", 100, n=60)["seen"]) == {"peer", "closed"}
    world.policy(*opened(), *opened(to="peer2", name="two")[2:], split("any", peer=50, peer2=50))
    assert set(client("many", "any.d", n=60)["seen"]) == {"peer", "peer2"}
    world.policy(split("any", peer=50, peer2=50))
    assert client.get("any.d") == "closed", "nothing within reach"
