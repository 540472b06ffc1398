"""Every fault of the list in kubernetes.md 9.2 that concerns following objects, each by its number there."""
import json
import time

import pytest

from conftest import (CIDRS, CONFIG, CRDS, NAMESPACES, PODS, SERVICES, SLICES, TARGETS, add_mesh_kinds, crd, eventually, mesh_config, pod,
                      steady, target)
from standin import cut, error_event, hang, late, refuse, reply, stream


def lists(api, path=PODS, since=0):
    """Whole states that were asked for: lists, and streams that begin with one."""
    return [r for r in api.asked(path, since=since) if not r.is_watch or "sendInitialEvents" in r.query]


def started(api, controller, **more):
    api.put(PODS, pod("one", ip="10.244.0.1"))
    return controller(**more).ready()


def test_changes_arrive_and_nothing_is_asked_again(api, controller):
    c = started(api, controller)
    assert c.pods() == {"one": "10.244.0.1"}
    mark = api.mark()
    api.put(PODS, pod("two", ip="10.244.0.2"))
    eventually(lambda: c.pods().keys() == {"one", "two"})
    api.put(PODS, pod("one", ip="10.244.0.9"))
    eventually(lambda: c.pods()["one"] == "10.244.0.9")
    api.delete(PODS, "two", "shop")
    eventually(lambda: c.pods().keys() == {"one"})
    assert api.mark() == mark


def test_01_a_watch_that_starts_too_late_is_followed_by_one_whole_state(api, controller):
    c = started(api, controller)
    mark = api.mark()
    api.put(PODS, pod("unseen", ip="10.244.0.3"), say=False)
    api.fault(PODS, refuse(410, "Expired"), watch=True)
    api.end_watches(PODS)
    eventually(lambda: "unseen" in c.pods())
    assert len(lists(api, since=mark)) == 1 and "resourceVersion" not in lists(api, since=mark)[0].query
    assert c.pods().keys() == {"one", "unseen"}


def test_02_an_error_event_410_in_the_stream_too(api, controller):
    c = started(api, controller)
    mark = api.mark()
    with api.lock:
        api.collections[PODS].objects.clear()
    api.put(PODS, pod("other"), say=False)
    api.say_raw(PODS, error_event(410, "Expired", "too old resource version"))
    eventually(lambda: c.pods().keys() == {"other"})  # removals are exact
    assert len(lists(api, since=mark)) == 1


def test_02_a_server_that_forgets_its_history_after_a_restart(api, controller):
    c = started(api, controller)
    api.stop()
    api.put(PODS, pod("new"), say=False)
    api.compact(PODS)
    api.start()
    eventually(lambda: "new" in c.pods())


def test_03_a_page_that_is_too_old(api, controller):
    api.streams_lists = False
    for i in range(1200):
        api.put(PODS, pod(f"p{i}", ip=f"10.244.{i // 250}.{i % 250}"))

    async def third(x, server):
        if x.query.get("continue", "").endswith(":1000"):
            await refuse(410, "Expired", "the continue token is too old")(x, server)
            return True
        return False
    api.fault(PODS, third, watch=False, times=3)
    c = controller().ready()
    assert len(c.pods()) == 1200
    assert "limit" not in lists(api)[-1].query  # all in one: no compaction can cut that


@pytest.mark.parametrize("code", [500, 504])
def test_04_an_error_event_of_the_server_loses_nothing(api, controller, code):
    c = started(api, controller)
    mark = api.mark()
    api.say_raw(PODS, error_event(code, "InternalError", "etcd has no leader"))
    eventually(lambda: [r for r in api.asked(PODS, watch=True, since=mark)])
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    assert not lists(api, since=mark)


def test_05_the_end_in_the_middle_of_a_document(api, controller):
    c = started(api, controller)
    mark = api.mark()
    version = api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    api.put(PODS, pod("three"), say=False)
    half = json.dumps({"type": "ADDED", "object": pod("half")})[:60].encode()
    api.end_watches(PODS, raw=half)
    again = eventually(lambda: api.asked(PODS, watch=True, since=mark))[0]
    assert again.query["resourceVersion"] == str(version)
    assert "half" not in c.pods() and not lists(api, since=mark)


def test_06_streams_that_end_at_once_are_asked_for_ever_more_seldom(api, controller):
    c = started(api, controller)
    mark = api.mark()
    api.fault(PODS, stream(), watch=True, times=100)
    api.end_watches(PODS)
    eventually(lambda: len(api.asked(PODS, since=mark)) >= 3)
    times = [r.time for r in api.asked(PODS, since=mark)]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[0] > 0.7 and gaps[1] > 1.5
    assert c.pods() == {"one": "10.244.0.1"}
    assert any("Pod objects cannot be followed now" in p for p in c.problems())
    api.heal()
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    eventually(lambda: not any("cannot be followed" in p for p in c.problems()))


