"""Retry and UpstreamTrafficSetting: repetitions, limits of calls, circuit breaking, timeouts, and which pod answers."""
import itertools

import pytest
from conftest import eventually
from harness import EVERY, TCP, http_rule, opened, peer, service, split, target, tcp_rule
from outside import LIMITER, LIMITER_PORT, Limiter

POLICY = "policy.openservicemesh.io/v1alpha1"
REPEAT = {"featureFlags": {"enableRetryPolicy": True}}
fresh = (f"x{n}" for n in itertools.count())


def retry(name="r", source="a/client", to=("peer",), **policy):
    ns, sa = source.split("/")
    return {"apiVersion": POLICY, "kind": "Retry", "metadata": {"name": name, "namespace": ns},
            "spec": {"source": {"kind": "ServiceAccount", "name": sa, "namespace": ns},
                     "destinations": [{"kind": "Service", "name": s, "namespace": "d"} for s in to], "retryPolicy": policy}}


def setting(service_name, name="u", **spec):
    return {"apiVersion": POLICY, "kind": "UpstreamTrafficSetting", "metadata": {"name": name, "namespace": "d"},
            "spec": {"host": f"{service_name}.d.svc.cluster.local", **spec}}


@pytest.fixture(scope="module")
def extra(world):
    """A pod that only fails, and pods in zones."""
    zone = lambda z: {"topology.kubernetes.io/zone": z}
    pods = [peer("bad", "fail:8080", sa="peer", labels={"mixed": "yes"}),
            peer("east", "http:8080", "tcp:9000", sa="peer", labels={"app": "zoned", **zone("east")}),
            peer("west", "http:8080", "tcp:9000", sa="peer", labels={"app": "zoned", **zone("west")}),
            peer("caller-east", labels={"app": "caller", **zone("east")}, sa="client")]
    good = peer("good", "http:8080", sa="peer", labels={"mixed": "yes"})
    http = [{"name": "http", "port": 80, "targetPort": 8080}]
    world.add("upstream.yaml", *pods, good, service("mixed", {"mixed": "yes"}, http),
              service("zoned", {"app": "zoned"}, [*http, {"name": "tcp", "port": 100, "targetPort": 9000}]))
    yield world
    world.remove("upstream.yaml", *(f"d/{p['metadata']['name']}" for p in (*pods, good)))


@pytest.fixture(scope="module")
def limiter(world):
    it = Limiter(world)
    yield it
    world.policy()
    it.end()


@pytest.fixture
def client(world):
    return world.caller("a/client")


def modes():
    """The rest of the policy, by mode."""
    return ({"permissive": True}, []), ({"permissive": False}, [*opened("a/client", "a/other"), *opened("a/client", "a/other", to="peer2", name="open2")[2:]])


def tries(world, caller, path, host="peer.d", server="d/peer"):
    """How often the server is asked by one call."""
    path = f"{path}/{next(fresh)}"
    status = caller.get(host, path)
    # the last line to come is that of a call made afterwards
    mark = f"/mark/{next(fresh)}"
    assert caller.get(host, mark) == 200
    eventually(lambda: world.log(server, mark), 10, "the mark is in the log")
    return status, len(world.log(server, path))


# ---- retries ----

def test_calls_that_fail_are_repeated_for_the_source_alone(world, client):
    five = {"retryOn": "5xx", "numRetries": 5, "retryBackoffBaseInterval": "1ms"}
    other = world.caller("a/other")
    for mode, rest in modes():
        world.policy(retry(**five), *rest, over=REPEAT, **mode)
        assert tries(world, client, "/status/503") == (503, 6)
        assert tries(world, client, "/status/404") == (404, 1)
        assert tries(world, other, "/status/503") == (503, 1)
        assert tries(world, client, "/status/503", "peer2.d", "d/peer2") == (503, 1), "not listed"
    world.policy(retry(**{**five, "numRetries": 2}), retry("s", "a/other", retryOn="5xx"), *rest, over=REPEAT, **mode)
    assert tries(world, client, "/status/503") == (503, 3), "changed under way"
    assert tries(world, other, "/status/503") == (503, 2), "Envoy's one"
    world.policy(retry(**five), *rest, **mode)
    assert tries(world, client, "/status/503") == (503, 1), "the flag is off"


