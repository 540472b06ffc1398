"""What leaves the mesh by Egress: servers that are no part of the cluster are called by http, https and tcp, in both modes; what
no policy names, and what belongs to the cluster, is not reached."""
import json
import subprocess
import threading

import pytest
from conftest import APP, SERVE, SLEEP, TrafficMesh, eventually, local, pod, routes, service

A, B = "203.0.113.10", "203.0.113.11"
WEB, PLAIN = "10.96.7.1", "10.96.7.2"
ALIASES = [{"ip": A, "hostnames": ["good.example", "www.good.example"]}, {"ip": B, "hostnames": ["other.example"]},
           {"ip": WEB, "hostnames": ["web.example"]}, {"ip": PLAIN, "hostnames": ["plain.example"]}]
OUTSIDE = r"""
import http.server, json, socket, socketserver, ssl, sys, threading, time
class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        if self.path == "/slow":
            time.sleep(1)
        at = self.request.getsockname()
        body = json.dumps({"at": at[0], "port": at[1], "host": self.headers["host"], "path": self.path}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *args):
        pass
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1000):
            self.request.sendall(data)
class Banner(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"220 outside")
        self.request.recv(1)
class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
class Http(http.server.ThreadingHTTPServer):
    request_queue_size = 50
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1])
for kind, handler, port in ((Http, Web, 80), (Http, Web, 8080), (Http, Web, 443), (Tcp, Echo, 9000), (Tcp, Banner, 9001)):
    server = kind(("0.0.0.0", port), handler)
    if port == 443:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()
print("listening", flush=True)
"""


def accounts():
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": n, "namespace": "a"}} for n in ("client", "other")]


def manifests():
    callers = [pod(n, "a", {"app": n}, SLEEP, n) for n in ("client", "other")]
    for p in callers:
        p["spec"]["hostAliases"] = ALIASES
    return [*({**APP, "metadata": {"name": "app", "namespace": ns}} for ns in "abc"), *accounts(), *callers,
            pod("web", "b", {"app": "web"}, SERVE), service("web", "b", {"app": "web"}, clusterIP=WEB),
            pod("plain", "c", {"app": "plain"}, SERVE), service("plain", "c", {"app": "plain"}, clusterIP=PLAIN)]


def egress(name, *ports, hosts=(), ranges=(), groups=(), setting=None, account="client", ns="a"):
    """|ports|: "80 http" """
    matches = [{"apiGroup": "specs.smi-spec.io/v1alpha4", "kind": "HTTPRouteGroup", "name": g} for g in groups]
    if setting:
        matches.append({"apiGroup": "policy.openservicemesh.io/v1alpha1", "kind": "UpstreamTrafficSetting", "name": setting})
    split = [p.split() for p in ports]
    return {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "Egress", "metadata": {"name": name, "namespace": ns},
            "spec": {"sources": [{"kind": "ServiceAccount", "name": account, "namespace": "a"}], "hosts": list(hosts),
                     "ipAddresses": list(ranges), "ports": [{"number": int(n), "protocol": p} for n, p in split], "matches": matches}}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    import os
    if os.geteuid() != 0 or not local.find_osm() or not local.find_envoy():
        pytest.skip("needs root, osm and Envoy")
    path = tmp_path_factory.mktemp("egress")
    m = TrafficMesh(path)
    m.save("app.yaml", "\n---\n".join(json.dumps(o) for o in manifests()))
    m.up("--no-mesh", "c")
    m.verb("wait", "--timeout", "60s")
    pem = path / "pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=outside", "-keyout", pem, "-out", path / "crt"], check=True, capture_output=True)
    pem.write_text(pem.read_text() + (path / "crt").read_text())
    (path / "outside.py").write_text(OUTSIDE)
    server = m.outer("sh", "-c", f"ip addr add {A}/32 dev lo; ip addr add {B}/32 dev lo; exec python3 {path}/outside.py {pem}")
    assert server.stdout.readline() == "listening\n"
    yield m
    server.kill()
    server.wait()
    done = m.down()
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=["permissive", "SMI"])
def set_policy(mesh, request):
    yield lambda *objects, **more: mesh.policy(*objects, permissive=request.param == "permissive", **more)


CLOSED = 0