def test_08_a_server_that_is_away_changes_nothing_and_is_resumed(api, controller):
    c = started(api, controller)
    mark = api.mark()
    api.stop()
    steady(lambda: c.pods() == {"one": "10.244.0.1"} and c.is_ready())
    eventually(lambda: any("cannot be followed now" in p for p in c.problems()))
    assert c.metric("osm_kube_watch_live", kind="Pod") == 0
    api.put(PODS, pod("two"))
    api.start()
    eventually(lambda: "two" in c.pods())
    assert not lists(api, since=mark)
    eventually(lambda: c.metric("osm_kube_watch_live", kind="Pod") == 1)


def test_08_a_server_that_is_away_when_the_controller_starts_is_waited_for(api, controller):
    api.put(PODS, pod("one"))
    api.stop()
    c = controller()
    eventually(lambda: c.get("/health/ready")[0] == 503)
    assert c.get("/health/alive")[0] == 200
    assert "the Kubernetes API is away" in c.get("/health/ready")[1] and "connect" in c.get("/health/ready")[1]
    api.start()
    c.ready()
    assert "one" in c.pods()


def test_08_a_controller_that_waits_for_its_server_ends_as_told(api, controller):
    api.stop()
    c = controller()
    eventually(lambda: c.get("/health/ready")[0] == 503)
    c.end()


def test_08_a_server_that_cannot_answer_yet_is_waited_for(api, controller):
    api.fault("/version", refuse(503, "ServiceUnavailable"), times=2)
    api.put(PODS, pod("one"))
    c = controller().ready()
    assert "one" in c.pods() and c.text().count("the Kubernetes API is away") == 2


def test_08_a_server_that_tells_nothing_when_the_controller_starts(api, controller):
    for path in (PODS, SERVICES, NAMESPACES, SLICES):
        api.fault(path, cut, watch=True, times=2)
    c = controller()
    eventually(lambda: c.get("/health/ready")[0] == 503)
    assert c.get("/health/alive")[0] == 200
    assert "has not yet told all objects of" in c.get("/health/ready")[1]
    assert c.status()["revision"] == 0
    api.put(PODS, pod("one"))
    c.ready()
    assert "one" in c.pods()


@pytest.mark.parametrize("watch", [False, True])
def test_09_too_many_requests_waits_as_long_as_told(api, controller, watch):
    api.streams_lists = watch
    api.put(PODS, pod("one"))
    api.fault(PODS, refuse(429, "TooManyRequests", retry_after=3), watch=watch)
    c = controller()
    c.ready()
    first, second = [r for r in api.asked(PODS) if r.is_watch == watch][:2]
    assert second.time - first.time >= 3
    assert "one" in c.pods()


def test_10_a_token_that_is_refused_is_read_again(api, controller, tmp_path):
    token = tmp_path / "token"
    token.write_text("old\n")
    wanted = ["old"]

    async def check(x, server):
        if x.headers.get("authorization") == f"Bearer {wanted[0]}":
            return False
        await refuse(401, "Unauthorized")(x, server)
        return True
    api.fault("/", check, times=100000)
    config = json.loads(__import__("conftest").kubeconfig(api.url, {"tokenFile": str(token)}))
    c = started(api, controller, config=json.dumps(config))
    token.write_text("new\n")
    wanted[0] = "new"
    api.end_watches(PODS)
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods(), 10)
    assert not any("cannot be followed" in p for p in c.problems())


def test_10_a_token_that_stays_refused_is_said(api, controller):
    api.fault(PODS, refuse(401, "Unauthorized", "no"), times=2)
    api.put(PODS, pod("one"))
    c = controller()
    eventually(lambda: "401" in c.get("/health/ready")[1])
    c.ready()


def test_11_a_right_that_comes_later(api, controller):
    api.put(PODS, pod("one"))
    add_mesh_kinds(api)
    api.fault(TARGETS, refuse(403, "Forbidden", 'User "x" cannot list traffictargets'), times=3)
    c = controller()
    said = eventually(lambda: "403" in c.get("/health/ready")[1] and c.get("/health/ready")[1])
    assert "TrafficTarget" in said and "cannot list traffictargets" in said
    c.ready(60)


