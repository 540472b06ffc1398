"""Pods outside the mesh: network, names, volumes, workloads, probes, verbs, and that nothing is left."""
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import urllib.request

import pytest
from conftest import eventually, find_osm, inside, is_ready, world

WEB = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: web
    image: python
    command: [python3, -m, http.server, "8000", --directory, /site]
    ports: [{name: http, containerPort: 8000}]
    readinessProbe: {httpGet: {path: /, port: http}}
    volumeMounts: [{name: site, mountPath: /site}]
  volumes: [{name: site, configMap: {name: site}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: site}
data: {index.html: hello}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: c, image: curl, command: [sleep, "10000"]}]
"""
OUT = ("--no-mesh", "default")


def deployment(replicas, word, extra=""):
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: echo}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: echo}}}}
  template:
    metadata: {{labels: {{app: echo}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: e
        image: x
        env: [{{name: WORD, value: {word}}}]
        command: [sh, -c, 'mkdir /w && cd /w && echo $WORD > index.html && exec python3 -m http.server 9000']
        readinessProbe: {{tcpSocket: {{port: 9000}}}}
        {extra}
---
apiVersion: v1
kind: Service
metadata: {{name: echo}}
spec: {{selector: {{app: echo}}, ports: [{{port: 80, targetPort: 9000}}]}}
"""


def test_one_pod_calls_another_by_name_and_a_killed_supervisor_leaves_nothing(mesh):
    before = world()
    mesh.save("app.yaml", WEB)
    mesh.up(*OUT)
    mesh.ready("web")
    mesh.ready("client")
    for host in ("web", "web.default", "web.default.svc", "web.default.svc.cluster", "web.default.svc.cluster.local"):
        assert mesh.call("client", f"http://{host}/").stdout == "hello", host
    assert world() == before, "the host sees the mesh"
    pid = mesh.pid()
    namespace = os.readlink(f"/proc/{pid}/ns/pid")
    assert len(inside(namespace)) >= 2
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not inside(namespace))
    assert world() == before
    assert "no local mesh is running" in mesh.down().stdout
    mesh.up(*OUT)  # and it starts again on what the dead one left behind
    mesh.ready("web")


def test_up_twice_down_twice(mesh):
    mesh.save("app.yaml", WEB)
    mesh.up(*OUT)
    again = mesh.osm("up", str(mesh.dir))
    assert again.returncode == 1 and "already running" in again.stderr
    namespace = os.readlink(f"/proc/{mesh.pid()}/ns/pid")
    assert mesh.down().stdout == "the mesh has ended\n"
    assert not inside(namespace)
    assert mesh.down().returncode == 0


def test_the_foreground_ends_with_its_terminal_and_after_its_time(mesh):
    mesh.save("app.yaml", WEB)
    up = subprocess.Popen([find_osm(), "local", "up", str(mesh.dir), *OUT], env=mesh.env, stdout=subprocess.PIPE, text=True)
    mesh.ready("web")
    up.send_signal(signal.SIGINT)
    assert up.wait(15) == 0
    assert "pod default/web is ready" in up.stdout.read()
    done = mesh.osm("up", str(mesh.dir), "--for", "1s", *OUT)
    assert done.returncode == 0 and "ended" in done.stdout
    up = subprocess.Popen([find_osm(), "local", "up", str(mesh.dir), *OUT], env=mesh.env, stdout=subprocess.PIPE, text=True)
    mesh.ready("web")
    namespace = os.readlink(f"/proc/{mesh.pid()}/ns/pid")
    up.kill()
    eventually(lambda: not inside(namespace))


