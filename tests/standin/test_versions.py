"""What a controller does by the API server's version."""
import json

import pytest

from conftest import NAMESPACES, add_mesh_kinds, CONFIG, mesh_config, namespace, pod


def version(minor):
    async def does(x, server):
        await x.answer(200, json.dumps({"major": "1", "minor": minor}).encode(), [("content-type", "application/json")])
        return True
    return does


@pytest.mark.parametrize("minor, order, is_classic", [
    ("28+", "auto", True), ("29", "auto", False), ("36", "auto", False), ("", "auto", False), ("36", "classic", True), ("28", "native", False)])
def test_sidecars_are_native_where_the_server_has_them(api, controller, minor, order, is_classic):
    add_mesh_kinds(api)
    api.put(CONFIG, mesh_config(True))
    shop = namespace("shop")
    shop["metadata"]["annotations"] = {"openservicemesh.io/sidecar-injection": "enabled"}
    api.put(NAMESPACES, shop)
    api.fault("/version", version(minor), times=100)
    c = controller("--sidecar-image", "osm", "--sidecar-order", order).ready()
    patch = c.inject(pod("one"))
    init = [container["name"] for container in patch["/spec/initContainers"]]
    if is_classic:
        assert init == ["osm-init"]
        sidecar = patch["/spec/containers/0"]
        assert sidecar["lifecycle"]["postStart"]["exec"]["command"] == ["osm", "agent", "wait"] and "restartPolicy" not in sidecar
    else:
        assert init == ["osm-init", "envoy"] and "/spec/containers/0" not in patch