def test_one_try_may_take_only_so_long(world, client):
    world.policy(retry(retryOn="5xx", numRetries=1, perTryTimeout="200ms", retryBackoffBaseInterval="1ms"), permissive=True,
                 over=REPEAT)
    assert tries(world, client, "/slow/2") == (504, 2)
    world.policy(permissive=True)
    assert client.get("peer.d", "/slow/1") == 200


# ---- limits that each proxy keeps ----

def test_requests_beyond_a_local_limit_are_refused(world, client):
    http = {"requests": 2, "unit": "hour", "burst": 3, "responseHeadersToAdd": [{"name": "x-limited", "value": "100% so"}]}
    for mode, rest in modes():
        world.policy(setting("peer", rateLimit={"local": {"http": http}}), *rest, **mode)
        assert client("many", "peer.d", n=8)["seen"] == {"peer": 5, "429": 3}
        assert client("http", "peer.d")["headers"]["x-limited"] == "100% so"
        assert client("many", "peer2.d", n=8)["seen"] == {"peer2": 8}, "another Service"
        assert client("many", "alias.d", 8000, n=8)["seen"] == {"peer": 8}, "the same pod behind another Service"
        world.policy(setting("peer", rateLimit={"local": {"http": {**http, "requests": 1, "burst": 0, "responseStatusCode": 503}}}), *rest, **mode)
        assert client("many", "peer.d", n=4)["seen"] == {"peer": 1, "503": 3}, "changed under way"
        world.policy(*rest, **mode)
        assert client("many", "peer.d", n=8)["seen"] == {"peer": 8}, "lifted"


def test_a_path_has_its_own_limit_in_place_of_the_hosts(world, client):
    paths = [{"path": "/books(/.*)?", "rateLimit": {"local": {"requests": 2, "unit": "hour", "responseStatusCode": 503}}}]
    world.policy(setting("peer", rateLimit={"local": {"http": {"requests": 3, "unit": "hour"}}}, httpRoutes=paths), permissive=True)
    assert client("many", "peer.d", path="/books/1?a=b", n=4)["seen"] == {"peer": 2, "503": 2}
    assert client("many", "peer.d", path="/bookshelf", n=5)["seen"] == {"peer": 3, "429": 2}
    world.policy(setting("peer", httpRoutes=paths), permissive=True)
    assert client("many", "peer.d", path="/books", n=3)["seen"] == {"peer": 2, "503": 1}
    assert client("many", "peer.d", path="/bookshelf", n=9)["seen"] == {"peer": 9}


def test_who_is_not_allowed_spends_nothing(world, client):
    deny = [EVERY, TCP, target("open", http_rule("every"), tcp_rule("tcp"), sources=("a/client",))]
    world.policy(*deny, setting("peer", rateLimit={"local": {"http": {"requests": 2, "unit": "hour"}}}))
    assert world.caller("a/other")("many", "peer.d", n=4)["seen"] == {"closed": 4}
    assert client("many", "peer.d", n=3)["seen"] == {"peer": 2, "429": 1}


def test_connections_beyond_a_local_limit_are_closed(world, client):
    for mode, rest in modes():
        world.policy(setting("peer", rateLimit={"local": {"tcp": {"connections": 2, "unit": "hour", "burst": 1}}}), *rest, **mode)
        assert client("many_tcp", "peer.d", 100, n=6)["seen"] == {"peer": 3, "closed": 3}
        world.policy(*rest, **mode)
        assert client("many_tcp", "peer.d", 100, n=6)["seen"] == {"peer": 6}


# ---- limits that a service keeps ----

def counted(*entries, **more):
    return {"rateLimitService": {"host": LIMITER, "port": LIMITER_PORT}, "domain": "test", "timeout": "2s", "descriptors": [{"entries": list(e)} for e in entries], **more}