def test_a_rolling_update_loses_no_request(mesh):
    mesh.save("client.yaml", WEB)
    mesh.save("echo.yaml", deployment(2, "old"))
    mesh.up(*OUT)
    old = mesh.ready("echo-", 2)
    status = lambda: mesh.objects("deployment")["echo"]["status"]
    eventually(lambda: status()["availableReplicas"] == 2 and [c["status"] for c in status()["conditions"]] == ["True", "True"])
    loop = threading.Thread(target=lambda: seen.append(mesh.exec(
        "client", "sh", "-c", "for i in $(seq 300); do curl -sS -m 3 http://echo/ || echo failed; sleep 0.02; done", timeout=60)))
    seen = []
    loop.start()
    mesh.save("echo.yaml", deployment(2, "new"))
    eventually(lambda: len(mesh.pods("echo-")) == 2 and not set(old) & set(mesh.pods("echo-")), 30)
    loop.join()
    words = seen[0].stdout.split()
    assert "failed" not in words and seen[0].stderr == ""
    assert words[0] == "old" and words[-1] == "new"
    mesh.save("echo.yaml", deployment(0, "new"))
    eventually(lambda: not mesh.pods("echo-"))
    eventually(lambda: status()["replicas"] == 0)
    assert mesh.call("client", "http://echo/").returncode == 7, "refused at once"


STATEFUL = """
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: web, port: 9000}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: d
        image: x
        command: [sh, -c, 'hostname >> /data/names; cd /data && exec python3 -m http.server 9000']
        volumeMounts: [{name: data, mountPath: /data}]
        readinessProbe: {exec: {command: [curl, -sf, "http://127.0.0.1:9000/names"]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: c, image: curl, command: [sleep, "10000"]}]
"""


def test_a_stateful_set_has_names_order_and_kept_claims(mesh):
    mesh.save("db.yaml", STATEFUL)
    mesh.up(*OUT)
    pods = mesh.ready("db-", 2)
    assert set(pods) == {"db-0", "db-1"}
    ended = {name: pod["status"]["conditions"][2]["lastTransitionTime"] for name, pod in pods.items()}
    assert ended["db-0"] <= ended["db-1"]
    mesh.ready("client")
    assert mesh.call("client", "http://db-1.db:9000/names").stdout == "db-1\n"
    both = mesh.exec("client", "getent", "ahostsv4", "db.default.svc.cluster.local").stdout
    assert all(pod["status"]["podIP"] in both for pod in pods.values())
    mesh.down()
    mesh.up(*OUT)
    mesh.ready("db-", 2)
    eventually(lambda: mesh.objects("statefulset")["db"]["status"]["readyReplicas"] == 2)
    assert mesh.call("client", "http://db-0.db:9000/names").stdout == "db-0\ndb-0\n", "the claim was kept"
    mesh.save("db.yaml", STATEFUL.replace("replicas: 2", "replicas: 1"))
    eventually(lambda: set(mesh.pods("db-")) == {"db-0"})


def test_a_name_of_many_addresses_is_answered_whole(mesh):
    """More than 512 bytes: the resolver asks again over TCP."""
    addresses = [f"10.244.77.{i}" for i in range(1, 101)]
    endpoints = "".join(f"- {{addresses: [{a}]}}\n" for a in addresses)
    mesh.save("app.yaml", WEB + f"""
---
apiVersion: v1
kind: Service
metadata: {{name: many}}
spec: {{clusterIP: None, ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: many-1, labels: {{kubernetes.io/service-name: many}}}}
addressType: IPv4
ports: [{{port: 80}}]
endpoints:
{endpoints}""")
    mesh.up(*OUT)
    mesh.ready("client")
    ask = "import socket; print(*sorted({a[4][0] for a in socket.getaddrinfo('many', 80)}))"
    assert mesh.exec("client", "python3", "-c", ask).stdout.split() == sorted(addresses)


