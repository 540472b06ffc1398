"""Pods in the mesh: sidecars with identity, and pods that cannot see what is not theirs."""
import json
import os
import signal
import subprocess
import tarfile

from conftest import SOURCE, eventually, find_osm, inside
from test_pods import WEB


def test_two_pods_speak_through_their_sidecars(meshed):
    meshed.save("app.yaml", WEB)
    meshed.up()
    meshed.ready("web")
    meshed.ready("client")
    answer = eventually(lambda: (a := meshed.call("client", "http://web/", "-i")) and a.returncode == 0 and a)
    assert "hello" in answer.stdout and "x-envoy" in answer.stdout.lower()
    sh = lambda text, container: meshed.exec("client", "sh", "-c", text, container=container)
    assert sh("cat /var/run/secrets/osm/token/token", "c").returncode != 0, "the application sees no token"
    assert sh("cat /var/run/secrets/osm/token/token", "envoy").returncode == 0
    for container in ("c", "envoy"):
        assert sh(f"ls {meshed.state} | wc -l", container).stdout.strip() == "0"


def test_the_first_lines_of_the_documentation_work_as_they_stand(meshed):
    text = (SOURCE / "docs/local.md").read_text()
    meshed.save("app.yaml", text.split("```yaml\n")[1].split("```")[0])
    commands = [line.split("#")[0].split() for line in text.split("```sh\n")[1].split("```")[0].splitlines()]
    assert commands[0] == ["osm", "local", "up", "hello", "-d"] and commands[1] == ["osm", "wait"]
    meshed.up()
    run = lambda words: subprocess.run([find_osm(), *words[1:]], env=meshed.env, text=True, capture_output=True, timeout=60)
    for words in commands[1:-1]:
        done = run(words)
        assert done.returncode == 0, (words, done.stderr)
        if "exec" in words:
            assert done.stdout.startswith("HTTP/1.1 200 OK")
    wrong = run(["osm", "status", "everything"])
    assert wrong.returncode == 2 and "'everything' is one word too many" in wrong.stderr


def test_the_controller_may_die_and_pods_live_on(meshed):
    meshed.save("app.yaml", WEB)
    meshed.up()
    pods = {**meshed.ready("web"), **meshed.ready("client")}
    namespace = os.readlink(f"/proc/{meshed.pid()}/ns/pid")
    def controller():
        for pid in inside(namespace):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().split(b"\0")[1:2] == [b"controller"]:
                    return int(pid)
    first = controller()
    os.kill(first, signal.SIGKILL)
    assert "hello" in meshed.call("client", "http://web/").stdout
    eventually(lambda: controller() not in (None, first))
    assert {n: p["metadata"]["uid"] for n, p in meshed.pods().items()} == {n: p["metadata"]["uid"] for n, p in pods.items()}


def test_a_job_ends_although_it_has_a_sidecar(meshed):
    meshed.save("app.yaml", WEB)
    meshed.save("job.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: {spec: {restartPolicy: Never, containers: "
                            "[{name: j, image: x, command: [sh, -c, 'until curl -sfS http://web/; do sleep 0.1; done']}]}}}\n")
    meshed.up()
    eventually(lambda: [p["status"].get("phase") for p in meshed.pods("once-").values()] == ["Succeeded"], 60)


def test_a_pod_whose_sandbox_is_lost_starts_again(meshed):
    meshed.save("app.yaml", WEB)
    meshed.up()
    meshed.ready("web")
    meshed.ready("client")
    container = meshed.pods("web")["web"]["status"]["containerStatuses"][0]["containerID"]
    inner = int(container.removeprefix("proc://"))
    def of_pod():
        """The PID namespace of the process that the supervisor knows by that number."""
        for proc in os.listdir("/proc"):
            if not proc.isdigit():
                continue
            try:
                with open(f"/proc/{proc}/status") as f:
                    fields = dict(line.split(":", 1) for line in f)
                if int(fields["PPid"]) == meshed.pid() and fields["NSpid"].split()[-2] == str(inner):
                    return os.readlink(f"/proc/{proc}/ns/pid")
            except OSError:
                continue
    init = min(inside(of_pod()), key=int)
    os.kill(int(init), signal.SIGKILL)
    eventually(lambda: meshed.pods("web")["web"]["status"]["containerStatuses"][0]["restartCount"] > 0)
    meshed.ready("web")
    eventually(lambda: "hello" in meshed.call("client", "http://web/").stdout)


def test_a_killed_agent_is_started_again_and_traffic_resumes(meshed):
    meshed.save("app.yaml", WEB)
    meshed.up()
    meshed.ready("web")
    meshed.ready("client")
    sidecar = lambda: next(c for c in meshed.pods("client")["client"]["status"]["initContainerStatuses"] if c["name"] == "envoy")
    assert meshed.exec("client", "sh", "-c", "kill -9 $(pgrep -o -u 1500)", container="c").returncode == 0
    eventually(lambda: sidecar()["restartCount"] == 1 and sidecar()["ready"])
    eventually(lambda: "hello" in meshed.call("client", "http://web/").stdout)


def test_verbs_that_look_for_what_is_wrong(meshed, tmp_path):
    meshed.save("app.yaml", WEB)
    meshed.up()
    meshed.ready("web")
    meshed.ready("client")
    verb = lambda *words: subprocess.run([find_osm(), *words], env=meshed.env, text=True, capture_output=True, timeout=60)
    assert verb("wait", "--for", "accepted", "--timeout", "30s").returncode == 0
    assert "rbac: debug" in verb("proxy", "set", "logging?rbac=debug", "client").stdout
    wrong = verb("proxy", "set", "nothing", "client")
    assert wrong.returncode == 1 and "Envoy does not carry out '/nothing': 404" in wrong.stderr
    pods = verb("status", "-o", "json").stdout
    ns = next(p["namespace"] for p in json.loads(pods)["pods"] if p["name"] == "client")
    said = verb("verify", "connectivity", "--from-pod", f"{ns}/client", "--to-service", f"{ns}/web")
    assert said.returncode == 0 and said.stdout.count("[+]") == 3, said.stdout + said.stderr
    assert verb("verify", "control-plane-health").returncode == 0
    out = tmp_path / "r.tar.gz"
    assert verb("support", "bug-report", "-o", str(out)).returncode == 0
    with tarfile.open(out) as archive:
        assert {"./status.json", f"./pods/{ns}/client/config_dump", f"./pods/{ns}/web/stats"} <= set(archive.getnames())