def get(mesh, url, *more, who="a/client", to=None):
    """(status, what the server saw); |to|: the address that is dialled instead of the name's."""
    if to:
        host = url.split("/")[2]
        port = host.partition(":")[2] or ("443" if url.startswith("https") else "80")
        more = ("--resolve", f"{host.partition(':')[0]}:{port}:{to}", *more)
    code, body = mesh.curl(who, url, "-k", *more)
    return code, json.loads(body) if code == 200 else body


def status(mesh, *args, **more):
    return get(mesh, *args, **more)[0]


def test_http_by_host_and_request(mesh, set_policy):
    set_policy(routes("g", {"name": "m", "pathRegex": "/books(/.*)?", "methods": ["GET"]}, ns="a"),
               egress("e", "80 http", "8080 HTTP", hosts=["good.example", "*.good.example"], groups=["g"]))
    code, saw = get(mesh, "http://good.example/books/1?x=y")
    assert (code, saw["at"], saw["host"], saw["path"]) == (200, A, "good.example", "/books/1?x=y")
    assert get(mesh, "http://good.example/books", to=B)[1]["at"] == A, "the host says where, whatever was dialled"
    assert status(mesh, "http://www.good.example/books") == 200
    code, saw = get(mesh, "http://good.example:8080/books", "-H", "Host: GOOD.example")
    assert (code, saw["port"]) == (200, 8080)
    assert get(mesh, "http://other.example/books") == (403, "no_policy")
    assert get(mesh, f"http://{A}/books") == (403, "no_policy")
    assert get(mesh, "http://good.example/else") == get(mesh, "http://good.example/books/../else") == (403, "no_policy")
    assert get(mesh, "http://good.example/books", "-X", "POST") == (403, "no_policy")
    assert status(mesh, "http://good.example/books%2f..%2felse") == 400
    assert status(mesh, "http://www.good.example:8080/books", "-H", "Host: www.good.example") == 403, "it would be called at port 80"
    assert status(mesh, "http://nowhere.good.example/books", to=A) == 503
    assert status(mesh, "http://good.example:9000/books") == CLOSED
    assert status(mesh, "http://good.example/books", who="a/other") == CLOSED
    set_policy()
    assert status(mesh, "http://good.example/books") == CLOSED


def test_http_by_range(mesh, set_policy):
    set_policy(egress("e", "80 http", hosts=["good.example"], ranges=[f"{B}/32"]))
    assert get(mesh, "http://good.example/", to=B)[1]["at"] == B
    assert status(mesh, "http://good.example/") == CLOSED
    assert status(mesh, "http://other.example/") == 403
    set_policy(egress("e", "80 http", hosts=["*"], ranges=[f"{B}/32"]))
    assert status(mesh, "http://other.example/") == 200


def test_https_by_server_name_and_range(mesh, set_policy):
    set_policy(egress("e", "443 https", hosts=["good.example", "*.good.example"]))
    assert [status(mesh, f"https://{n}.example/") for n in ("good", "www.good", "other")] == [200, 200, CLOSED]
    assert status(mesh, f"https://{A}/") == CLOSED and status(mesh, "http://good.example:443/") == CLOSED
    assert status(mesh, "https://good.example/", who="a/other") == CLOSED
    set_policy(egress("e", "443 https", hosts=["good.example"], ranges=[f"{B}/32"]), egress("f", "443 https", ranges=[f"{A}/32"]))
    assert status(mesh, "https://good.example/", to=B) == 200, "host and range"
    assert status(mesh, "https://other.example/") == CLOSED
    assert status(mesh, "https://other.example/", to=A) == 200, "any host at this range"
    set_policy()
    assert status(mesh, "https://good.example/", to=B) == CLOSED


def test_tcp_and_a_server_that_speaks_first(mesh, set_policy):
    set_policy(egress("e", "9000 tcp", "9001 TCP-server-first", ranges=[f"{A}/32"]))
    assert mesh.tcp("a/client", A, 9000, "hi") == "hi" and mesh.tcp("a/client", A, 9001) == "220 outside"
    assert mesh.tcp("a/client", B, 9000, "hi") == mesh.tcp("a/client", B, 9001) == mesh.tcp("a/client", A, 8080, "hi") == ""
    assert mesh.tcp("a/other", A, 9000, "hi") == ""
    set_policy(egress("e", "9000 tcp"))
    assert mesh.tcp("a/client", B, 9000, "hi") == "hi" and mesh.tcp("a/client", B, 9001) == ""
    set_policy()
    assert mesh.tcp("a/client", B, 9000, "hi") == ""


