"""What the controller counts."""
import json
import re

from conftest import HERE, eventually, http_rule, target

DOC = HERE.parents[1] / "docs" / "metrics.md"


def text_of(mesh):
    """As Prometheus gets it."""
    out, _ = mesh.outer("curl", "-sS", "http://10.244.0.1:9091/metrics").communicate(timeout=10)
    return out


def value(mesh, name, **labels):
    """Sum of the samples that have these labels."""
    total = 0
    for line in text_of(mesh).splitlines():
        if re.match(rf"{name}[{{ ]", line) and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rpartition(" ")[2])
    return total


def described(mesh):
    """{name: row of the table}, made from what the controller says about itself."""
    text, rows = text_of(mesh), {}
    for name, says in re.findall(r"^# HELP (osm_\w+) (.*)$", text, re.M):
        kind = re.search(rf"^# TYPE {name} (\w+)$", text, re.M).group(1)
        sample = re.search(rf"^{name}(?:_count)?\{{(.*)\}} ", text, re.M)
        labels = ", ".join(k for k in re.findall(r'(\w+)="', sample.group(1)) if k != "le") if sample else ""
        rows[name] = (kind, labels, says)
    return rows


def test_every_metric_is_in_the_documents_and_the_other_way_round(mesh):
    documented = {}
    for name, kind, labels, says in re.findall(r"^\| `(osm_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", DOC.read_text(), re.M):
        documented[name] = (kind, labels.strip(), says)
    shown = described(mesh)
    assert documented.keys() == shown.keys()
    for name, (kind, labels, says) in shown.items():
        assert documented[name][0] == kind and documented[name][2] == says, name
        assert documented[name][1] == labels or not labels, name  # no labels before the first sample


def test_changes_of_objects_are_counted_by_kind_and_namespace(mesh):
    mesh.policy()
    count = lambda verb: value(mesh, "osm_k8s_api_event_count", type=f"traffictarget-{verb}", namespace="b")
    before = {verb: count(verb) for verb in ("added", "updated", "deleted")}
    mesh.policy(target("counted", http_rule("nothing")))
    mesh.policy(target("counted", http_rule("nothing"), sources=("other",)))
    mesh.policy()
    assert {verb: count(verb) - n for verb, n in before.items()} == {"added": 1, "updated": 1, "deleted": 1}
    assert value(mesh, "osm_events_queued") == 0


def test_diagnostics_are_counted_by_code(mesh):
    mesh.policy()
    absent, broken = (lambda code: lambda: value(mesh, "osm_error_err_code_count", err_code=code))("E2005"), \
        lambda: value(mesh, "osm_error_err_code_count", err_code="E8001")
    before = absent(), broken()
    mesh.policy(target("t", http_rule("nowhere")))
    codes = {d["code"] for d in mesh.status()["diagnostics"]}
    assert "E2005" in codes and absent() > before[0]
    mesh.save("broken.yaml", "kind: [")
    eventually(lambda: broken() > before[1])
    (mesh.dir / "broken.yaml").unlink()


def test_proxies_certificates_namespaces_and_answers_are_counted(mesh):
    connected = mesh.status()["proxies"]["connected"]
    assert value(mesh, "osm_proxy_connect_count") == connected > 4
    assert value(mesh, "osm_cert_issued_count") >= connected
    assert value(mesh, "osm_cert_issued_time_count") == value(mesh, "osm_cert_issued_count")
    assert value(mesh, "osm_resource_namespace_count") >= 2
    version = json.loads(mesh.outer("curl", "-sS", "http://10.244.0.1:9091/version").communicate(timeout=10)[0])["version"]
    assert value(mesh, "osm_version_info", version=version) == 1
    answers = lambda: value(mesh, "osm_http_response_total", code="200", method="GET", path="/version")
    before = answers()
    mesh.outer("curl", "-sS", "http://10.244.0.1:9091/version").communicate(timeout=10)
    assert answers() == before + 1
    mesh.outer("curl", "-sS", "http://10.244.0.1:9091/nowhere").communicate(timeout=10)
    assert value(mesh, "osm_http_response_total", code="404", path="other") >= 1
    assert value(mesh, "osm_http_response_duration_count", path="/version") == before + 1
