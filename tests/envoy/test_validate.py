"""The real Envoy takes whatever the encoder makes."""
import json

import plans
import pytest
from plans import GRPC, HTTP, TCP, TCP_SERVER_FIRST

EVERY_INBOUND = {
    "permissive HTTP": plans.chain(rules=[plans.rule("any", (), any_principal=True)]),
    "HTTP by path, method and header": plans.chain(rules=[plans.rule(
        path_regex="/books/.*", methods=["GET", "POST"],
        headers=[{"name": "host", "regex": "server.*"}, {"name": "x-user", "regex": "[a-z]+"}])]),
    "HTTP without rules": plans.chain(rules=[]),
    "HTTP with a rule for nobody": plans.chain(rules=[plans.rule(principals=())]),
    "HTTP denied by a setting": plans.chain(denied=True, rules=[plans.rule()]),
    "gRPC": plans.chain(protocol=GRPC, rules=[plans.rule()]),
    "permissive TCP": plans.chain(protocol=TCP, tcp_any=True),
    "TCP for two accounts": plans.chain(protocol=TCP, tcp_principals=[plans.spiffe("ns1/a"), plans.spiffe("ns1/b")]),
    "server-first TCP": plans.chain(protocol=TCP_SERVER_FIRST, tcp_principals=[plans.spiffe("ns1/a")]),
    "a regular expression of 900 instructions": plans.chain(rules=[plans.rule(path_regex="/[a-z0-9]{200}")]),
}


@pytest.mark.parametrize("name", EVERY_INBOUND)
def test_inbound(encode, validate, name):
    validate(encode("inbound", plans.inbound(EVERY_INBOUND[name])))


def test_inbound_with_many_chains(encode, validate):
    chains = [plans.chain("ns1/server", 8000 + i, protocol, tcp_any=True, rules=[plans.rule()])
              for i, protocol in enumerate((HTTP, GRPC, TCP, TCP_SERVER_FIRST))]
    chains.append(plans.chain("ns1/second", 8000, rules=[plans.rule()]))
    bundle = encode("inbound", plans.inbound(*chains))
    assert len(bundle["listeners"][0]["filter_chains"]) == 5
    validate(bundle)


@pytest.mark.parametrize("tls", [
    {"min": "TLSv1_2", "max": "TLSv1_3"},
    {"min": "TLS_AUTO", "max": "TLS_AUTO"},
    {"min": "TLSv1_2", "max": "TLSv1_2", "cipher_suites": ["ECDHE-ECDSA-AES128-GCM-SHA256"], "ecdh_curves": ["P-256"]},
])
def test_tls_settings(encode, validate, tls):
    inbound = encode("inbound", plans.inbound(plans.chain(rules=[plans.rule()]), tls=tls))
    params = inbound["listeners"][0]["filter_chains"][0]["transport_socket"]["typed_config"]["common_tls_context"]
    assert params["tls_params"].get("cipher_suites", []) == tls.get("cipher_suites", [])
    validate(inbound, encode("outbound", plans.outbound(tls=tls)))


EVERY_OUTBOUND = {
    "HTTP": plans.outbound(),
    "gRPC": plans.outbound(protocol=GRPC),
    "TCP": plans.outbound(protocol=TCP),
    "server-first TCP": plans.outbound(protocol=TCP_SERVER_FIRST),
    "HTTP, a share denied": plans.outbound(weights={"ns1/server|80": 2}, denied=1),
    "HTTP, all denied": plans.outbound(weights={}, denied=1),
    "TCP, a share denied": plans.outbound(protocol=TCP, denied=1),
    "outside the mesh": plans.outbound(protocol=TCP, weights={}, passthrough=True),
    "HTTP without backends": plans.outbound(weights={}),
    "TCP without backends": plans.outbound(protocol=TCP, weights={}),
    "headless": plans.outbound(addresses=["10.244.0.11", "10.244.0.12", "fd00::1"], original_dst=True),
}


@pytest.mark.parametrize("name", EVERY_OUTBOUND)
def test_outbound(encode, validate, name):
    bundle = encode("outbound", EVERY_OUTBOUND[name])
    endpoints = encode("endpoints", plans.endpoints({"ns1/server|80": [("10.244.0.12", 8080, "ns1/server-1")]}))
    validate(bundle, endpoints, encode("base", plans.base()))


@pytest.mark.parametrize("protocol", [HTTP, TCP])
def test_outbound_split(encode, validate, protocol):
    weights = {"ns1/v1|80": 90, "ns1/v2|80": 10}
    root = encode("outbound", plans.outbound(protocol=protocol, weights=weights))
    v1, v2 = (encode("outbound", plans.outbound(f"ns1/{v}", protocol=protocol, addresses=[a]))
              for v, a in (("v1", "10.96.0.11"), ("v2", "10.96.0.12")))
    validate(root, v1, v2)


@pytest.mark.parametrize("egress", [True, False])
@pytest.mark.parametrize("closed", [(), ("10.96.0.0/12", "10.244.0.0/16", "fd00::/64", "192.0.2.1")])
def test_base(encode, validate, egress, closed):
    validate(encode("base", plans.base(egress, closed)))


def test_endpoints_may_be_empty(encode):
    assert encode("endpoints", plans.endpoints({"a": []})) == {"endpoints": [{"cluster_name": "a"}]}


@pytest.mark.parametrize("more", [{}, {"mark": 1500}, {"max_heap_bytes": 200 << 20},
                                  {"controller_address": "osm-controller.osm-system.svc"}])
def test_bootstrap(encode, validate, more):
    plan = {"node_id": "uid-1", "pod": "server-1", "namespace": "ns1", "kind": "Deployment", "name": "server",
            "controller_address": "10.244.0.1", **more}
    bootstrap = encode("bootstrap", plan)
    assert "deprecat" not in validate(bootstrap=bootstrap).lower()


def test_equal_plans_give_equal_bytes(encode):
    plan = plans.outbound(weights={"ns1/v1|80": 90, "ns1/v2|80": 10})
    assert json.dumps(encode("outbound", plan)) == json.dumps(encode("outbound", plan))


def test_nothing_is_deprecated(encode, validate):
    words = validate(encode("inbound", plans.inbound(*(plans.chain(port=8000 + i, protocol=p, tcp_any=True,
                                                                   rules=[plans.rule()]) for i, p in enumerate(range(4))))),
                     encode("outbound", plans.outbound()), encode("base", plans.base(True)))
    assert "deprecated" not in words.lower()