def test_11_a_right_that_is_lost_empties_nothing(api, controller):
    c = started(api, controller)
    api.fault(PODS, refuse(403, "Forbidden", "no longer"), times=100)
    api.end_watches(PODS)
    eventually(lambda: any("no longer" in p for p in c.problems()))
    assert c.pods() == {"one": "10.244.0.1"} and c.is_ready()


def test_12_a_kind_comes_and_goes_and_comes_in_another_version(api, controller):
    c = started(api, controller)
    assert not api.asked(TARGETS) and "TrafficTarget" not in c.status()["objects"]
    api.serve(TARGETS, "TrafficTarget", "access.smi-spec.io/v1alpha3")
    api.put(TARGETS, target())
    api.put(CRDS, crd("traffictargets", "access.smi-spec.io"))
    eventually(lambda: c.status()["objects"].get("TrafficTarget") == 1)
    api.delete(CRDS, "traffictargets.access.smi-spec.io")
    api.withdraw(TARGETS)
    eventually(lambda: "TrafficTarget" not in c.status()["objects"])
    other = TARGETS.replace("v1alpha3", "v1alpha9")
    api.serve(other, "TrafficTarget", "access.smi-spec.io/v1alpha9")
    api.put(CRDS, crd("traffictargets", "access.smi-spec.io"))
    eventually(lambda: any("serves no traffictargets in version v1alpha3" in p for p in c.problems()))
    api.serve(TARGETS, "TrafficTarget", "access.smi-spec.io/v1alpha3")
    api.put(TARGETS, target())
    api.put(CRDS, crd("traffictargets", "access.smi-spec.io"))  # something of it changed: asked at once
    eventually(lambda: c.status()["objects"].get("TrafficTarget") == 1)


def test_12_a_definition_that_is_served_a_little_later(api, controller):
    c = started(api, controller)
    api.put(CRDS, crd("traffictargets", "access.smi-spec.io"))
    eventually(lambda: api.asked(TARGETS))
    api.serve(TARGETS, "TrafficTarget", "access.smi-spec.io/v1alpha3")
    api.put(TARGETS, target())
    eventually(lambda: c.status()["objects"].get("TrafficTarget") == 1)


def test_12_an_older_version_of_a_kind_is_read_when_it_is_the_only_one(api, controller):
    old = CONFIG.replace("v1alpha2", "v1alpha1")
    api.serve(old, "MeshConfig", "config.openservicemesh.io/v1alpha1")
    api.put(old, mesh_config(True))
    api.put(CRDS, crd("meshconfigs", "config.openservicemesh.io"))
    c = started(api, controller)
    assert c.status()["mesh"]["permissive"]


def test_12_without_the_right_to_see_definitions_the_kinds_are_asked_for(api, controller):
    add_mesh_kinds(api)
    api.put(CONFIG, mesh_config(True))
    api.fault(CRDS, refuse(403, "Forbidden"), times=1000)
    c = started(api, controller)
    assert c.status()["mesh"]["permissive"]


def test_13_bookmarks_alone_move_the_point_to_resume_from(api, controller):
    c = started(api, controller)
    mark = api.mark()
    for _ in range(5):
        version = api.bookmark(PODS)
    time.sleep(1.2)  # a stream that lives for less than a second has not lived
    api.end_watches(PODS)
    again = eventually(lambda: api.asked(PODS, watch=True, since=mark))[0]
    assert again.query["resourceVersion"] == str(version) and "allowWatchBookmarks" in again.query


@pytest.mark.parametrize("refusal", [refuse(422, "Invalid"), refuse(400, "BadRequest"),
                                     stream(error_event(500, "InternalError", "RequestWatchProgress is disabled"))])
def test_14_streaming_lists_that_are_refused_are_replaced_by_lists(api, controller, refusal):
    api.fault("/", refusal, watch=True, times=3)  # the three that begin at once
    api.put(PODS, pod("one"))
    c = controller().ready(10)
    assert c.pods().keys() == {"one"}
    assert not any("cannot be followed" in p for p in c.problems())
    assert "limit" in lists(api)[-1].query


def test_15_a_streaming_list_that_is_cut_counts_for_nothing(api, controller):
    c = started(api, controller)
    ghost = json.dumps({"type": "ADDED", "object": {"kind": "Pod", "apiVersion": "v1", **pod("ghost")}}).encode() + b"\n"
    api.fault(PODS, stream(ghost, then="cut"), watch=True)
    api.say_raw(PODS, error_event(410, "Expired", "too old"))
    mark = api.mark()
    eventually(lambda: len(lists(api, since=mark)) >= 2)
    eventually(lambda: c.metric("osm_kube_watch_live", kind="Pod") == 1)
    assert c.pods() == {"one": "10.244.0.1"}


