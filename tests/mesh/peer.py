"""A server for the traffic tests, one argument a port: http:PORT (HTTP/1.1, HTTP/2 without TLS, WebSocket), grpc:PORT,
fail:PORT (HTTP/1.1 that answers 503), tcp:PORT (echo), banner:PORT (speaks first, then echoes); @ADDRESS before them binds there. Every answer says who gave
it and what reached it."""
import base64
import hashlib
import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

WHO = os.environ.get("POD", "peer")
WEB_SOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def report(connection, method, path, headers, protocol):
    return {"who": WHO, "method": method, "path": path, "headers": headers, "protocol": protocol,
            "port": connection.getsockname()[1], "from": connection.getpeername()[0]}


# ---- HTTP/1.1 ----

def read_head(stream):
    """(method, path, headers) or None at the end."""
    line = stream.readline()
    if not line.strip():
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers = []
    while (line := stream.readline().strip()):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append([name.lower(), value.strip()])
    return method, path, headers


def http1(connection, stream, always=None):
    while (head := read_head(stream)):
        method, path, headers = head
        fields = dict(headers)
        if fields.get("upgrade", "").lower() == "websocket":
            return web_socket(connection, stream, fields)
        stream.read(int(fields.get("content-length", 0)))
        parts = path.partition("?")[0].split("/")
        if parts[1] == "slow":
            time.sleep(float(parts[2]))
        status = always or (int(parts[2]) if parts[1] == "status" else 200)
        body = json.dumps(report(connection, method, path, headers, "HTTP/1.1")).encode()
        connection.sendall(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)


def web_socket(connection, stream, fields):
    """Echoes each text frame with the name before it, until the close frame."""
    accept = base64.b64encode(hashlib.sha1(fields["sec-websocket-key"].encode() + WEB_SOCKET).digest())
    connection.sendall(b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + accept + b"\r\n\r\n")
    while (head := stream.read(2)) and head[0] & 15 == 1:
        mask, length = stream.read(4), head[1] & 127
        text = bytes(b ^ mask[i % 4] for i, b in enumerate(stream.read(length)))
        out = f"{WHO}:".encode() + text
        connection.sendall(bytes([0x81, len(out)]) + out)


# ---- HTTP/2 ----

def http2(connection):
    import h2.config
    import h2.connection
    import h2.events
    c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    c.initiate_connection()
    connection.sendall(c.data_to_send())
    asked = {}
    while (data := connection.recv(65536)):
        for event in c.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                asked[event.stream_id] = [[k.decode(), v.decode()] for k, v in event.headers]
            elif isinstance(event, h2.events.DataReceived):
                c.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                headers = asked.pop(event.stream_id)
                fields = dict(headers)
                c.send_headers(event.stream_id, [(":status", "200")])
                c.send_data(event.stream_id, json.dumps(report(connection, fields[":method"], fields[":path"], headers, "HTTP/2")).encode(), True)
        connection.sendall(c.data_to_send())


def http(connection):
    if connection.recv(3, socket.MSG_PEEK) == b"PRI":
        return http2(connection)
    with connection.makefile("rb") as stream:
        http1(connection, stream)


def fail(connection):
    """Every request fails."""
    with connection.makefile("rb") as stream:
        http1(connection, stream, 503)


# ---- TCP ----

def tcp(connection):
    with connection.makefile("rb") as stream:
        for line in stream:
            connection.sendall(f"{WHO}:".encode() + line)


def banner(connection):
    connection.sendall(f"220 {WHO}\n".encode())
    tcp(connection)


# ---- gRPC ----

def grpc_server(address, port):
    import grpc

    def say(request, context):
        return json.dumps({"who": WHO, "said": request.decode(), "metadata": dict(context.invocation_metadata())}).encode()

    def chat(requests, context):
        for request in requests:
            yield f"{WHO}:{request.decode()}".encode()

    methods = {"Say": grpc.unary_unary_rpc_method_handler(say), "Shout": grpc.unary_unary_rpc_method_handler(say),
               "Chat": grpc.stream_stream_rpc_method_handler(chat)}
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", methods),))
    server.add_insecure_port(f"{address}:{port}")
    server.start()
    return server


# ---- all of them ----

def attend(handler, connection):
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            handler(connection)
        except (OSError, ValueError, IndexError):
            pass


def accept(handler, listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=attend, args=(handler, connection), daemon=True).start()


def main():
    address, held = "0.0.0.0", []
    for word in sys.argv[1:]:
        if word.startswith("@"):
            address = os.environ[word[1:]] if word[1:].isupper() else word[1:]
            continue
        kind, port = word.split(":")
        if kind == "grpc":
            held.append(grpc_server(address, port))
            continue
        listener = socket.create_server((address, int(port)))
        threading.Thread(target=accept, args=({"http": http, "fail": fail, "tcp": tcp, "banner": banner}[kind], listener), daemon=True).start()
    threading.Event().wait()


main()
