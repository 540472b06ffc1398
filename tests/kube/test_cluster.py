"""That the cluster under the other tests is one: what a mesh relies on, seen with kubectl."""
import base64
import json

from conftest import eventually

CRD = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.test.osm"},
       "spec": {"group": "test.osm", "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-validations": [{"rule": "self.low <= self.high", "message": "low is above high"}],
                             "properties": {"low": {"type": "integer"}, "high": {"type": "integer", "default": 9}}}}}}}]}}


def pod(name, ns, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns, "labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "busybox", "command": ["sleep", "1000"]}], "schedulerName": "nobody", **spec}}


def widget(ns, low):
    return {"apiVersion": "test.osm/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": ns}, "spec": {"low": low}}


def test_custom_resources_have_defaults_and_rules(cluster):
    ns = cluster.namespace("crd")
    try:
        cluster.apply(CRD)
        cluster.wait("crd/widgets.test.osm", "condition=Established")
        eventually(lambda: cluster.run("apply", "-f", "-", stdin=json.dumps(widget(ns, 3))).returncode == 0)
        assert cluster.get("widgets", "w", ns)["spec"] == {"low": 3, "high": 9}
        assert "low is above high" in cluster.refused("apply", "-f", "-", stdin=json.dumps(widget(ns, 10)))
    finally:
        cluster.delete(CRD)


def test_server_side_apply_names_who_owns_a_field(cluster):
    ns = cluster.namespace("apply")
    doc = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": ns}, "data": {"k": "a"}}
    cluster.kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=json.dumps(doc))
    doc["data"]["k"] = "b"
    assert 'conflict with "one"' in cluster.refused("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=json.dumps(doc))


def test_pods_get_their_account_and_services_an_address(cluster):
    ns = cluster.namespace("pods")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": ns}, "spec": {"selector": {"app": "p"}, "ports": [{"port": 80}]}}
    cluster.apply(pod("p", ns), service)
    spec = cluster.get("pod", "p", ns)["spec"]
    assert spec["serviceAccountName"] == "default"
    assert any("serviceAccountToken" in s for v in spec["volumes"] for s in v.get("projected", {}).get("sources", []))
    assert cluster.get("service", "s", ns)["spec"]["clusterIP"].count(".") == 3
    eventually(lambda: cluster.get("endpointslice", ns=ns, selector="kubernetes.io/service-name=s"), what="its slice")
    cluster.delete(pod("p", ns))
    assert cluster.get("pod", "p", ns) is None, "a pod without node goes at once"


def test_a_deployment_becomes_pods_that_go_with_it(cluster):
    ns = cluster.namespace("deploy")
    template = {"metadata": {"labels": {"app": "d"}}, "spec": pod("d", ns)["spec"]}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": ns},
                  "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "d"}}, "template": template}}
    cluster.apply(deployment)
    pods = eventually(lambda: (p := cluster.get("pods", ns=ns)) and len(p) == 2 and p)
    assert {p["metadata"]["ownerReferences"][0]["kind"] for p in pods} == {"ReplicaSet"}
    cluster.kubectl("scale", "deployment", "d", "--replicas=1", "-n", ns)
    eventually(lambda: len(cluster.get("pods", ns=ns)) == 1)
    cluster.delete(deployment)
    eventually(lambda: not cluster.get("pods", ns=ns))


def review(cluster, token, *audiences):
    doc = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token, "audiences": list(audiences)}}
    return json.loads(cluster.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(doc)))["status"]


def test_tokens_are_bound_to_pod_and_audience(cluster):
    ns = cluster.namespace("tokens")
    cluster.apply(pod("p", ns))
    token = cluster.kubectl("create", "token", "default", "-n", ns, "--audience=mesh", "--bound-object-kind=Pod", "--bound-object-name=p").strip()
    claims = token.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["kubernetes.io"]["pod"]["name"] == "p"
    status = review(cluster, token, "mesh")
    assert status["authenticated"] and status["user"]["username"] == f"system:serviceaccount:{ns}:default"
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    assert "audience" in review(cluster, token, "other")["error"]
    assert not review(cluster, token + "x", "mesh").get("authenticated")
    cluster.delete(pod("p", ns))
    # A server remembers for some seconds that a token was good.
    eventually(lambda: not review(cluster, token, "mesh").get("authenticated"), 30, "refused, as its pod is gone")


def test_roles_grant_what_they_name(cluster):
    ns = cluster.namespace("roles")
    who = ["--as", f"system:serviceaccount:{ns}:default", "-n", ns]
    assert "forbidden" in cluster.refused("get", "pods", *who)
    cluster.kubectl("create", "role", "r", "--verb=get,list", "--resource=pods", "--resource-name=p", "-n", ns)
    cluster.kubectl("create", "rolebinding", "r", "--role=r", f"--serviceaccount={ns}:default", "-n", ns)
    eventually(lambda: "NotFound" in cluster.run("get", "pod", "p", *who).stderr)
    assert "forbidden" in cluster.refused("get", "pod", "q", *who)
    assert "forbidden" in cluster.refused("get", "secrets", *who)


def test_pod_security_levels_are_enforced(cluster):
    ns = cluster.namespace("restricted", **{"pod-security.kubernetes.io/enforce": "restricted"})
    assert 'violates PodSecurity "restricted' in cluster.refused("apply", "-f", "-", stdin=json.dumps(pod("p", ns)))


def test_a_namespace_goes_with_everything_in_it(cluster):
    ns = cluster.namespace("gone")
    cluster.apply(pod("p", ns), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": ns}})
    cluster.kubectl("delete", "namespace", ns, "--timeout=30s")
    assert cluster.get("namespace", ns) is None