def test_the_cluster_is_never_reached_by_egress(mesh):
    everything = [egress("n", "80 http", hosts=["web.example", "plain.example", "good.example"]),
                  egress("t", "9000 tcp", "9001 tcp-server-first", ranges=["0.0.0.0/0"]), egress("s", "443 https")]
    mesh.policy(*everything)
    web = mesh.address("b", "web")
    assert status(mesh, "http://web.example/") == status(mesh, "http://good.example/", to=PLAIN) == CLOSED, "its address was dialled"
    assert status(mesh, "http://web.example/", to=A) == status(mesh, "http://plain.example/", to=A) == 503, "its address is never called"
    for address in (WEB, PLAIN, web):
        assert mesh.tcp("a/client", address, 9000, "hi") == mesh.tcp("a/client", address, 9001) == ""
    assert mesh.tcp("a/client", A, 9000, "hi") == "hi"
    mesh.policy(*everything, egress("p", "9001 tcp-server-first", ranges=[f"{PLAIN}/32", f"{WEB}/32"]))
    assert mesh.tcp("a/client", PLAIN, 9001) == "220 plain", "a Service outside the mesh may be named by its address"
    assert mesh.tcp("a/client", WEB, 9001) == ""


def test_global_egress_wins_and_policies_can_be_switched_off(mesh, set_policy):
    one = egress("e", "80 http", hosts=["good.example"])
    set_policy(one, egress=True)
    assert [status(mesh, f"http://{n}.example/") for n in ("good", "other")] == [200, 200]
    assert status(mesh, "https://other.example/") == 200
    set_policy(one)
    assert [status(mesh, f"http://{n}.example/") for n in ("good", "other")] == [200, 403]
    config, *rest = mesh.policy_objects(one)
    config["spec"]["featureFlags"] = {"enableEgressPolicy": False}
    mesh.save("policy.yaml", "\n---\n".join(json.dumps(o) for o in (config, *rest)))
    eventually(lambda: status(mesh, "http://good.example/") == CLOSED)


def test_contradictions_are_said_and_the_rest_holds(mesh):
    mesh.policy(egress("a", "80 http", "8080 http", hosts=["good.example"]), egress("b", "80 tcp", "9000 tcp", ranges=[f"{A}/32"]))
    assert status(mesh, "http://good.example/") == status(mesh, "http://good.example:8080/") == 200
    assert status(mesh, "http://other.example/", to=A) == 403 and mesh.tcp("a/client", A, 9000, "hi") == "hi"
    assert "port 80 tcp contradicts port 80 http of Egress a/a" in json.dumps(mesh.status())
    said = mesh.verb("policy", "check-conflicts", "egress", check=False)
    assert "E2000" in said and "Egress a/b" in said and "Egress a/a" not in said.splitlines()[1].split("port")[0]
    assert "no conflicts" in mesh.verb("policy", "check-conflicts", "TrafficSplit")


def test_the_verb_says_what_the_proxy_does(mesh):
    mesh.policy(routes("g", {"name": "m", "pathRegex": "/books"}, ns="a"), egress("e", "80 http", hosts=["good.example"], groups=["g"]),
                egress("s", "443 https", hosts=["good.example"], ranges=[f"{A}/32"]), egress("t", "9000 tcp", ranges=[f"{A}/32"]))

    def asked(*args):
        return mesh.verb("policy", "check-pods", *args, check=False)
    for url, to, seen in (("http://good.example/books", A, 200), ("http://good.example/else", A, 403), ("http://other.example/books", B, 403),
                          ("https://good.example/", A, 200), ("https://good.example/", B, CLOSED), ("https://other.example/", A, CLOSED),
                          ("http://good.example:8080/books", A, CLOSED), ("http://good.example/books", WEB, CLOSED)):
        word = {200: " allowed", 403: "denied (403)", CLOSED: " closed"}[seen]
        assert status(mesh, url, to=to) == seen and word in asked("a/client", url, "--address", to), (url, to, asked("a/client", url, "--address", to))
    assert " a/e/g/m " in asked("a/client", "http://good.example/books")
    assert "may not call" in asked("a/other", f"tcp://{A}:9000") and "allowed" in asked("a/client", f"tcp://{A}:9000")