def test_requests_are_counted_by_a_service(world, client, limiter):
    key = next(fresh)
    allow = [{"genericKey": {"key": "allow", "value": "3"}}, {"genericKey": {"value": key}}]
    every = [{"remoteAddress": {}}, {"requestHeader": {"name": "x-user", "key": "user"}}, {"genericKey": {"value": "100%"}},
             {"headerValueMatch": {"value": "gold", "headers": [{"name": "x-tier", "prefix": "go"}, {"name": "x-no", "present": False}]}}]
    limit = counted(allow, every, enableXRateLimitHeaders=True)
    for mode, rest in modes():
        allow[1]["genericKey"]["value"] = next(fresh)
        world.policy(setting("peer", rateLimit={"global": {"http": limit}}), *rest, **mode)
        eventually(lambda: client.get("peer.d", "/warm") in (200, 429) and limiter.asked(), 20, "the service is called")
        allow[1]["genericKey"]["value"] = next(fresh)
        world.policy(setting("peer", rateLimit={"global": {"http": limit}}), *rest, **mode)
        answer = client("http", "peer.d", headers=[["x-user", "me"], ["x-tier", "gold"]])
        assert answer["status"] == 200 and answer["headers"]["x-ratelimit-remaining"] == "2", answer
        assert client("many", "peer.d", n=4)["seen"] == {"peer": 2, "429": 2}
    address = world.address("a/client")
    full = [d for d in limiter.asked() if ["user", "me"] in d]
    assert full[-1] == [["remote_address", address], ["user", "me"], ["generic_key", "100%"], ["header_match", "gold"]]


def test_a_path_is_counted_in_place_of_the_host(world, client, limiter):
    host, path = next(fresh), next(fresh)
    limit = counted([{"genericKey": {"key": "allow", "value": "50"}}, {"genericKey": {"value": host}}], responseStatusCode=503)
    routes = [{"path": "/books", "rateLimit": {"global": {"descriptors": [{"entries": [
        {"genericKey": {"key": "allow", "value": "2"}}, {"genericKey": {"value": path}}]}]}}}]
    world.policy(setting("peer", rateLimit={"global": {"http": limit}}, httpRoutes=routes), permissive=True)
    eventually(lambda: client.get("peer.d", "/x") == 200 and any(["generic_key", host] in d for d in limiter.asked()), 20)
    assert client("many", "peer.d", path="/books", n=4)["seen"] == {"peer": 2, "503": 2}
    assert client("many", "peer.d", path="/x", n=4)["seen"] == {"peer": 4}


def test_what_happens_when_the_service_does_not_answer(world, client, limiter):
    tcp = {**counted(timeout="20ms"), "descriptors": [{"entries": [{"key": "part", "value": "100%"}]}]}
    world.policy(setting("peer", rateLimit={"global": {"tcp": {**tcp, "timeout": "2s"}}}), permissive=True)
    eventually(lambda: client.echo("peer.d") == "peer" and any(["part", "100%"] in d for d in limiter.asked()), 10)
    with limiter.stopped():
        for fail_open, expected in ((True, 200), (False, 500)):
            http = counted([{"genericKey": {"value": "any"}}], timeout="20ms", failOpen=fail_open)
            world.policy(setting("peer", rateLimit={"global": {"http": http}}), permissive=True)
            assert client.get("peer.d") == expected
            world.policy(setting("peer", rateLimit={"global": {"tcp": {**tcp, "failOpen": fail_open}}}), permissive=True)
            assert client.echo("peer.d") == ("peer" if fail_open else "closed")


def test_connections_are_counted_by_a_service(world, client, limiter):
    for mode, rest in modes():
        tcp = counted(failOpen=False)
        tcp["descriptors"] = [{"entries": [{"key": "allow", "value": "2"}, {"key": "who", "value": next(fresh)}]}]
        world.policy(setting("peer", rateLimit={"global": {"tcp": tcp}}), *rest, **mode)
        assert client("many_tcp", "peer.d", 100, n=4)["seen"] == {"peer": 2, "closed": 2}


# ---- the caller's own limits ----

def test_beyond_the_limits_of_connections_calls_are_refused(world, client):
    for mode, rest in modes():
        world.policy(setting("peer", connectionSettings={"tcp": {"maxConnections": 1}, "http": {"maxPendingRequests": 1}}), *rest, **mode)
        path = f"/slow/1/{next(fresh)}"
        seen = client("together", "peer.d", path=path, n=6)["seen"]
        # one on the connection and one that waits; while the connection is made the first one is who waits
        assert set(seen) == {"peer", "503"} and seen["peer"] in (1, 2), seen
        flags = eventually(lambda: (f := [line["response_flags"] for line in world.log("a/client", path)]) and len(f) == 6 and f, 10)
        assert flags.count("UO") == seen["503"], flags
        client("hold", "peer.d", 100, name="kept")
        assert client("line", name="kept", say="x")["got"] == "peer:x"
        assert client.echo("peer.d") == "closed", "one connection"
        client("drop", name="kept")
        eventually(lambda: client.echo("peer.d") == "peer", 5)
        world.policy(*rest, **mode)
        assert client("together", "peer.d", path=path, n=6)["seen"] == {"peer": 6}


