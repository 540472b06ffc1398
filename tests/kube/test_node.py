"""Pods run: what the API says of them, what they see, how they end."""
import subprocess
import time

import pytest

from conftest import eventually

IMAGE = "python:3"  # has curl too; on our node any image is this machine's root


@pytest.fixture(autouse=True)
def nodes(cluster):
    cluster.needs_nodes()


def pod(name, ns, *command, **spec):
    container = {"name": "c", "image": IMAGE, "command": list(command) or ["sleep", "10000"], **spec.pop("container", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec}}


def serve(name, ns, text, **labels):
    """A pod that answers HTTP on port 8080."""
    script = f"echo {text} > /tmp/index.html && cd /tmp && exec python3 -m http.server 8080"
    p = pod(name, ns, "sh", "-c", script, container={"readinessProbe": {"httpGet": {"port": 8080, "path": "/index.html"}, "periodSeconds": 1},
                                                     "ports": [{"containerPort": 8080}]})
    p["metadata"]["labels"] |= labels
    return p


def test_a_pod_runs_and_its_status_says_so(cluster):
    ns = cluster.namespace("run")
    cluster.apply(serve("web", ns, "hello"))
    cluster.wait("pod/web", "condition=Ready", ns)
    status = cluster.get("pod", "web", ns)["status"]
    assert status["phase"] == "Running" and status["podIP"] and status["hostIP"]
    assert {c["type"] for c in status["conditions"]} >= {"PodScheduled", "Initialized", "ContainersReady", "Ready"}
    assert status["containerStatuses"][0]["state"]["running"]["startedAt"]


def test_a_pod_that_ends_has_succeeded_or_failed(cluster):
    ns = cluster.namespace("ends")
    cluster.apply(pod("good", ns, "true", restartPolicy="Never"), pod("bad", ns, "sh", "-c", "exit 3", restartPolicy="Never"))
    cluster.wait("pod/good", "jsonpath={.status.phase}=Succeeded", ns)
    cluster.wait("pod/bad", "jsonpath={.status.phase}=Failed", ns)
    assert cluster.get("pod", "bad", ns)["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_volumes_variables_and_tokens_come_from_the_api(cluster):
    ns = cluster.namespace("volumes")
    script = ("cat /c/key /s/key /t/mesh && test -s /var/run/secrets/kubernetes.io/serviceaccount/token && "
              "cat /var/run/secrets/kubernetes.io/serviceaccount/namespace && echo \" $WORD $KUBERNETES_SERVICE_PORT\"")
    volumes = [{"name": "c", "configMap": {"name": "m"}}, {"name": "s", "secret": {"secretName": "s"}},
               {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"audience": "mesh", "path": "mesh"}}]}}]
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": ns}, "data": {"key": "from-map "}},
                  {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": ns}, "stringData": {"key": "from-secret "}},
                  pod("p", ns, "sh", "-c", script, restartPolicy="Never", volumes=volumes,
                      container={"env": [{"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "key"}}}],
                                 "volumeMounts": [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes]}))
    cluster.wait("pod/p", "jsonpath={.status.phase}=Succeeded", ns)
    said = cluster.kubectl("logs", "p", "-n", ns)
    assert said.startswith("from-map from-secret ey") and said.strip().endswith(f"{ns} from-map  443"), said
    token = said.removeprefix("from-map from-secret ").split(ns)[0]
    assert token.count(".") == 2


def test_services_reach_ready_pods_by_name(cluster):
    ns = cluster.namespace("services")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": ns}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}
    cluster.apply(serve("web", ns, "hello-service"), service, pod("client", ns))
    for name in ("web", "client"):
        cluster.wait(f"pod/{name}", "condition=Ready", ns)
    get = ["exec", "client", "-n", ns, "--", "curl", "-sS", "-m", "3", f"http://web.{ns}.svc.cluster.local/index.html"]
    eventually(lambda: "hello-service" in cluster.run(*get).stdout)


def test_exec_gives_streams_and_exit_code(cluster):
    ns = cluster.namespace("exec")
    cluster.apply(pod("p", ns))
    cluster.wait("pod/p", "condition=Ready", ns)
    assert cluster.kubectl("exec", "-i", "p", "-n", ns, "--", "cat", stdin="through\n") == "through\n"
    done = cluster.run("exec", "p", "-n", ns, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert done.returncode == 7 and done.stdout == "out\n" and done.stderr.startswith("err\n")


def test_a_port_of_a_pod_is_forwarded(cluster):
    ns = cluster.namespace("forward")
    cluster.apply(serve("web", ns, "forwarded"))
    cluster.wait("pod/web", "condition=Ready", ns)
    process = subprocess.Popen([cluster.program, "port-forward", "pod/web", ":8080", "-n", ns], env=cluster.env, text=True, stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline().split("127.0.0.1:")[1].split()[0]
        for _ in range(2):
            said = subprocess.run(["curl", "-sS", "-m", "5", f"http://127.0.0.1:{port}/index.html"], text=True, capture_output=True)
            assert said.stdout == "forwarded\n", said.stderr
    finally:
        process.kill()
        process.wait()


def test_a_deleted_pod_ends_gracefully_and_leaves_the_endpoints_first(cluster):
    ns = cluster.namespace("graceful")
    p = pod("p", ns, "sh", "-c", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done", terminationGracePeriodSeconds=10)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": ns}, "spec": {"selector": {"app": "p"}, "ports": [{"port": 80}]}}
    cluster.apply(p, service)
    cluster.wait("pod/p", "condition=Ready", ns)

    def conditions():
        slices = cluster.get("endpointslice", ns=ns, selector="kubernetes.io/service-name=s")
        return [e["conditions"] for s in slices for e in s.get("endpoints") or []]

    eventually(lambda: [c["ready"] for c in conditions()] == [True])
    begin = time.monotonic()
    cluster.kubectl("delete", "pod", "p", "-n", ns, "--wait=false")
    eventually(lambda: not any(c["ready"] for c in conditions()), 5, "out of the endpoints")
    eventually(lambda: cluster.get("pod", "p", ns) is None)
    assert 1 <= time.monotonic() - begin < 10, "it had the second it wanted, not the whole grace"


def test_a_rollout_replaces_pods_and_is_waited_for(cluster):
    ns = cluster.namespace("rollout")
    p = serve("web", ns, "one")
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": ns},
                  "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": p["spec"]}}}
    cluster.apply(deployment)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", ns, "--timeout=60s")
    before = {p["metadata"]["uid"] for p in cluster.get("pods", ns=ns)}
    cluster.kubectl("rollout", "restart", "deployment/web", "-n", ns)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", ns, "--timeout=60s")
    after = eventually(lambda: (now := cluster.get("pods", ns=ns)) and len(now) == 2 and now)
    assert not before & {p["metadata"]["uid"] for p in after}
