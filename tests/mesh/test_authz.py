"""External authorization: who is asked, when, about what, and what happens when nobody answers."""
import pytest
from harness import eventually, http_rule, opened, routes, target
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


def judged(world, judge, *objects, **more):
    """These objects, and the judge is asked: a listener that changed takes the connections after the next."""
    world.policy(*objects, over=settings(**more))
    eventually(lambda: world.caller("a/client").get("peer.d", "/public") and judge.seen("authz"))


def settings(**more):
    return {"traffic": {"inboundExternalAuthorization": {"enable": True, "address": JUDGE, "port": JUDGE_PORTS["authz"], **more}}}


YES = ("x-judge", "yes")


def test_the_judge_decides_on_what_the_mesh_allows(world, client, judge):
    judge.mode("by-header")
    public = routes("g", {"name": "m", "pathRegex": "/public.*"})
    judged(world, judge, public, target("t", http_rule("g")))
    assert client.get("peer.d", "/public/a", YES) == 200
    assert client.get("peer.d", "/public/b") == 401
    assert client.get("peer.d", "/secret", YES) == 403, "the mesh's own policy"
    asked = judge.seen("authz")
    assert [a["path"] for a in asked] == ["/public/a", "/public/b"], "what the mesh forbids is shown to nobody"
    assert asked[0]["principal"] == "spiffe://cluster.local/ns/a/sa/client" and asked[0]["method"] == "GET"
    assert ["x-judged", "well"] in client.saw("peer.d", "/public", YES)["headers"]
    a = client("http", "peer.d", path="/public")
    assert (a["status"], a["body"]) == (401, "the judge says no")


def test_the_body_is_shown_up_to_8192_bytes_and_reaches_the_application_whole(world, client, judge):
    judge.mode("allow")
    judged(world, judge, *opened())
    for content in ("small", "x" * 8192, "y" * 20000):
        assert client("http", "peer.d", method="POST", content=content)["status"] == 200
        shown = judge.seen("authz")[0]
        assert (shown["body"], shown["headers"]["content-length"]) == (content[:8192], str(len(content)))
        assert shown["headers"].get("x-envoy-auth-partial-body") == ("true" if len(content) > 8192 else "false")


def test_streams_are_judged_by_their_headers_and_tcp_is_not_judged(world, client, judge):
    judge.mode("allow")
    judged(world, judge, *opened())
    assert client("grpc", "peer.d", 90, method="Chat", say=["a", "b"])["got"] == ["peer:a", "peer:b"]
    assert [a["path"] for a in judge.seen("authz")] == ["/test.Echo/Chat"]
    ws = client("web_socket", "peer.d", 80, say=["a"])
    assert ws["got"] == ["peer:a"], ws
    judge.mode("by-header")
    assert client("grpc", "peer.d", 90, method="Say", say="x")["code"] == "UNAUTHENTICATED"
    judge.seen()
    assert (client.echo("peer.d"), client.hello("peer.d"), judge.seen("authz")) == ("peer", "220 peer", [])


@pytest.mark.parametrize("allow, status", [(False, 403), (True, 200)])
def test_no_answer_counts_as_the_setting_says(world, client, judge, allow, status):
    judge.mode("slow")
    world.policy(*opened(), over=settings(failureModeAllow=allow, timeout="100ms"))
    eventually(lambda: client.get("peer.d", "/", YES) == status, what="too slow")
    world.policy(*opened(), over=settings(failureModeAllow=allow, port=1))
    eventually(lambda: client.get("peer.d", "/", YES) == status, what="nobody there")
    judge.mode("by-header")
    world.policy(*opened(), over=settings(failureModeAllow=allow))
    eventually(lambda: client.get("peer.d") == 401, what="back, and followed")


def test_settings_that_cannot_be_used_deny(world, client, judge):
    said = lambda: [d["text"] for d in world.status()["diagnostics"] if "ExternalAuthorization" in d["text"]]
    for wrong in ({"address": ""}, {"port": 0}, {"address": "no host"}):
        world.policy(*opened(), over=settings(**wrong))
        eventually(lambda: (client.get("peer.d", "/", YES), client.echo("peer.d")) == (403, "peer"), what=str(wrong))
        assert "denied" in said()[0]
    world.policy(*opened())
    eventually(lambda: (client.get("peer.d"), said()) == (200, []))