def test_a_job_completes_and_a_failing_one_waits(mesh):
    mesh.save("jobs.yaml", """
apiVersion: batch/v1
kind: Job
metadata: {name: good}
spec: {completions: 2, template: {spec: {restartPolicy: Never, containers: [{name: j, image: x, command: ["true"]}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: bad}
spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: j, image: x, command: ["false"]}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each}
spec:
  selector: {matchLabels: {app: each}}
  template:
    metadata: {labels: {app: each}}
    spec: {containers: [{name: c, image: x, command: [sleep, "1000"]}]}
""")
    mesh.up(*OUT)
    phases = lambda prefix: [p["status"].get("phase") for p in mesh.pods(prefix).values()]
    eventually(lambda: phases("good-") == ["Succeeded", "Succeeded"])
    eventually(lambda: phases("bad-") == ["Failed"])
    mesh.ready("each-", 1)
    status = lambda kind, name: mesh.objects(kind).get(name, {}).get("status", {})
    good, bad = eventually(lambda: (g := status("job", "good"))["conditions"] and (b := status("job", "bad"))["conditions"] and (g, b))
    assert good["succeeded"] == 2 and good["active"] == 0 and good["completionTime"] >= good["startTime"]
    assert [c["type"] for c in good["conditions"]] == ["Complete"]
    assert bad["failed"] == 1 and [c["type"] for c in bad["conditions"]] == ["Failed"] and "completionTime" not in bad
    eventually(lambda: status("daemonset", "each")["numberReady"] == 1)


def test_a_pod_on_the_network_of_its_host_answers_there_and_is_not_in_the_mesh(mesh):
    mesh.save("app.yaml", WEB + """
---
apiVersion: v1
kind: Pod
metadata: {name: node, labels: {app: node}}
spec:
  hostNetwork: true
  containers:
  - name: n
    image: python
    command: [python3, -m, http.server, "8100", --directory, /etc]
    securityContext: {runAsUser: 65534}
    readinessProbe: {httpGet: {path: /hostname, port: 8100}}
---
apiVersion: v1
kind: Service
metadata: {name: node}
spec: {selector: {app: node}, ports: [{port: 80, targetPort: 8100}]}
""")
    mesh.up(*OUT)
    pods = mesh.ready("node")
    mesh.ready("client")
    mesh.ready("web")
    assert pods["node"]["status"]["podIP"] == pods["node"]["status"]["hostIP"] == "10.244.0.1"
    for host in ("node", "10.244.0.1:8100"):
        assert mesh.call("client", f"http://{host}/hostname").stdout == "node\n"
    assert mesh.call("node", "http://web/").stdout == "hello", "Services are reached from there, too"
    assert mesh.osm("delete", "-f", str(mesh.dir / "app.yaml")).returncode == 0
    eventually(lambda: not mesh.pods())


def test_probes_decide_about_endpoints_and_restarts(mesh):
    mesh.save("app.yaml", """
apiVersion: v1
kind: Pod
metadata: {name: flaky, labels: {app: flaky}}
spec:
  containers:
  - name: c
    image: x
    command: [sh, -c, 'touch /tmp/alive-$HOSTNAME; exec sleep 1000']
    startupProbe: {exec: {command: [sh, -c, 'test -e /tmp/alive-flaky']}, periodSeconds: 1}
    readinessProbe: {exec: {command: [sh, -c, 'test -e /tmp/ready']}, periodSeconds: 1, failureThreshold: 1}
    livenessProbe: {exec: {command: [sh, -c, '! test -e /tmp/dead']}, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: flaky}
spec: {selector: {app: flaky}, ports: [{port: 80}]}
""")
    mesh.up(*OUT)
    status = lambda: mesh.pods("flaky").get("flaky", {}).get("status", {}).get("containerStatuses", [{}])[0]
    def endpoint():
        slices = list(mesh.objects("endpointslice").values())
        return slices and slices[0]["endpoints"] and slices[0]["endpoints"][0]["conditions"]["ready"]
    eventually(lambda: status().get("started"))
    assert not status()["ready"]
    assert endpoint() is False
    assert mesh.exec("flaky", "touch", "/tmp/ready").returncode == 0
    eventually(lambda: status()["ready"] and endpoint())
    assert mesh.exec("flaky", "rm", "/tmp/ready").returncode == 0
    eventually(lambda: not status()["ready"] and not endpoint())
    assert status()["restartCount"] == 0
    assert mesh.exec("flaky", "touch", "/tmp/dead").returncode == 0
    eventually(lambda: status()["restartCount"] == 1)


