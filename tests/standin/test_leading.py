"""Who writes to the API and how: when leases are lost, stolen and doubled, and when the clock jumps (faults 22, 26 and 27);
how many writes there are."""
import asyncio
import glob
import json
import time
from datetime import datetime

import pytest

from conftest import CONFIG, PODS, TARGETS, add_mesh_kinds, eventually, mesh_config, pod, steady, target
from standin import hang, refuse

LEASE = "/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-controller"
TARGETS_IN_SHOP = "/apis/access.smi-spec.io/v1alpha3/namespaces/shop/traffictargets/"
STATUS = TARGETS_IN_SHOP + "t/status"
LEADS, FOLLOWS = "this controller writes to the API now", "another controller writes to the API now"


@pytest.fixture
def judged(api):
    """An API with a target whose status the leader writes."""
    add_mesh_kinds(api)
    api.put(CONFIG, mesh_config(False))
    api.put(TARGETS, target())
    return api


def holder(api):
    return api.written.get(LEASE, {}).get("spec", {}).get("holderIdentity", "")


def steal(api, who):
    """The record is another one now; its holder keeps it until the test says otherwise."""
    with api.lock:
        api.version += 1
        old = api.written[LEASE]
        api.written[LEASE] = {**old, "metadata": {**old["metadata"], "resourceVersion": str(api.version)},
                              "spec": {**old["spec"], "holderIdentity": who}}


def writes(api, since=0):
    return [r for r in api.requests[since:] if r.method == "PATCH" and r.path == STATUS]


def test_26_a_lease_that_is_lost_during_a_status_write(judged, controller):
    judged.fault(STATUS, hang)
    c = controller().ready()
    eventually(lambda: writes(judged))
    assert LEADS in c.text()
    steal(judged, "somebody")
    eventually(lambda: FOLLOWS in c.text())
    mark = judged.mark()
    judged.put(TARGETS, target(destination={"kind": "ServiceAccount", "name": "default", "namespace": "elsewhere"}))
    eventually(lambda: any("TrafficTarget shop/t" in p for p in c.problems()))
    steady(lambda: not writes(judged, mark) and holder(judged) == "somebody")
    steal(judged, "")
    eventually(lambda: c.text().count(LEADS) == 2)
    eventually(lambda: STATUS in judged.written)
    assert "elsewhere" in json.dumps(judged.written[STATUS]["status"]), "what is true now, not what was cut off"


def test_27_a_lease_that_is_stolen_by_another_with_the_same_identity(judged, controller):
    c = controller().ready()
    eventually(lambda: STATUS in judged.written)
    mine = holder(judged)
    judged.on_lease = lambda: steal(judged, mine)  # between its reading and its writing
    eventually(lambda: FOLLOWS in c.text())
    judged.on_lease = None
    mark = judged.mark()
    eventually(lambda: c.text().count(LEADS) == 2)
    eventually(lambda: writes(judged, mark))
    assert holder(judged) == mine


def test_27_two_controllers_of_one_pod_name_have_two_identities(judged, controller):
    both = [controller(env={"POD_NAME": "same"}).ready() for _ in range(2)]
    eventually(lambda: any(LEADS in c.text() for c in both))
    steady(lambda: sum(LEADS in c.text() for c in both) == 1, 3)
    assert holder(judged).startswith("same_")
    leader = next(c for c in both if LEADS in c.text())
    before = holder(judged)
    leader.end()  # gives it back
    other = next(c for c in both if c is not leader)
    eventually(lambda: LEADS in other.text())
    assert holder(judged).startswith("same_") and holder(judged) != before


def test_22_a_clock_that_jumps_an_hour_and_back(judged, controller, tmp_path):
    libraries = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert libraries, "libfaketime is missing: tools/deps test"
    clock = tmp_path / "clock"
    clock.write_text("+0")
    c = controller(env={"LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
                        "ASAN_OPTIONS": "verify_asan_link_order=0"}).ready()
    eventually(lambda: LEADS in c.text())
    for i, hours in enumerate((1, -1, 0)):
        clock.write_text(f"{hours:+}h")
        before = judged.written[LEASE]["metadata"]["resourceVersion"]
        name = f"after-{i}"
        judged.put(PODS, pod(name))
        eventually(lambda: name in c.pods())
        eventually(lambda: judged.written[LEASE]["metadata"]["resourceVersion"] != before)
        renewed = datetime.fromisoformat(judged.written[LEASE]["spec"]["renewTime"].replace("Z", "+00:00")).timestamp()
        assert abs(renewed - time.time() - hours * 3600) < 60, "the controller's clock has jumped"
        assert c.is_ready() and FOLLOWS not in c.text()
    assert not any("cannot be followed" in p for p in c.problems())


def test_statuses_are_written_a_few_at_once_and_only_when_they_change(api, controller):
    add_mesh_kinds(api)
    api.put(CONFIG, mesh_config(False))
    for i in range(100):
        api.put(TARGETS, target(f"t{i}"))
    open_now, most = [0], [0]

    async def slowly(x, _server):
        if x.method != "PATCH":
            return False
        open_now[0] += 1
        most[0] = max(most[0], open_now[0])
        await asyncio.sleep(0.02)
        open_now[0] -= 1
        return False
    api.fault(TARGETS_IN_SHOP, slowly, times=10000)
    patched = lambda since=0: [r.path for r in api.requests[since:] if r.method == "PATCH" and r.path.startswith(TARGETS_IN_SHOP)]
    c = controller().ready()
    eventually(lambda: len(set(patched())) == 100)
    eventually(lambda: open_now[0] == 0)
    assert 2 <= most[0] <= 8 and len(patched()) == 100, "each once"
    mark = api.mark()
    api.put(PODS, pod("other"))
    eventually(lambda: "other" in c.pods())
    steady(lambda: not patched(mark))
    api.put(TARGETS, target("t7", destination={"kind": "ServiceAccount", "name": "default", "namespace": "elsewhere"}))
    eventually(lambda: patched(mark))
    steady(lambda: len(patched(mark)) == 1)


def test_a_status_that_is_refused_is_tried_again_with_growing_pauses(judged, controller):
    judged.fault(STATUS, refuse(500, "InternalError"), times=3)
    controller().ready()
    eventually(lambda: len(writes(judged)) == 4)
    at = [r.time for r in writes(judged)]
    pauses = [b - a for a, b in zip(at, at[1:])]
    assert pauses[0] >= 0.4 and pauses[1] > pauses[0] and pauses[2] > pauses[1]
    steady(lambda: len(writes(judged)) == 4)
