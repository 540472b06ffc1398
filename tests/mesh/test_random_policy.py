"""What the evaluator says of a request is what the real proxies do: random policies, random requests with every trick of
paths, methods and headers. OSM_SEED repeats a run."""
import http.client
import json
import os
import random
import re
import socket
import time
import urllib.parse

from harness import http_rule, routes, target, tcp_route, tcp_rule

POLICIES, REQUESTS, SECONDS = 13, 40, 40
# A connection between proxies from before a policy refuses or keeps escaped slashes once more as its listener of then
# did; so many may be kept. What must not pass by it all the same: test_policy.py.
ESCAPED_SLASH, STALE = re.compile("%(2[fF]|5[cC])"), 8
CALLERS = ("a/client", "a/other", "d/client")
SERVICES = {"peer": ("peer",), "peer2": ("peer2",), "any": ("peer", "peer2")}  # → the pods behind it
DOES = {"allowed": 200, "denied (403)": 403, "refused (400)": 400, "closed": "closed", "no backend": 503}

PATHS = ["/public(/.*)?", "/a/[a-z]+", "/.*\\.y", ".*", "/admin", "/(a|b1)/?", "/x.y", "/[^/]*", "(?i)/PUBLIC/.*", "/a%20b", "/%7B.*", "/public/[^%]*"]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
NAMES = {"x-kind": ["a", "aa", "b", "", "a b"], "user": ["alice", "bob", "eve"], "accept": ["text/html", "*/*"]}
HEADERS = [{"x-kind": "a+"}, {"X-Kind": "a|b"}, {"user": "alice|bob"}, {"user": "alice,bob"}, {"user": ".*"}, {"user": "[a-z]+"},
           {"accept": "text/.*"}, {"host": "peer\\.d(:80)?"}, {"host": ".*"}, {"x-kind": "a.*", "User": "[a-z,]+"}]
SEGMENTS = ["public", "public", "admin", "a", "b1", "x.y", "PUBLIC", "abc", "%70ublic", "a%20b", "{x}", "..", ".", "%2e%2e", ".%2E", "%2e", "...", "a;v=1", "..;v=1", "%", "%zz", "a%3Fb"]
SLASHES = ["/"] * 12 + ["//", "///", "/./", "/x/../", "\\", "%2F", "%2f", "%5C"]
QUERIES = [""] * 6 + ["?", "?a=b", "?x=/../admin", "?/public", "?%2F%5C"]
HOSTS = ["peer.d", "peer.d:80", "PEER.d", "other"]


# ---- policies ----

def some(r, values, most=2):
    return r.sample(values, r.randint(1, min(most, len(values))))


def match(r, name):
    m = {"name": name}
    if r.random() < 0.8:
        m["pathRegex"] = r.choice(PATHS)
    if r.random() < 0.5:
        m["methods"] = r.choice([["*"], some(r, METHODS, 3)])
    if r.random() < 0.4 or len(m) == 1:
        m["headers"] = some(r, HEADERS)
    return m


def policy(r):
    groups = {f"g{i}": [f"m{k}" for k in range(r.randint(1, 3))] for i in range(r.randint(1, 3))}
    objects = [routes(g, *(match(r, m) for m in names)) for g, names in groups.items()]
    objects.append(tcp_route("tcp"))
    for i in range(r.randint(2, 6)):
        rules = [http_rule(g, *r.choice([(), some(r, groups[g])])) for g in some(r, list(groups))]
        rules += [tcp_rule("tcp")] * (r.random() < 0.2)
        objects.append(target(f"t{i}", *rules, sources=some(r, CALLERS, 3), to=r.choice(["peer", "peer2"])))
    r.shuffle(objects)
    return objects


# ---- requests ----

def cased(r, name):
    return r.choice([name, name.title(), name.upper()])


def request(r):
    headers = [(cased(r, n), r.choice(NAMES[n])) for n in r.choices(list(NAMES), k=r.choice([0, 0, 1, 2, 3, 4]))]
    if r.random() < 0.3:
        headers.append((cased(r, "host"), r.choice(HOSTS)))
    path = "".join(r.choice(SLASHES) + r.choice(SEGMENTS) for _ in range(r.randint(1, 3))) + r.choice(["", "", "/"])
    return {"path": "/" * (path[0] != "/") + path + r.choice(QUERIES), "method": r.choice(METHODS[:2] + METHODS), "headers": headers}


class Evaluator(http.client.HTTPConnection):
    """The controller's answers on the socket that `osm policy check-pods` asks."""

    def __init__(self, mesh):
        super().__init__("osm", timeout=20)
        self.path = str(mesh.state / "controller.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def says(self, caller, pod, service, port, asked):
        query = [("source", caller), ("destination", f"d/{pod}"), ("port", port), ("method", asked["method"]), ("path", asked["path"])]
        query += [("header", f"{n}: {v}") for n, v in asked["headers"]]
        self.request("GET", "/v1/check?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote))
        answer = self.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return next(row for row in json.loads(text)["ports"] if row["service"] == f"d/{service}" and row["port"] == port)


def difference(r, world, evaluator):
    """What one random request comes to, and the difference or None."""
    caller, service, port, asked = r.choice(CALLERS), r.choice(list(SERVICES)), r.choice([80, 81]), request(r)
    rows = [evaluator.says(caller, pod, service, port, asked) for pod in SERVICES[service]]
    expected = {DOES[row["result"]] for row in rows}
    get = lambda: world.caller(caller).get(f"{service}.d", asked["path"], *asked["headers"], port=port, method=asked["method"])
    got, tries = get(), 0
    while got not in expected and ESCAPED_SLASH.search(asked["path"]) and tries < STALE:
        got, tries = get(), tries + 1
    return got, None if got in expected else f"{caller} → {service}:{port} {asked}: proxies {got}, evaluator {rows}"


def test_the_proxies_do_what_the_evaluator_says(world):
    seed = int(os.environ.get("OSM_SEED") or random.randrange(1 << 32))
    r, evaluator, end = random.Random(seed), Evaluator(world.mesh), time.monotonic() + SECONDS
    seen, policies = {}, 0
    while policies < POLICIES and (time.monotonic() < end or policies < 3):
        objects = policy(r)
        world.policy(*objects)
        policies += 1
        for _ in range(REQUESTS):
            got, wrong = difference(r, world, evaluator)
            assert not wrong, f"OSM_SEED={seed}, policy {policies}: {wrong}\n" + "\n".join(json.dumps(o["spec"]) for o in objects)
            seen[got] = seen.get(got, 0) + 1
    evaluator.close()
    print(f"OSM_SEED={seed}: {policies} policies, answers {seen}")
    assert {200, 403, "closed"} <= set(seen), f"OSM_SEED={seed}: the requests reach nothing or everything: {seen}"