def test_init_containers_sidecars_and_the_order_of_the_end(mesh):
    mesh.save("app.yaml", """
apiVersion: v1
kind: Pod
metadata: {name: order}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 3
  initContainers:
  - {name: one, image: x, command: [sh, -c, 'echo one >> /v/log'], volumeMounts: [{name: v, mountPath: /v}]}
  - name: side
    image: x
    restartPolicy: Always
    command: [sh, -c, 'trap "echo side-ends >> /v/log; exit 0" TERM; echo side >> /v/log; touch /v/up; while :; do sleep 0.05; done']
    startupProbe: {exec: {command: [test, -e, /v/up]}, periodSeconds: 1}
    volumeMounts: [{name: v, mountPath: /v}]
  - {name: two, image: x, command: [sh, -c, 'echo two >> /v/log'], volumeMounts: [{name: v, mountPath: /v}]}
  containers:
  - {name: app, image: x, command: [sh, -c, 'echo app >> /v/log'], volumeMounts: [{name: v, mountPath: /v}]}
  volumes: [{name: v, persistentVolumeClaim: {claimName: log}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: log}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
""")
    mesh.up(*OUT)
    eventually(lambda: mesh.pods("order").get("order", {}).get("status", {}).get("phase") == "Succeeded")
    log = mesh.state / "claims" / "default_log" / "log"
    assert log.read_text().split() == ["one", "side", "two", "app", "side-ends"]


def test_environment_volumes_users_and_hidden_directories(mesh):
    mesh.save("app.yaml", """
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {k: secret}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: "1", b: text}
---
apiVersion: v1
kind: Pod
metadata: {name: all, labels: {x: y}}
spec:
  securityContext: {runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456}
  containers:
  - name: c
    image: x
    command: [sleep, "1000"]
    envFrom: [{configMapRef: {name: c}}]
    env:
    - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}
    - {name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: SUM, value: "$(WHO)-$(a)"}
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    volumeMounts:
    - {name: e, mountPath: /e}
    - {name: p, mountPath: /p}
    - {name: c, mountPath: /etc/one, subPath: a}
  volumes:
  - {name: e, emptyDir: {medium: Memory}}
  - {name: c, configMap: {name: c}}
  - name: p
    projected:
      sources:
      - secret: {name: s}
      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
      - serviceAccountToken: {path: token, audience: somebody}
""")
    mesh.up(*OUT)
    mesh.ready("all")
    sh = lambda text: mesh.exec("all", "sh", "-c", text).stdout.strip()
    assert sh("echo $KEY $SUM $b") == "secret all-1 text"
    assert sh("id -u; id -g; id -G") == "1234\n2345\n2345 3456"
    assert sh("cat /p/k /p/labels /etc/one") == 'secretx="y"1'
    assert sh("touch /e/x && echo ok; touch /x 2>/dev/null || echo no") == "ok\nno"
    assert sh("grep CapBnd /proc/self/status").split()[1] == "0" * 16
    assert sh("grep NoNewPrivs /proc/self/status").split()[1] == "1"
    assert sh(f"ls {mesh.state} | wc -l") == "0", "no pod sees the state directory"
    token = sh("cat /p/token")
    import hashlib, json
    known = json.loads((mesh.state / "tokens" / (hashlib.sha256(token.encode()).hexdigest() + ".json")).read_text())
    assert known["pod"] == "all" and known["audience"] == "somebody" and known["serviceAccount"] == "default"
    assert oct((mesh.state / "tokens").stat().st_mode)[-3:] == "700"


def test_a_changed_config_map_reaches_the_mounted_file(mesh):
    mesh.save("app.yaml", WEB)
    mesh.up(*OUT)
    mesh.ready("web")
    mesh.ready("client")
    mesh.save("app.yaml", WEB.replace("index.html: hello", "index.html: goodbye"))
    eventually(lambda: mesh.call("client", "http://web/").stdout == "goodbye")
    assert mesh.pods("web")["web"]["status"]["containerStatuses"][0]["restartCount"] == 0


