"""Outside services that proxies call, in one process: authz:PORT (the published ext_authz protocol), otlp:PORT
(OpenTelemetry's collector of logs and traces), zipkin:PORT (Zipkin's JSON version 2). What they saw is asked at
http:PORT: /seen answers it as JSON and forgets it; /slow takes two seconds. JUDGE_MODE, or the last path set by /mode, decides how authz answers."""
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parent))
import wire  # noqa: E402

seen = {"authz": [], "logs": [], "spans": [], "zipkin": []}
mode = {"authz": os.environ.get("JUDGE_MODE", "by-header")}
lock = threading.Lock()


def saw(what, *entries):
    with lock:
        seen[what] += entries


# ---- envoy.service.auth.v3.Authorization ----

def check(message, context):
    attributes = wire.at(message, 1)
    http = wire.at(attributes, 4, 2)
    headers = wire.mapping(http, 3)
    body = wire.at(http, 11)
    saw("authz", {"principal": wire.text(attributes, 1, 4), "method": wire.text(http, 2), "path": wire.text(http, 4), "headers": headers,
                  "body": body.decode("latin-1"), "authority": dict(context.invocation_metadata()).get(":authority")})
    if mode["authz"] == "slow":
        time.sleep(2)
    if mode["authz"] == "by-header" and headers.get("x-judge") != "yes":
        denied = wire.put(1, wire.put(1, 401)) + wire.put(3, "the judge says no")
        return wire.put(1, wire.put(1, 16)) + wire.put(2, denied)
    added = wire.put(2, wire.put(1, wire.put(1, "x-judged") + wire.put(2, "well")))
    return wire.put(1, b"") + wire.put(3, added)


# ---- OpenTelemetry ----

def resources(message, scope_field):
    """(resource attributes, records) of ResourceLogs or ResourceSpans."""
    for resource in wire.fields(message).get(1, []):
        f = wire.fields(resource)
        attributes = wire.otlp_map(wire.fields(f.get(1, [b""])[0]).get(1, []))
        for scope in f.get(scope_field, []):
            for record in wire.fields(scope).get(2, []):
                yield attributes, record


def logs(message, _):
    saw("logs", *({"resource": r, "body": wire.otlp_value(wire.at(record, 5)), "attributes": wire.otlp_map(wire.fields(record).get(6, []))}
                  for r, record in resources(message, 2)))
    return b""


def traces(message, _):
    saw("spans", *({"resource": r, "trace": wire.at(s, 1).hex(), "id": wire.at(s, 2).hex(), "parent": wire.at(s, 4).hex(),
                    "name": wire.text(s, 5), "kind": wire.fields(s).get(6, [0])[0]} for r, s in resources(message, 2)))
    return b""


METHODS = {"authz": {"/envoy.service.auth.v3.Authorization/Check": check},
           "otlp": {"/opentelemetry.proto.collector.logs.v1.LogsService/Export": logs,
                    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": traces}}


class Handler(grpc.GenericRpcHandler):
    def __init__(self, methods):
        self.methods = methods

    def service(self, call):
        fn = self.methods.get(call.method)
        return grpc.unary_unary_rpc_method_handler(fn) if fn else None


def serve_grpc(what, port):
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((Handler(METHODS[what]),))
    assert server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


# ---- HTTP ----

class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if self.path.startswith("/api/"):
            body = self.rfile.read(int(self.headers["content-length"])) if "content-length" in self.headers else self.chunks()
            saw("zipkin", *({"at": self.path, **span} for span in json.loads(body)))
            return self.answer(202)
        what, _, value = self.path.removeprefix("/mode/").partition("/")
        mode[what] = value
        self.answer(200)

    def chunks(self):
        out = b""
        while (size := int(self.rfile.readline(), 16)):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(2)
        with lock:
            out = json.dumps(seen).encode()
            if self.path == "/seen":
                for entries in seen.values():
                    entries.clear()
        self.answer(200, out)

    def log_message(self, *_):
        pass


def main():
    kept = []
    for word in sys.argv[1:]:
        what, _, port = word.partition(":")
        if what in METHODS:
            kept.append(serve_grpc(what, port))
        else:
            server = ThreadingHTTPServer(("0.0.0.0", int(port)), Web)
            threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


main()
