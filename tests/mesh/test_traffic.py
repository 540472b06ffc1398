"""Traffic and access in a whole mesh with real Envoys: the sentences of docs/policy.md, one test each."""
import json
import re
import time

import pytest
from conftest import eventually, http_rule, routes, split, target, tcp_route

WEB = "http://web.b/"
EVERY = routes("every", {"name": "all", "pathRegex": ".*", "methods": ["*"]})


def pod_of(answer):
    return json.loads(answer[1])["pod"] if answer[0] == 200 else answer[0]


def no_policy(mesh, who):
    return [json.loads(line) for line in mesh.osm("logs", who, "-c", "envoy").stdout.splitlines() if '"no_policy' in line]


# ---- permissive mode, names, protocols ----

def test_in_permissive_mode_everyone_calls_every_port_in_every_protocol(mesh):
    mesh.policy(permissive=True)
    for who in ("a/client", "a/other"):
        assert pod_of(mesh.curl(who, WEB)) == "web"
    answer = json.loads(mesh.curl("a/client", "http://web.b:8081/x")[1])
    assert (answer["port"], answer["path"], answer["host"]) == (8081, "/x", "web.b:8081")
    assert answer["from"] == "127.0.0.1", "it came through the server's own sidecar"
    assert mesh.tcp("a/client", "web.b", 9000, "hello") == "web:hello"
    assert mesh.tcp("a/client", "web.b", 9001) == "220 web"
    code, body = mesh.curl("a/client", WEB, "--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
                           "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    assert code == 101 and "hi" in body


@pytest.mark.parametrize("host", ["web", "web:80", *(f"web.b{end}{port}" for end in ("", ".svc", ".svc.cluster", ".svc.cluster.local")
                                                     for port in ("", ":80"))])
def test_a_service_has_ten_names(mesh, host):
    if host.startswith("web.b"):
        mesh.policy(permissive=True)
        assert pod_of(mesh.curl("a/client", f"http://{host}/")) == "web"
    else:
        assert pod_of(mesh.curl("b/web2", f"http://{host}/")) == "web", "the short name is for the same namespace"


def test_pods_of_a_headless_service_are_called_by_its_name_and_by_their_own(mesh):
    mesh.policy(permissive=True)
    assert pod_of(mesh.curl("a/client", "http://nodes.b:8080/")) in ("node-0", "node-1")
    for name in ("node-0", "node-1"):
        assert pod_of(mesh.curl("a/client", f"http://{name}.nodes.b:8080/")) == name
        assert mesh.tcp("a/client", f"{name}.nodes.b.svc.cluster.local", 9000, "x") == f"{name}:x"


def test_several_services_stand_before_one_pod(mesh):
    mesh.policy(permissive=True)
    assert pod_of(mesh.curl("a/client", "http://alias.b/")) == "web"


def test_a_pod_calls_itself_through_the_mesh_and_by_its_own_address_directly(mesh):
    mesh.policy(permissive=True)
    assert pod_of(mesh.curl("b/web", "http://web.b/self")) == "web"
    assert pod_of(mesh.curl("b/web", "http://127.0.0.1:8080/")) == "web"
    assert pod_of(mesh.curl("b/web", f"http://{mesh.address('b', 'web')}:8080/")) == "web"


# ---- who is outside ----

def test_a_stranger_calls_unmeshed_services_and_no_meshed_one(mesh):
    mesh.policy(permissive=True)
    assert pod_of(mesh.curl("c/stranger", "http://plain.c/")) == "plain"
    assert mesh.curl("c/stranger", WEB)[0] == 0
    assert mesh.curl("c/stranger", f"http://{mesh.address('b', 'web')}:8080/")[0] == 0


# ---- SMI mode ----

def test_without_a_rule_the_callers_own_sidecar_closes_and_nothing_leaves_the_pod(mesh):
    link = f"pod{mesh.address('a', 'client').rpartition('.')[2]}"
    sniff = ("import socket,struct,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x800))\n"
             "s.bind((sys.argv[1],0)); s.settimeout(0.5); n=0; print('on',flush=True)\nimport select\n"
             "while True:\n r,_,_=select.select([s,sys.stdin],[],[])\n if s in r:\n"
             "  p=s.recv(2000)[14:]\n  n+=p[9]==6 and sys.argv[2:]!=[] and socket.inet_ntoa(p[16:20]) in sys.argv[2:]\n"
             " elif sys.stdin in r: break\nprint(n)")
    for egress in (False, True):
        mesh.policy(egress=egress)
        service = mesh.osm("exec", "c/stranger", "-c", "c", "--", "getent", "hosts", "web.b").stdout.split()[0]
        before = len(no_policy(mesh, "a/client"))
        watch = mesh.outer("python3", "-c", sniff, link, service, mesh.address("b", "web"), stdin=-1)
        assert watch.stdout.readline() == "on\n"
        assert mesh.curl("a/client", WEB)[0] == 0
        assert mesh.tcp("a/client", "web.b", 9000, "hello") == ""
        assert mesh.tcp("a/client", "web.b", 9001) == ""
        assert watch.communicate("\n", timeout=10)[0] == "0\n", "packets to the Service or its pod left the pod"
        lines = eventually(lambda: no_policy(mesh, "a/client")[before:])
        assert lines[0]["msg"] == "no_policy a/client b/web"


def test_permissive_mode_is_switched_live(mesh):
    for permissive in (True, False, True):
        mesh.policy(permissive=permissive)
        assert mesh.curl("a/client", WEB)[0] == (200 if permissive else 0)


def test_a_target_allows_paths_methods_and_headers(mesh):
    group = routes("g", {"name": "books", "pathRegex": "/books/[0-9]+", "methods": ["GET"], "headers": [{"user": "alice|carol"}]})
    mesh.policy(group, target("t", http_rule("g", "books")))
    ask = lambda path, *more, who="a/client": mesh.curl(who, "http://web.b" + path, *more)[0]
    user = ("-H", "user: alice")
    assert ask("/books/1", *user) == 200
    assert ask("/books/1?x=/books/one", *user) == 200, "a query is not judged"
    assert ask("/books/one", *user) == 403
    assert ask("/books/1/more", *user) == 403, "the whole path is matched"
    assert ask("/books/1", *user, "-X", "POST") == 403
    assert ask("/books/1", "-H", "user: bob") == 403
    assert ask("/books/1") == 403
    assert ask("/books/1", *user, "-H", "user: bob") == 403, "a repeated header is judged as a whole"
    assert ask("/books/1", *user, who="a/other") == 0, "no rule speaks of this one"
    assert mesh.tcp("a/client", "web.b", 9000, "x") == "", "routes open no TCP port"


def test_access_is_additive_whatever_the_order(mesh):
    group = routes("g", {"name": "one", "pathRegex": "/one"}, {"name": "two", "pathRegex": "/two"})
    first, second = target("first", http_rule("g", "one")), target("second", http_rule("g", "two"), sources=("client", "other"))
    for objects in ((group, first, second), (second, first, group)):
        mesh.policy(*objects)
        assert [mesh.curl("a/client", f"http://web.b/{p}")[0] for p in ("one", "two", "three")] == [200, 200, 403]
        assert [mesh.curl("a/other", f"http://web.b/{p}")[0] for p in ("one", "two")] == [403, 200]


def test_what_a_target_leaves_out(mesh):
    group = routes("g", {"name": "one", "pathRegex": "/one"}, {"name": "two", "pathRegex": "/two"})
    mesh.policy(group, target("t", http_rule("g")))
    assert mesh.curl("a/client", "http://web.b/two")[0] == 200, "no matches named: all of the group"
    mesh.policy(group, target("t", http_rule("g"), sources=()))
    assert mesh.curl("a/client", "http://web.b/two")[0] == 0, "no sources: nobody"
    mesh.policy(routes("g", {"name": "one", "pathRegex": "/one"}, ns="a"), target("t", http_rule("g"), ns="a"))
    assert mesh.curl("a/client", "http://web.b/one")[0] == 0, "a target of another namespace has no effect"
    assert any(d["code"] == "E8009" for d in mesh.status()["diagnostics"])
    mesh.policy(target("t", http_rule("absent")))
    assert mesh.curl("a/client", WEB)[0] == 0
    assert any(d["code"] == "E2005" and "absent" in d["text"] for d in mesh.status()["diagnostics"])


def test_a_tcp_route_opens_its_ports(mesh):
    mesh.policy(tcp_route("echo", 9000), target("t", {"kind": "TCPRoute", "name": "echo"}))
    assert mesh.tcp("a/client", "web.b", 9000, "x") == "web:x"
    assert mesh.tcp("a/client", "web.b", 9001) == ""
    assert mesh.tcp("a/other", "web.b", 9000, "x") == ""
    mesh.policy(tcp_route("any"), target("t", {"kind": "TCPRoute", "name": "any"}))
    assert mesh.tcp("a/client", "web.b", 9001) == "220 web"


def test_path_tricks_reach_nothing_that_policy_forbids(mesh):
    mesh.policy(routes("g", {"name": "public", "pathRegex": "/public(/.*)?"}), target("t", http_rule("g")))
    ask = lambda path: mesh.curl("a/client", "http://web.b" + path)
    for path, code in (("/public/../admin", 403), ("/public/%2e%2e/admin", 403), ("//admin", 403), ("/public/./../admin", 403),
                       ("/public%2F..%2Fadmin", 400), ("/public%5Cadmin", 400), ("/public/%2Fadmin", 400)):
        assert ask(path)[0] == code, path
    for path in ("//public//x", "/a/../public/x", "/./public/x"):
        code, body = ask(path)
        assert code == 200 and json.loads(body)["path"] == "/public/x", "the application sees the path that was judged"


def test_a_proxy_is_told_only_what_its_account_may_reach(mesh):
    dump = lambda who: mesh.verb("proxy", "get", "config_dump?include_eds", who)
    mesh.policy(permissive=True)
    assert "b/web2|80" in dump("a/client")
    mesh.policy(EVERY, target("t", http_rule("every")))
    assert "b/web|80" in dump("a/client")
    # clusters that were removed drain for a while; new ones must not appear, and the endpoints are gone at once
    eventually(lambda: mesh.address("b", "web2") + '"' not in dump("a/client"), 45, "endpoints of web2 leave the client")
    assert "b/web|80" not in dump("a/other") or mesh.address("b", "web") + '"' not in dump("a/other")


# ---- splits ----

@pytest.mark.parametrize("root", ["apex", "apex.b", "apex.b.svc.cluster.local"])
def test_a_split_sends_by_weight_and_follows_changes(mesh, root):
    for permissive in (True, False):
        rules = (EVERY, target("t1", http_rule("every")), target("t2", http_rule("every"), to="web2"))
        for weights, seen in (({"web": 100, "web2": 0}, {"web"}), ({"web": 0, "web2": 100}, {"web2"})):
            mesh.policy(split(root, **weights), *rules, permissive=permissive)
            assert {pod_of(mesh.curl("a/client", "http://apex.b/")) for _ in range(6)} == seen


def test_a_split_of_a_tcp_service_and_shares(mesh):
    mesh.policy(split("apex", web=0, web2=1), permissive=True)
    assert mesh.tcp("a/client", "apex.b", 9000, "x") == "web2:x"
    mesh.policy(split("apex", web=50, web2=50), permissive=True)
    text = ("import urllib.request,json,collections\nprint(json.dumps(collections.Counter(json.load(urllib.request.urlopen("
            "'http://apex.b/'))['pod'] for _ in range(200))))")
    shares = json.loads(mesh.python("a/client", text).stdout)
    assert 60 < shares["web"] < 140 and shares["web"] + shares["web2"] == 200
    mesh.policy(split("web", web=0, web2=100), permissive=True)
    assert pod_of(mesh.curl("a/client", WEB)) == "web2", "the root may be its own backend"


# ---- the way out ----

def test_egress_is_switched_live_and_opens_no_service(mesh):
    server = mesh.outer("sh", "-c", "ip addr add 203.0.113.1/32 dev lo 2>/dev/null; exec python3 -m http.server 8888 --bind 203.0.113.1", stderr=-3)
    try:
        mesh.policy(egress=True)
        eventually(lambda: mesh.curl("a/client", "http://203.0.113.1:8888/")[0] == 200, 10)
        assert mesh.curl("a/client", WEB)[0] == 0, "a Service is never reached through egress"
        mesh.policy(egress=False)
        eventually(lambda: mesh.curl("a/client", "http://203.0.113.1:8888/")[0] == 0, 10)
    finally:
        server.kill()
        server.wait()


# ---- on the wire, and what is seen ----

def test_between_pods_every_byte_is_tls(mesh):
    mesh.policy(permissive=True)
    link = f"pod{mesh.address('b', 'web').rpartition('.')[2]}"
    sniff = ("import socket,sys,select\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind((sys.argv[1],0))\n"
             "print('on',flush=True); plain=tls=0\nwhile True:\n r,_,_=select.select([s,sys.stdin],[],[])\n if s in r:\n"
             "  f=s.recv(70000)\n  if f[12:14]!=b'\\x08\\0': continue\n  p=f[14:]; h=(p[0]&15)*4\n"
             "  if p[9]!=6 or socket.inet_ntoa(p[12:16])!=sys.argv[2]: continue\n  d=p[h+(p[h+12]>>4)*4:int.from_bytes(p[2:4],'big')]\n"
             "  plain+=b'secret-word' in d; tls+=d[:2]==b'\\x16\\x03'\n elif sys.stdin in r: break\nprint(plain,tls)")
    watch = mesh.outer("python3", "-c", sniff, link, mesh.address("a", "client"), stdin=-1)
    assert watch.stdout.readline() == "on\n"
    for _ in range(3):
        assert mesh.curl("a/client", WEB + "secret-word", "-H", "Connection: close")[0] == 200
    assert "secret-word" in mesh.tcp("a/client", "web.b", 9000, "secret-word")
    plain, tls = map(int, watch.communicate("\n", timeout=10)[0].split())
    assert plain == 0 and tls >= 1


def test_every_request_is_counted_and_logged_once(mesh):
    mesh.policy(permissive=True)

    def count():
        text = mesh.python("a/other", "import urllib.request\nprint(urllib.request.urlopen('http://127.0.0.1:15010/stats/prometheus').read().decode())").stdout
        lines = [l for l in text.splitlines() if l.startswith("osm_request_total{") and 'destination_service="b/web2"' in l]
        return sum(int(float(l.rpartition(" ")[2])) for l in lines), lines
    before = count()[0]
    for _ in range(5):
        assert mesh.curl("a/other", "http://web2.b/counted")[0] == 200
    total, lines = eventually(lambda: (c := count())[0] == before + 5 and c)
    labels = dict(re.findall(r'(\w+)="([^"]*)"', lines[0]))
    assert labels["source_namespace"] == "a" and labels["source_name"] == "other" and labels["source_pod"] == "other"
    assert labels["destination_name"] == "web2" and labels["destination_pod"] == "web2" and labels["response_code"] == "200"
    assert labels["tls"] == "TLSv1.3"
    log = eventually(lambda: [json.loads(l) for l in mesh.osm("logs", "b/web2", "-c", "envoy").stdout.splitlines() if "/counted" in l][:5])
    assert set(log[0]) >= {"start_time", "method", "path", "protocol", "response_code", "response_code_details", "time_to_first_byte",
                           "upstream_cluster", "response_flags", "bytes_received", "bytes_sent", "duration", "upstream_service_time",
                           "x_forwarded_for", "user_agent", "request_id", "requested_server_name", "authority", "upstream_host"}
    edge = lambda to, protocol: next((e for e in mesh.status()["edges"] if (e["from"], e["to"], e["protocol"]) == ("a/other", to, protocol)), None)
    assert edge("b/web2", "http")["requests"] >= 5 and edge("b/web2", "http")["tls"] == "TLSv1.3"
    tcp = lambda: edge("b/web", "tcp") or {"connections": 0, "sentBytes": 0, "receivedBytes": 0}
    logged = lambda: sum('"upstream_cluster":"b/web|9000' in l for l in mesh.osm("logs", "a/other", "-c", "envoy").stdout.splitlines())
    old, lines = tcp(), logged()
    assert mesh.tcp("a/other", "web.b", 9000, "seven77") == "web:seven77"
    new = eventually(lambda: (e := tcp())["sentBytes"] > old["sentBytes"] and e)
    grown = {name: new[name] - old[name] for name in old if name in ("connections", "sentBytes", "receivedBytes")}
    assert grown == {"connections": 1, "receivedBytes": len("seven77"), "sentBytes": len("web:seven77")} and new["tls"] == "TLSv1.3"
    eventually(lambda: logged() == lines + 1, what="a connection is logged once, at its end")


def test_check_pods_names_the_rule_that_decides(mesh):
    mesh.policy(routes("g", {"name": "one", "pathRegex": "/one"}), target("t", http_rule("g", "one")))
    text = mesh.verb("policy", "check-pods", "a/client", "b/web", "--path", "/one")
    assert "may call" in text and "b/t/g/one" in text
    assert "may not" in mesh.verb("policy", "check-pods", "a/client", "b/web", "--path", "/two", check=False)
    assert "may not" in mesh.verb("policy", "check-pods", "a/other", "b/web", check=False)
    mesh.policy(routes("g", {"name": "two", "headers": [{"user": "alice,bob"}, {"host": "web"}]}), target("t", http_rule("g")))
    ask = lambda *headers: mesh.verb("policy", "check-pods", "a/client", "b/web", *(w for h in headers for w in ("--header", h)), check=False)
    assert "b/t/g/two" in ask("User: alice", "Host: web", "user:bob")
    assert "may not" in ask("User: alice", "Host: web") and "may not" in ask("User: alice", "user:bob")


# ---- settings and faults ----

def test_a_broken_policy_leaves_the_last_good_one_in_force(mesh):
    mesh.policy(EVERY, target("t", http_rule("every")))
    good = (mesh.dir / "policy.yaml").read_text()
    mesh.save("policy.yaml", good + "\n---\nkind: [")
    assert any(d["code"] == "E8001" and re.search(r"policy.yaml:\d+:\d+$", d["where"]) for d in mesh.status()["diagnostics"])
    assert mesh.curl("a/client", WEB)[0] == 200 and mesh.curl("a/other", WEB)[0] == 0
    mesh.save("policy.yaml", good.replace('"serviceCertValidityDuration": "24h"', '"serviceCertValidityDuration": "a day"'))
    said = [d for d in mesh.status()["diagnostics"] if "last good one stays" in d["text"]]
    assert said and mesh.curl("a/client", WEB)[0] == 200 and mesh.curl("a/other", WEB)[0] == 0
    mesh.save("policy.yaml", good)
    wrong = lambda: [d for d in mesh.status()["diagnostics"] if d["error"]]
    eventually(lambda: not wrong(), what=f"mended, and still: {wrong()}")


@pytest.mark.parametrize("match,code", [({"name": "m", "pathRegex": "/("}, "E8008"), ({"name": "m", "methods": ["FETCH"]}, "E8000"),
                                        ({"name": "m", "pathregex": "/x"}, "E80")])
def test_a_bad_route_is_said_and_opens_nothing(mesh, match, code):
    mesh.policy(routes("fresh", match), target("t", http_rule("fresh")))
    said = [d for d in mesh.status()["diagnostics"] if d["error"] and "fresh" in d["object"] + d["text"]]
    assert any(d["code"].startswith(code) for d in said), said
    assert mesh.curl("a/client", WEB)[0] in (0, 403)


def test_settings_between_proxies_take_effect_when_changed(mesh):
    mesh.policy(permissive=True, tlsMinProtocolVersion="TLSv1_2", tlsMaxProtocolVersion="TLSv1_2")
    assert mesh.curl("a/client", WEB + "tls12")[0] == 200

    def versions():
        text = mesh.python("a/client", "import urllib.request\nprint(urllib.request.urlopen('http://127.0.0.1:15010/stats/prometheus').read().decode())").stdout
        return set(re.findall(r'osm_request_total\{[^}]*tls="(TLSv1[.\d]*)"', text))
    eventually(lambda: mesh.curl("a/client", WEB)[0] == 200 and "TLSv1.2" in versions())
    mesh.policy(permissive=True)


def test_a_kind_that_is_not_carried_out_yet_says_so(mesh):
    root = {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "MeshRootCertificate", "metadata": {"name": "r", "namespace": "osm-system"},
            "spec": {"role": "active", "provider": {"tresor": {"ca": {"secretRef": {"name": "ca", "namespace": "osm-system"}}}}}}
    mesh.policy(root, permissive=True)
    assert any(d["code"] == "E8004" and "MeshRootCertificate" in d["object"] for d in mesh.status()["diagnostics"])