def test_an_edit_of_one_port_cuts_nothing_of_another(mesh):
    held = egress("t", "9000 tcp", ranges=[f"{A}/32"])
    mesh.policy(held, egress("e", "80 http", hosts=["good.example"]))
    text = ("import socket,sys,time\ns=socket.create_connection((sys.argv[1],9000),5)\nprint('open',flush=True)\n"
            "for i in range(60):\n s.sendall(b'x'); assert s.recv(1)==b'x'; time.sleep(.1)\nprint('whole')")
    said = []
    caller = threading.Thread(target=lambda: said.append(mesh.python("a/client", text, A).stdout))
    caller.start()
    for hosts in (["other.example"], ["good.example", "other.example"], ["good.example"]):
        mesh.policy(held, egress("e", "80 http", hosts=hosts))
        assert {n: status(mesh, f"http://{n}.example/") for n in ("good", "other")} == \
            {n: 200 if f"{n}.example" in hosts else 403 for n in ("good", "other")}
        mesh.policy(held)
        assert status(mesh, "http://good.example/") == CLOSED
    caller.join()
    assert said == ["open\nwhole\n"]


def test_an_upstream_traffic_setting_limits_a_host(mesh):
    few = {"apiVersion": "policy.openservicemesh.io/v1alpha1", "kind": "UpstreamTrafficSetting", "metadata": {"name": "few", "namespace": "a"},
           "spec": {"host": "good.example", "connectionSettings": {"tcp": {"maxConnections": 1}, "http": {"maxPendingRequests": 1}}}}
    mesh.policy(few, egress("e", "80 http", hosts=["good.example", "other.example"], setting="few"))
    text = ("import threading,urllib.request,urllib.error\nseen=[]\ndef call():\n try: seen.append(urllib.request.urlopen('http://good.example/slow').status)\n"
            " except urllib.error.HTTPError as e: seen.append(e.code)\nt=[threading.Thread(target=call) for _ in range(8)]\n"
            "[x.start() for x in t]; [x.join() for x in t]; print(sorted(seen))")
    seen = json.loads(mesh.python("a/client", text).stdout)
    assert 200 in seen and 503 in seen, seen
    assert status(mesh, "http://other.example/") == 200


def test_a_repeated_header_hides_nothing(mesh, set_policy):
    set_policy(routes("g", {"name": "m", "headers": [{"user": "alice|bob"}]}, ns="a"), egress("e", "80 http", hosts=["good.example"], groups=["g"]))
    ask = lambda *users: status(mesh, "http://good.example/", *(w for u in users for w in ("-H", f"user: {u}")))
    assert [ask("alice"), ask("eve"), ask()] == [200, 403, 403]
    assert [ask("alice", "eve"), ask("eve", "alice")] == [403, 403]


KEPT = r"""
import socket, sys
s = socket.create_connection(("good.example", 80), 5)
f = s.makefile("rb")
for path in sys.stdin:
    s.sendall(f"GET {path.strip()} HTTP/1.1\r\nhost: good.example\r\n\r\n".encode())
    status, length = f.readline().split()[1].decode(), 0
    while (line := f.readline().strip()):
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    f.read(length)
    print(status, flush=True)
"""


def test_a_connection_from_before_a_path_rule_cannot_go_round_it(mesh, set_policy):
    set_policy(egress("e", "80 http", hosts=["good.example"]))
    kept = subprocess.Popen([local.find_osm(), "local", "exec", "a/client", "-c", "c", "--", "python3", "-uc", KEPT], env=mesh.env, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(path):
        print(path, file=kept.stdin, flush=True)
        return int(kept.stdout.readline())
    assert ask("/admin") == ask("/public/../admin") == 200
    set_policy(egress("e", "80 http", hosts=["good.example"], groups=["g"]), routes("g", {"name": "m", "pathRegex": "/public/.*"}, ns="a"))
    assert [ask(p) for p in ("/public/x", "/public/a%20b/?x=//", "/admin")] == [200, 200, 403]
    tricks = ("/public/../admin", "/public/..", "/public/..?x", "/public/.%2e/admin", "/public//x", "/public/..%2fadmin", "/public/..%5Cadmin", "/public/..\\admin")
    assert {p: ask(p) for p in tricks} == dict.fromkeys(tricks, 403)
    kept.kill()
    kept.wait()