def test_verbs_exec_logs_port_forward_apply_delete(mesh, tmp_path):
    mesh.save("app.yaml", WEB)
    mesh.up(*OUT)
    mesh.ready("web")
    mesh.ready("client")
    done = mesh.osm("exec", "-n", "default", "client", "--", "sh", "-c", "cat; echo err >&2; exit 7", input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "err\n")
    on_a_terminal(mesh)
    missing = mesh.exec("client", "nonesuch")
    assert missing.returncode == 1 and "there is no command 'nonesuch'" in missing.stderr
    assert "there is no pod" in mesh.exec("nobody", "true").stderr
    assert mesh.call("client", "http://web/marker").returncode == 0
    eventually(lambda: "GET /marker" in mesh.osm("logs", "web").stdout)
    follow = subprocess.Popen([find_osm(), "local", "logs", "-f", "default/web"], env=mesh.env, stdout=subprocess.PIPE, text=True)
    mesh.call("client", "http://web/followed")
    while "GET /followed" not in follow.stdout.readline():
        pass
    follow.kill()
    forward = subprocess.Popen([find_osm(), "local", "port-forward", "web", "0:8000"], env=mesh.env, stdout=subprocess.PIPE, text=True)
    address = forward.stdout.readline().split()[0]
    assert urllib.request.urlopen(f"http://{address}/", timeout=5).read() == b"hello"
    taken = mesh.osm("port-forward", "web", f"{address.split(':')[1]}:8000")
    assert taken.returncode == 1 and "cannot listen" in taken.stderr
    forward.kill()
    extra = tmp_path / "extra.yaml"
    extra.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: more}\nspec: {selector: {app: web}, ports: [{port: 81, targetPort: 8000}]}\n")
    assert mesh.osm("apply", "-f", str(extra)).returncode == 0
    eventually(lambda: mesh.call("client", "http://more:81/").stdout == "hello")
    assert mesh.osm("delete", "-f", str(extra)).returncode == 0
    eventually(lambda: mesh.call("client", "http://more:81/").returncode == 6)
    extra.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: more}\nspec: {ports: [{port: 99999}]}\n")
    refused = mesh.osm("apply", "-f", str(extra))
    assert refused.returncode == 1 and "extra.yaml:4" in refused.stderr and not (mesh.dir / "extra.yaml").exists()


def on_a_terminal(mesh):
    """exec -t: job control, the size of this terminal, and what is typed reaches the command."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    before = termios.tcgetattr(inner)
    shell = subprocess.Popen([find_osm(), "local", "exec", "-it", "client", "--", "bash", "--norc", "-i"], env=mesh.env, stdin=inner, stdout=inner, stderr=inner)
    seen = b""
    def until(text):
        nonlocal seen
        while text not in seen:
            assert select.select([outer], [], [], 20)[0], seen
            seen += os.read(outer, 4096)
    until(b"# ")
    os.write(outer, b"tty; stty size; jobs -l; test -t 2 && echo on-$TERM; exit 5\n")
    until(b"on-xterm\r\n")
    assert shell.wait(20) == 5
    assert b"/dev/pts/0" in seen and b"33 77" in seen and b"no job control" not in seen
    assert termios.tcgetattr(inner) == before
    os.close(outer), os.close(inner)


def test_bad_input_is_one_sentence_and_the_rest_runs_on(mesh):
    mesh.save("app.yaml", WEB)
    mesh.save("bad.yaml", """