def test_limits_hold_for_the_backends_of_a_split(world, client):
    limit = {"rateLimit": {"local": {"http": {"requests": 3, "unit": "hour"}}}}
    world.policy(split("any", peer=50, peer2=50), setting("peer", **limit), permissive=True)
    seen = client("many", "any.d", n=60)["seen"]
    assert seen["peer"] == 3 and seen["peer2"] > 15 and seen["peer2"] + seen["429"] == 57, seen


def test_calls_that_take_too_long_are_given_up(world, client):
    world.policy(setting("peer", timeouts={"request": "300ms", "idle": "1s"}), permissive=True)
    assert client.get("peer.d", "/slow/2") == 504
    assert client.get("peer.d", "/slow/0.01") == 200
    client("hold", "peer.d", 100, name="idle")
    assert client("line", name="idle", say="x")["got"] == "peer:x"
    assert 0.5 < client("ended", name="idle", timeout=10)["seconds"] < 5
    world.policy(setting("peer", timeouts={"request": "5s"}), permissive=True)
    assert client.get("peer.d", "/slow/1") == 200


# ---- which pod answers ----

def test_a_pod_that_fails_is_left_out(extra, client):
    world = extra
    world.policy(permissive=True)
    assert set(client("many", "mixed.d", n=20)["seen"]) == {"good", "503"}
    world.policy(setting("mixed", outlierEjection={"consecutiveErrors": 2, "interval": "100ms", "ejectionTime": "1h"}), permissive=True)
    eventually(lambda: client("many", "mixed.d", n=10)["seen"] == {"good": 10}, 20, "the bad pod is out")
    world.policy(permissive=True)
    assert set(client("many", "mixed.d", n=20)["seen"]) == {"good", "503"}


USERS = [f"user{i}" for i in range(8)]


def spread(client, headers, host="any.d", n=5):
    """{user: who answered}"""
    return {u: set(client("many", host, n=n, headers=[headers(u)])["seen"]) for u in USERS}


def test_calls_with_one_value_go_to_one_pod(world, client):
    cases = {"header": ({"header": "x-user"}, lambda u: ["x-user", u]), "cookie": ({"cookie": {"name": "session"}}, lambda u: ["cookie", f"a=b; session={u}"])}
    for hash_by, header in cases.values():
        world.policy(setting("any", loadBalancing={"consistentHash": hash_by}), permissive=True)
        seen = spread(client, header)
        assert all(len(who) == 1 for who in seen.values()), seen
        assert set.union(*seen.values()) == {"peer", "peer2"}
        assert spread(client, header) == seen
    world.policy(setting("any", loadBalancing={"consistentHash": {"sourceAddress": True}}), permissive=True)
    assert len(client("many", "any.d", n=12)["seen"]) == 1
    assert len(client("many_tcp", "any.d", 100, n=12)["seen"]) == 1
    world.policy(permissive=True)
    assert len(client("many", "any.d", n=12)["seen"]) == 2
    assert len(client("many_tcp", "any.d", 100, n=12)["seen"]) == 2


def test_who_has_no_cookie_is_given_one(world, client):
    cookie = {"name": "session", "ttl": "1h", "path": "/"}
    world.policy(setting("any", loadBalancing={"consistentHash": {"cookie": cookie}}), permissive=True)
    answer = client("http", "any.d")
    given = answer["headers"]["set-cookie"]
    assert given.startswith("session=") and "Max-Age=3600" in given
    header = ["cookie", given.partition(";")[0]]
    assert client("many", "any.d", n=10, headers=[header])["seen"] == {answer["saw"]["who"]: 10}


def test_pods_of_the_callers_zone_are_preferred(extra, client):
    world, here = extra, extra.caller("d/caller-east")
    world.policy(permissive=True)
    assert set(here("many", "zoned", n=12)["seen"]) == {"east", "west"}
    world.policy(setting("zoned", loadBalancing={"preferSameZone": True}), permissive=True)
    assert here("many", "zoned", n=12)["seen"] == {"east": 12}
    assert here("many_tcp", "zoned", 100, n=6)["seen"] == {"east": 6}
    assert set(client("many", "zoned.d", n=12)["seen"]) == {"east", "west"}, "a caller without zone"