@pytest.mark.parametrize("streams", [True, False])
def test_16_a_server_that_is_behind_does_not_turn_time_back(api, controller, streams):
    api.streams_lists = streams
    c = started(api, controller)
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    old = json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": []}).encode()
    end = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7", "annotations": {"k8s.io/initial-events-end": "true"}}}}
    api.fault(PODS, stream(json.dumps(end).encode() + b"\n", then="hold") if streams else reply(200, old), watch=streams)
    mark = api.mark()
    api.say_raw(PODS, error_event(410, "Expired", "too old"))
    eventually(lambda: len(lists(api, since=mark)) >= 2)
    eventually(lambda: c.metric("osm_kube_watch_live", kind="Pod") == 1)
    assert c.pods().keys() == {"one", "two"}
    assert lists(api, since=mark)[1].query["resourceVersionMatch"] == "NotOlderThan"
    assert int(lists(api, since=mark)[1].query["resourceVersion"]) > 1000


def test_17_a_server_that_stays_behind_is_believed_in_the_end(api, controller):
    """As after a store was put back from a backup."""
    c = started(api, controller)
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    api.delete(PODS, "two", "shop")
    eventually(lambda: "two" not in c.pods())
    api.version = 10
    with api.lock:
        api.collections[PODS].events.clear()
    api.put(PODS, pod("from-backup"), say=False)
    api.end_watches(PODS, raw=error_event(410, "Expired", "too old"))

    async def too_large(x, server):
        if int(x.query.get("resourceVersion") or 0) < 100:
            return False
        await refuse(504, "Timeout", "Too large resource version", causes=[{"reason": "ResourceVersionTooLarge"}])(x, server)
        return True
    api.fault(PODS, too_large, times=100)
    eventually(lambda: "from-backup" in c.pods(), 60)


def test_18_an_object_that_was_made_again_is_another_one(api, controller):
    c = started(api, controller)
    with api.lock:
        api.collections[PODS].objects.clear()
    before = c.metric("osm_k8s_api_event_count", type="pod-deleted")
    api.put(PODS, pod("one", ip="10.244.0.1", uid="another"), event="MODIFIED")
    eventually(lambda: c.metric("osm_k8s_api_event_count", type="pod-deleted") == before + 1)
    assert c.pods() == {"one": "10.244.0.1"}


def test_20_an_object_of_2_mb_and_one_that_is_too_deep(api, controller):
    c = started(api, controller)
    big = pod("big", ip="10.244.0.2")
    big["metadata"]["annotations"] = {"note": "x" * (2 << 20)}
    api.put(PODS, big)
    eventually(lambda: c.pods().get("big") == "10.244.0.2")
    deep = pod("one", ip="10.244.0.7")
    deep["spec"]["deep"] = json.loads("[" * 200 + "]" * 200)
    api.put(PODS, deep)
    eventually(lambda: any("Pod shop/one: it is larger or deeper" in p for p in c.problems()))
    assert c.pods()["one"] == "10.244.0.1"  # its last good form
    api.put(PODS, pod("one", ip="10.244.0.8"))
    eventually(lambda: c.pods()["one"] == "10.244.0.8")
    assert not any("larger or deeper" in p for p in c.problems())


@pytest.mark.parametrize("streams", [True, False])
def test_20_ten_thousand_objects(api, controller, streams):
    api.streams_lists = streams
    for i in range(10000):
        api.put(PODS, pod(f"p{i}", ip=f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"))
    c = controller().ready(120)
    assert len(c.pods()) == 10000
    if not streams:
        assert len(lists(api)) == 20


@pytest.mark.parametrize("junk", [b"\x00\x01\x02", b'{"type":"ADDED","object":\xff\xfe}\n', b"<html>hello</html>",
                                  b'{"type":"ADDED"]\n', b'{"type":1e999}\n', b'{"type":"ADDED","object":[]}\n',
                                  b'{"type":"DANCE","object":{"metadata":{"name":"x"}}}\n', b"\x1f\x8b\x08\x00compressed"])
def test_20_and_23_what_is_no_event_is_said_and_survived(api, controller, junk):
    c = started(api, controller)
    api.say_raw(PODS, junk)
    eventually(lambda: any("cannot be followed now" in p for p in c.problems()))
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())


def test_20_keys_that_come_twice_spoil_one_object_alone(api, controller):
    c = started(api, controller)
    api.say_raw(PODS, b'{"type":"MODIFIED","object":{"kind":"Pod","kind":"Pod","metadata":{"name":"one","namespace":"shop"}}}\n')
    eventually(lambda: any("shop/one" in p for p in c.problems()))
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())
    assert c.pods()["one"] == "10.244.0.1"