apiVersion: v1
kind: Pod
metadata: {name: noimage}
spec: {containers: [{name: c, image: nobody/knows}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nocommand}
spec: {containers: [{name: c, image: x, command: [nonesuch]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: noaccount}
spec: {serviceAccountName: nobody, containers: [{name: c, image: x, command: ["true"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nomap}
spec:
  containers: [{name: c, image: x, command: [sleep, "1000"]}]
  volumes: [{name: v, configMap: {name: later}}]
""")
    out = mesh.up(*OUT)
    mesh.ready("web")
    assert "there is no ServiceAccount default/nobody" in out + (mesh.state / "logs/supervisor.log").read_text()
    waiting = lambda name: mesh.pods(name)[name]["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("message", "")
    eventually(lambda: "is not in the image table" in waiting("noimage"))
    eventually(lambda: "there is no command 'nonesuch'" in waiting("nocommand"))
    eventually(lambda: "there is no ConfigMap default/later" in mesh.pods("nomap")["nomap"]["status"].get("message", ""))
    mesh.save("later.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: later}\ndata: {a: b}\n")
    mesh.ready("nomap")
    uid = mesh.pods("web")["web"]["metadata"]["uid"]
    mesh.save("app.yaml", WEB + "\n---\n{ broken: [")
    time.sleep(0.5)
    assert is_ready(mesh.pods("web")["web"]) and mesh.pods("web")["web"]["metadata"]["uid"] == uid, "the last good text holds"
    mesh.save("app.yaml", WEB.replace("/site]", "/site]\n    env: [{name: NEW, value: x}]"))
    eventually(lambda: mesh.pods("web").get("web", {}).get("metadata", {}).get("uid") not in (uid, None))


def test_what_is_missing_is_said(mesh):
    no_folder = mesh.osm("up", str(mesh.dir / "none"))
    assert no_folder.returncode == 1 and "there is no folder" in no_folder.stderr
    no_table = mesh.osm("up", str(mesh.dir), "--images", "/none.yaml")
    assert no_table.returncode == 1 and "there is no image table" in no_table.stderr
    plain = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", find_osm(), "local", "up", "/"], text=True, capture_output=True,
                           env=mesh.env)
    assert plain.returncode == 1 and "needs root" in plain.stderr
    assert mesh.osm("up").returncode == 2 and mesh.osm("nonsense").returncode == 2
    for verb in ("up", "down", "apply", "delete", "logs", "exec", "port-forward"):
        shown = mesh.osm(verb, "-h")
        assert shown.returncode == 0 and "Example" in shown.stdout


def test_an_image_is_a_directory(mesh, tmp_path):
    layer = tmp_path / "layer"
    (layer / "opt" / "app").mkdir(parents=True)
    (layer / "opt" / "app" / "word").write_text("from the image")
    images = tmp_path / "images.yaml"
    images.write_text('images:\n- {match: "shop/*", layer: ./layer, command: [sh, -c, "cat word; echo $A $B; sleep 1000"], env: {A: "1", B: "2"}, '
                      'workingDir: /opt/app}\n')
    mesh.save("app.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: [{name: c, image: 'shop/app:1', "
                          "env: [{name: B, value: '3'}]}]}\n")
    mesh.up(*OUT, "--images", str(images))
    mesh.ready("shop")
    eventually(lambda: mesh.osm("logs", "shop").stdout == "from the image1 3\n")


def test_it_runs_in_a_chroot_and_with_usr_on_a_disk_of_its_own(mesh, tmp_path):
    root = tmp_path / "root"
    for name in ("usr", "proc", "sys", "dev", "etc", "tmp", "run", "var/lib", "app"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "app/app.yaml").write_text(WEB)
    script = f"""
for d in usr proc sys dev; do mount --rbind /$d {root}/$d; done
cp /etc/passwd /etc/group /etc/ld.so.cache {root}/etc/; cp -a /etc/alternatives {root}/etc/; cp {find_osm()} {root}/osm
chroot {root} /bin/sh -c '
    /osm local up /app -d --no-mesh default && for i in $(seq 100); do
        grep -q "web is ready" /run/osm/local/logs/supervisor.log && break; sleep 0.1; done
    /osm local exec client -- sh -c "curl -sS http://web/; touch /usr/share/mine /etc/mine && echo -written"
    /osm local down'
"""
    env = {name: value for name, value in mesh.env.items() if name != "OSM_STATE"}
    done = subprocess.run(["unshare", "-m", "sh", "-ec", script], env=env, text=True, capture_output=True, timeout=60)
    assert "hello-written" in done.stdout, done.stdout + done.stderr
    assert not os.path.exists("/usr/share/mine") and not (root / "etc/mine").exists(), "what a container writes is its own"
