"""A rate limit service for the tests, on port 8081: Envoy's rate limit protocol, version 3. Every descriptor is counted by
all its entries; one with the entry allow=N has N calls to spend. What was asked stands on standard output, one JSON line a
request."""
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

OK, OVER_LIMIT, HOUR = 1, 2, 3
spent, lock = {}, threading.Lock()


# ---- protobuf, as much as is needed ----

def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """(number, value) of each field."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 2:
            size, at = varint(data, at)
            yield tag >> 3, data[at:at + size]
            at += size
        else:
            value, at = varint(data, at)
            yield tag >> 3, value


def number(field, value):
    out = b""
    for n in (field << 3, value):
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        out += bytes([n])
    return out


def message(field, data):
    return bytes([field << 3 | 2, len(data)]) + data


# ---- counting ----

def entries(descriptor):
    out = []
    for f, entry in fields(descriptor):
        if f == 1:
            pair = dict(fields(entry))
            out.append((pair.get(1, b"").decode(), pair.get(2, b"").decode()))
    return out


def judge(domain, descriptor):
    """(code, the rest of a status)"""
    words = dict(descriptor)
    if "allow" not in words:
        return OK, b""
    allowed = int(words["allow"])
    with lock:
        key = (domain, tuple(descriptor))
        spent[key] = spent.get(key, 0) + 1
        left = allowed - spent[key]
    rest = message(2, number(1, allowed) + number(2, HOUR)) + number(3, max(left, 0))
    return (OK if left >= 0 else OVER_LIMIT), rest


def should_rate_limit(request, context):
    asked = [(f, v) for f, v in fields(request)]
    domain = next(v for f, v in asked if f == 1).decode()
    descriptors = [entries(v) for f, v in asked if f == 2]
    print(json.dumps({"domain": domain, "descriptors": descriptors}), flush=True)
    judged = [judge(domain, d) for d in descriptors]
    overall = OVER_LIMIT if any(code == OVER_LIMIT for code, _ in judged) else OK
    return number(1, overall) + b"".join(message(2, number(1, code) + rest) for code, rest in judged)


server = grpc.server(ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
    "envoy.service.ratelimit.v3.RateLimitService", {"ShouldRateLimit": grpc.unary_unary_rpc_method_handler(should_rate_limit)}),))
server.add_insecure_port("0.0.0.0:8081")
server.start()
print("ready", file=sys.stderr, flush=True)
server.wait_for_termination()
