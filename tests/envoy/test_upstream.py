"""Random UpstreamTrafficSettings and Retries: the real Envoy takes what the cells make of them, whatever they say."""
import json
import random

import pytest
from test_golden import first_of_each, proxies  # noqa: F401: a fixture

POLICY = "policy.openservicemesh.io/v1alpha1"
SERVICES = 12


def maybe(r, **fields):
    """Some of the fields."""
    return {name: make() for name, make in fields.items() if r.random() < 0.6}


def text(r):
    return "".join(r.choice("aZ9-_.%/\"' é") for _ in range(r.randint(1, 12)))


def number(r, least=1):
    return r.choice([least, least + 1, 7, 1000, 2**31, 2**32 - 1])


def status(r):
    return r.choice([400, 403, 429, 431, 500, 503, 511])


def unit(r):
    return r.choice(["second", "minute", "hour"])


def path(r):
    return r.choice([".*", "/", "/books(/.*)?", "/[a-z0-9]{200}", "/a%2Fb", "/x|/y", "(?i)/Books"])


def local_http(r):
    headers = lambda: [{"name": r.choice(["x-limited", "Retry-After", "a"]), "value": text(r)} for _ in range(r.randint(0, 3))]
    return {"requests": number(r), "unit": unit(r), **maybe(r, burst=lambda: number(r, 0), responseStatusCode=lambda: status(r), responseHeadersToAdd=headers)}


def matcher(r):
    how = r.choice(["exact", "prefix", "suffix", "regex", "contains", "present"])
    value = {"regex": "[a-z]+|%", "present": r.random() < 0.5}.get(how, text(r))
    return {"name": r.choice(["x-user", ":path", "Host", "a"]), how: value}


def entry(r):
    return r.choice([
        lambda: {"genericKey": {"value": text(r), **maybe(r, key=lambda: text(r))}},
        lambda: {"remoteAddress": {}},
        lambda: {"requestHeader": {"name": "x-user", "key": text(r)}},
        lambda: {"headerValueMatch": {"value": text(r), "headers": [matcher(r) for _ in range(r.randint(1, 3))],
                                      **maybe(r, key=lambda: text(r), expectMatch=lambda: r.random() < 0.5)}}])()


def descriptors(r, make):
    return [{"entries": [make(r) for _ in range(r.randint(1, 3))]} for _ in range(r.randint(1, 3))]


def counted(r):
    return {"rateLimitService": {"host": r.choice(["limits.example.org", "192.0.2.7", "r.out.svc.cluster.local"]), "port": r.choice([1, 8081, 65535])},
            "domain": text(r), **maybe(r, timeout=lambda: r.choice(["1ms", "20ms", "1h"]), failOpen=lambda: r.random() < 0.5)}


def limits(r):
    tcp = lambda: {"connections": number(r), "unit": unit(r), **maybe(r, burst=lambda: number(r, 0))}
    global_tcp = lambda: {**counted(r), "descriptors": descriptors(r, lambda r: {"key": text(r), "value": text(r)})}
    global_http = lambda: {**counted(r), **maybe(r, descriptors=lambda: descriptors(r, entry), enableXRateLimitHeaders=lambda: True, responseStatusCode=lambda: status(r))}
    return maybe(r, local=lambda: maybe(r, tcp=tcp, http=lambda: local_http(r)), **{"global": lambda: maybe(r, tcp=global_tcp, http=global_http)})


def routes(r):
    limit = lambda: maybe(r, local=lambda: local_http(r), **{"global": lambda: {"descriptors": descriptors(r, entry)}})
    return [{"path": path(r), "rateLimit": limit()} for _ in range(r.randint(0, 4))]


def balance(r):
    cookie = lambda: {"name": "session", **maybe(r, ttl=lambda: r.choice(["1s", "8784h"]), path=lambda: "/a")}
    by = lambda: r.choice([{"header": "x-user"}, {"header": ":path"}, {"cookie": cookie()}, {"sourceAddress": True}])
    return maybe(r, consistentHash=by, preferSameZone=lambda: r.random() < 0.7)


def ejection(r):
    return maybe(r, consecutiveErrors=lambda: number(r), interval=lambda: r.choice(["1ms", "10s", "1h"]), ejectionTime=lambda: r.choice(["1ms", "1h"]),
                 maxEjectedPercent=lambda: r.randint(0, 100), minHealthyPercent=lambda: r.randint(0, 100))


def connections(r):
    n = lambda: number(r, 0)
    return {"tcp": maybe(r, maxConnections=n, connectTimeout=lambda: r.choice(["1ms", "5s", "1h"])),
            "http": maybe(r, maxRequests=n, maxRequestsPerConnection=n, maxPendingRequests=n, maxRetries=n)}


def objects(r):
    yield {"apiVersion": "config.openservicemesh.io/v1alpha2", "kind": "MeshConfig", "metadata": {"name": "osm-mesh-config", "namespace": "osm-system"},
           "spec": {"traffic": {"enablePermissiveTrafficPolicyMode": True}, "featureFlags": {"enableRetryPolicy": True}}}
    words = ["5xx", "gateway-error", "reset", "connect-failure", "retriable-4xx", "refused-stream", "cancelled", "unavailable", "nonsense"]
    for i in range(SERVICES):
        name, protocol = f"s{i}", r.choice(["http", "grpc", "tcp", "tcp-server-first"])
        yield {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "n"},
               "spec": {"selector": {"app": name}, **r.choice([{}, {}, {"clusterIP": "None"}]),
                        "ports": [{"name": f"{protocol}-a", "port": 80, "targetPort": 8080}]}}
        for zone in ("east", "west"):
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{name}-{zone}", "namespace": "n", "labels": {
                "app": name, **r.choice([{}, {"topology.kubernetes.io/zone": zone}])}},
                "spec": {"serviceAccountName": name, "containers": [{"name": "c", "image": "i"}]}}
        yield {"apiVersion": POLICY, "kind": "UpstreamTrafficSetting", "metadata": {"name": name, "namespace": "n"}, "spec": {
            "host": f"{name}.n.svc.cluster.local",
            **maybe(r, connectionSettings=lambda: connections(r), rateLimit=lambda: limits(r), httpRoutes=lambda: routes(r), loadBalancing=lambda: balance(r),
                    timeouts=lambda: maybe(r, request=lambda: r.choice(["0s", "1ms", "24h"]), idle=lambda: r.choice(["1ms", "24h"])), outlierEjection=lambda: ejection(r))}}
        yield {"apiVersion": POLICY, "kind": "Retry", "metadata": {"name": name, "namespace": "n"}, "spec": {
            "source": {"kind": "ServiceAccount", "name": "s0", "namespace": "n"}, "destinations": [{"kind": "Service", "name": name, "namespace": "n"}],
            "retryPolicy": {"retryOn": ",".join(r.sample(words, r.randint(1, 4))),
                            **maybe(r, perTryTimeout=lambda: r.choice(["1ms", "24h"]), numRetries=lambda: number(r, 0), retryBackoffBaseInterval=lambda: r.choice(["1ms", "1h"]))}}}


@pytest.mark.parametrize("seed", range(5))
def test_random_settings_are_accepted(seed, proxies, validate, tmp_path):  # noqa: F811
    case = tmp_path / "case"
    case.mkdir()
    (case / "in.yaml").write_text("\n---\n".join(json.dumps(o) for o in objects(random.Random(seed))))
    made = proxies(case)
    assert len(made) == SERVICES
    for bundles in made.values():
        validate(*(first_of_each(bundles, i) for i in range(len(bundles))))
