"""Probes over the network: http with header and named port, tcp, grpc."""
from conftest import eventually, is_ready

OUT = ("--no-mesh", "default")

# The smallest gRPC health server: answers every request on HTTP/2 with the serving status that the file /tmp/s holds.
GRPC = r"""
import socket, struct, threading
def frame(kind, flags, stream, body): return struct.pack('>I', len(body))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + body
def text(name, value): return b'\0' + bytes([len(name)]) + name + bytes([len(value)]) + value
def serve(c):
    f = c.makefile('rb'); f.read(24); c.sendall(frame(4, 0, 0, b''))
    while True:
        head = f.read(9)
        if len(head) < 9: return
        f.read(int.from_bytes(head[:3], 'big'))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], 'big')
        if kind == 4 and not flags: c.sendall(frame(4, 1, 0, b''))
        if kind in (0, 1) and flags & 1:
            status = int(open('/tmp/s').read() or 2)
            c.sendall(frame(1, 4, stream, b'\x88' + text(b'content-type', b'application/grpc')) + frame(0, 0, stream, bytes([0, 0, 0, 0, 2, 8, status]))
                      + frame(1, 5, stream, text(b'grpc-status', b'0')))
open('/tmp/s', 'w').write('1')
s = socket.create_server(('', 9000))
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""

HTTP = r"""
import http.server, os
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ok = self.path == '/healthz?x=1' and self.headers['X-Probe'] == 'yes' and not os.path.exists('/tmp/dead')
        self.send_response(200 if ok else 500); self.end_headers()
http.server.ThreadingHTTPServer(('', 8000), H).serve_forever()
"""


def script(name, text, probes):
    indented = "\n".join("    " + line for line in text.strip().splitlines())
    return f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data:
  main.py: |
{indented}
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  containers:
  - name: c
    image: python
    command: [python3, /app/main.py]
    ports: [{{name: web, containerPort: 8000}}]
    volumeMounts: [{{name: app, mountPath: /app}}]
    {probes}
  volumes: [{{name: app, configMap: {{name: {name}}}}}]
---
"""


def test_a_grpc_probe_follows_the_serving_status(mesh):
    mesh.save("app.yaml", script("grpc", GRPC, "readinessProbe: {grpc: {port: 9000, service: x}, periodSeconds: 1, failureThreshold: 1}"))
    mesh.up(*OUT)
    mesh.ready("grpc")
    mesh.exec("grpc", "sh", "-c", "echo 2 > /tmp/s")
    eventually(lambda: not is_ready(mesh.pods("grpc")["grpc"]))
    mesh.exec("grpc", "sh", "-c", "echo 1 > /tmp/s")
    mesh.ready("grpc")


def test_an_http_probe_sends_its_header_and_restarts_what_fails(mesh):
    get = "httpGet: {path: '/healthz?x=1', port: web, httpHeaders: [{name: X-Probe, value: 'yes'}]}"
    mesh.save("app.yaml", script("http", HTTP, f"""startupProbe: {{tcpSocket: {{port: web}}, periodSeconds: 1}}
    readinessProbe: {{{get}, periodSeconds: 1}}
    livenessProbe: {{{get}, periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 1}}"""))
    mesh.up(*OUT)
    mesh.ready("http")
    count = lambda: mesh.pods("http")["http"]["status"]["containerStatuses"][0]["restartCount"]
    assert count() == 0
    mesh.exec("http", "touch", "/tmp/dead")
    eventually(lambda: count() == 1)
    mesh.ready("http")


HITS = r"""
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open('/hits/log', 'a').write(self.path + ' ' + self.headers['X-Hook'] + '\n')
        self.send_response(200); self.end_headers()
http.server.ThreadingHTTPServer(('', 8000), H).serve_forever()
"""


def test_http_hooks_reach_the_application_through_what_injection_wrote(meshed):
    """A native sidecar notes the hooks of the container beside it; a postStart hook that fails ends its container."""
    hook = lambda path, port: f"{{httpGet: {{path: {path}, port: {port}, httpHeaders: [{{name: X-Hook, value: 'yes'}}]}}}}"
    pod = lambda name, port: f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  initContainers:
  - name: listener
    image: python
    restartPolicy: Always
    command: [python3, /app/main.py]
    startupProbe: {{tcpSocket: {{port: 8000}}, periodSeconds: 1}}
    volumeMounts: [{{name: app, mountPath: /app}}, {{name: hits, mountPath: /hits}}]
  containers:
  - name: c
    image: x
    command: [sleep, "1000"]
    lifecycle: {{postStart: {hook("/start", port)}, preStop: {hook("/stop", 8000)}}}
  volumes: [{{name: app, configMap: {{name: app}}}}, {{name: hits, persistentVolumeClaim: {{claimName: {name}}}}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"""
    meshed.save("app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata:\n  main.py: |\n"
                + "\n".join("    " + line for line in HITS.strip().splitlines()) + pod("hooked", 8000) + pod("refused", 9))
    meshed.up()
    meshed.ready("hooked")
    hits = meshed.state / "claims" / "default_hooked" / "log"
    eventually(lambda: hits.exists() and hits.read_text() == "/start yes\n")
    main = lambda: meshed.pods("refused")["refused"]["status"]["containerStatuses"][0]
    eventually(lambda: main()["restartCount"] > 0)
    (meshed.dir / "app.yaml").unlink()
    eventually(lambda: not meshed.pods())
    assert hits.read_text() == "/start yes\n/stop yes\n"


# The same over HTTPS, with a certificate that nobody knows.
HTTPS = HTTP.replace("import http.server, os", "import http.server, os, ssl, subprocess").replace(
    "http.server.ThreadingHTTPServer(('', 8000), H).serve_forever()", """
subprocess.run('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /tmp/k -out /tmp/c', shell=True, check=True)
s = http.server.ThreadingHTTPServer(('', 8000), H)
t = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); t.load_cert_chain('/tmp/c', '/tmp/k')
s.socket = t.wrap_socket(s.socket, server_side=True); s.serve_forever()
""")


def test_meshed_pods_are_probed_through_what_injection_wrote(meshed):
    get = "httpGet: {path: '/healthz?x=1', port: web, httpHeaders: [{name: X-Probe, value: 'yes'}]}"
    meshed.save("app.yaml", script("http", HTTP, f"""startupProbe: {{tcpSocket: {{port: web}}, periodSeconds: 1}}
    readinessProbe: {{{get}, periodSeconds: 1, failureThreshold: 1}}""")
                + script("grpc", GRPC, "readinessProbe: {grpc: {port: 9000}, periodSeconds: 1, failureThreshold: 1}")
                + script("tls", HTTPS, "readinessProbe: {httpGet: {path: '/healthz?x=1', port: web, scheme: HTTPS, httpHeaders: [{name: X-Probe, value: 'yes'}]}, "
                         "periodSeconds: 1, failureThreshold: 1}\n    livenessProbe: {exec: {command: ['true']}, periodSeconds: 1}"))
    meshed.up()
    meshed.ready("http")
    meshed.ready("tls")
    meshed.ready("grpc")
    meshed.exec("http", "touch", "/tmp/dead")
    meshed.exec("tls", "touch", "/tmp/dead")
    meshed.exec("grpc", "sh", "-c", "echo 2 > /tmp/s")
    eventually(lambda: not is_ready(meshed.pods("tls")["tls"]))
    eventually(lambda: not is_ready(meshed.pods("http")["http"]) and not is_ready(meshed.pods("grpc")["grpc"]))