def test_23_a_list_that_is_compressed_though_nobody_asked(api, controller):
    import gzip
    api.streams_lists = False
    body = gzip.compress(json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": []}).encode())
    api.fault(PODS, reply(200, body, ("content-encoding", "gzip")), watch=False)
    c = controller()
    eventually(lambda: "compressed" in c.get("/health/ready")[1])
    c.ready()


def test_23_a_list_that_is_truncated(api, controller):
    api.streams_lists = False
    api.put(PODS, pod("one"))
    body = json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [pod("half")]})[:-30].encode()
    api.fault(PODS, reply(200, body), watch=False)
    c = controller().ready()
    assert c.pods().keys() == {"one"}


def test_24_events_in_pieces_of_one_byte(api, controller):
    api.bytes_per_write = 1
    c = started(api, controller)
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods())


def test_a_server_that_never_answers_is_given_up_and_one_that_is_slow_is_waited_for(api, controller):
    api.fault(PODS, late(3))
    api.put(PODS, pod("one"))
    c = controller().ready()
    assert c.pods().keys() == {"one"}


def test_a_cut_connection_is_no_reason_to_ask_for_everything(api, controller):
    c = started(api, controller)
    mark = api.mark()
    time.sleep(1.2)
    api.end_watches(PODS, cut=True)
    api.put(PODS, pod("two"))
    eventually(lambda: "two" in c.pods(), 5)
    assert not lists(api, since=mark)


def test_an_object_with_another_schema_keeps_its_last_good_form(api, controller):
    add_mesh_kinds(api)
    api.put(CONFIG, mesh_config(True))
    api.put(TARGETS, target())
    c = started(api, controller)
    assert c.status()["mesh"]["permissive"]
    bad = mesh_config(True)
    bad["spec"]["traffic"]["enablePermissiveTrafficPolicyMode"] = "perhaps"
    api.put(CONFIG, bad)
    said = eventually(lambda: [p for p in c.problems() if "MeshConfig osm-system/osm-mesh-config" in p])
    assert "spec.traffic.enablePermissiveTrafficPolicyMode" in said[0] and "last good form stays in force" in said[0]
    assert c.status()["mesh"]["permissive"]
    assert c.metric("osm_kube_refused_objects") == 1
    api.put(TARGETS, target("loose", rulez=[]))  # a typo must not widen access
    eventually(lambda: any("loose" in p and "counts as absent" in p for p in c.problems()))
    assert c.status()["objects"]["TrafficTarget"] == 1
    api.put(CONFIG, mesh_config(False))
    eventually(lambda: not c.status()["mesh"]["permissive"])
    assert not any("MeshConfig" in p for p in c.problems())


def test_a_mesh_config_that_never_was_good_closes_the_mesh(api, controller):
    add_mesh_kinds(api)
    bad = mesh_config(True)
    bad["spec"]["traffic"]["enablePermissiveTrafficPolicyMode"] = "perhaps"
    api.put(CONFIG, bad)
    c = started(api, controller)
    assert not c.status()["mesh"]["permissive"]
    assert any("until it is mended: SMI policy, egress off" in p for p in c.problems())


def test_a_burst_is_few_revisions(api, controller):
    c = started(api, controller)
    before = c.status()["revision"]
    with api.lock:
        for i in range(200):
            api.put(PODS, pod(f"p{i}", ip=f"10.244.1.{i}"))
    eventually(lambda: len(c.pods()) == 201)
    assert c.status()["revision"] - before <= 20
    assert c.metric("osm_kube_publish_time_count") >= 1


def test_the_clusters_own_addresses_are_found(api, controller):
    api.put(CIDRS, {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/12"]}})
    for i in range(4):
        api.put("/api/v1/nodes", {"metadata": {"name": f"n{i}"}, "spec": {"podCIDRs": [f"10.244.{i}.0/24"]}})
    c = started(api, controller)
    assert not any("addresses" in p for p in c.problems())
    assert "10.244.0.0/22" in c.text() and "10.96.0.0/12" in c.text()
    api.put("/api/v1/nodes", {"metadata": {"name": "n4"}, "spec": {"podCIDR": "10.244.9.0/24"}})
    eventually(lambda: "10.244.0.0/22, 10.244.9.0/24" in c.text())


def test_addresses_that_nobody_knows_are_asked_for(api, controller):
    api.withdraw(CIDRS)
    c = started(api, controller)
    assert any("give them by --service-range" in p for p in c.problems())
    assert any("give them by --pod-range" in p for p in c.problems())
