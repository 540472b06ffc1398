"""A caller inside a pod: one JSON command a line on standard input, one JSON answer a line on standard output. It
writes requests byte by byte, so that nothing tidies a path or joins a header on the way."""
import collections
import concurrent.futures
import json
import os
import queue
import socket
import ssl
import sys
import tempfile
import threading
import time

held = {}  # name → connection, kept between commands
loads = {}  # name → load


def dial(c):
    s = socket.create_connection((c["host"], c["port"]), c.get("timeout", 5))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def why(error):
    """One word for each way in which a call fails."""
    if isinstance(error, socket.gaierror):
        return "no name"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "silence"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ssl.SSLError):
        return "tls"
    return "closed"


# ---- HTTP/1.1 ----

def request_bytes(c):
    headers = c.get("headers") or []
    lines = [f"{c.get('method', 'GET')} {c.get('path', '/')} HTTP/1.1"]
    if not any(name.lower() == "host" for name, _ in headers):
        lines.append(f"host: {c.get('authority') or c['host']}")
    lines += [f"{name}: {value}" for name, value in headers]
    content = c.get("content", "").encode("latin-1")
    if content:
        lines.append(f"content-length: {len(content)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + content


def read_answer(stream, method="GET"):
    line = stream.readline()
    if not line:
        raise ConnectionResetError
    status, headers = int(line.split()[1]), {}
    while (line := stream.readline().strip()):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    if status == 101 or method == "HEAD":
        body = b""
    elif headers.get("transfer-encoding") == "chunked":
        body = b""
        while (size := int(stream.readline(), 16)):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    body = body.decode("latin-1")
    return {"status": status, "headers": headers, "body": body, "saw": json.loads(body) if body.startswith("{") else None}


def ask(s, c):
    with s.makefile("rb") as stream:
        s.sendall(request_bytes(c))
        return read_answer(stream, c.get("method"))


def http(c):
    with dial(c) as s:
        return ask(s, c)


def hold(c):
    """Opens a connection that later commands use by its name."""
    held[c["name"]] = dial(c)
    return {}


def again(c):
    return ask(held[c["name"]], c)


def line(c):
    """One line to a kept TCP connection, and the line that comes back."""
    s = held[c["name"]]
    with s.makefile("rb") as stream:
        s.sendall(c["say"].encode() + b"\n")
        got = stream.readline()
        if not got:
            raise ConnectionResetError
        return {"got": got.decode().rstrip("\n")}


def ended(c):
    """Waits until the other side ends a kept connection; says how long that took."""
    begin = time.monotonic()
    held[c["name"]].settimeout(c.get("timeout", 60))
    try:
        while held[c["name"]].recv(1000):
            pass
    except ConnectionError:
        pass
    return {"seconds": time.monotonic() - begin}


def drop(c):
    held.pop(c["name"]).close()
    return {}


def many(c):
    """|n| requests, each on a connection of its own: how often each server or failure came."""
    seen = collections.Counter()
    for _ in range(c["n"]):
        a = attempt(http, c)
        seen[a["saw"]["who"] if a.get("status") == 200 and a["saw"] else str(a.get("status") or a["error"])] += 1
    return {"seen": seen}


def together(c):
    """The same at once."""
    with concurrent.futures.ThreadPoolExecutor(c["n"]) as pool:
        answers = list(pool.map(lambda _: attempt(http, c), range(c["n"])))
    return {"seen": collections.Counter(a["saw"]["who"] if a.get("status") == 200 else str(a.get("status") or a["error"]) for a in answers)}


def many_tcp(c):
    seen = collections.Counter()
    for _ in range(c["n"]):
        a = attempt(tcp, {**c, "say": ["x"]})
        seen[a["got"][0].partition(":")[0] if a.get("got") else "closed"] += 1
    return {"seen": seen}


class Load:
    """Requests one after the other until told to end, on one connection that is made anew when the other side ends it."""

    def __init__(self, c):
        self.c, self.seen, self.is_over = c, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        s = None
        while not self.is_over:
            try:
                s = s or dial(self.c)
                a = ask(s, self.c)
                self.seen.append(a["saw"]["who"] if a["saw"] else str(a["status"]))
                if a["headers"].get("connection") == "close":
                    s = s.close()
            except Exception as e:
                self.seen.append(why(e))
                s = None
            time.sleep(self.c.get("pause", 0.002))


def load(c):
    loads[c["name"]] = Load(c)
    return {}


def load_count(c):
    return {"n": len(loads[c["name"]].seen)}


def load_end(c):
    l = loads.pop(c["name"])
    l.is_over = True
    l.thread.join()
    return {"seen": l.seen}


# ---- other protocols ----

def tcp(c):
    """Says each line; |got| is what comes back, |greeted| what came before anything was said."""
    out = {"got": []}
    with dial(c) as s, s.makefile("rb") as stream:
        if c.get("listen"):
            out["greeted"] = stream.readline().decode().rstrip("\n")
            if not out["greeted"]:
                raise ConnectionResetError
        for text in c.get("say", ()):
            s.sendall(text.encode() + b"\n")
            got = stream.readline()
            if not got:
                raise ConnectionResetError
            out["got"].append(got.decode().rstrip("\n"))
    return out


def web_socket(c):
    c["headers"] = [*(c.get("headers") or []), ["connection", "upgrade"], ["upgrade", "websocket"], ["sec-websocket-version", "13"],
                    ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="]]
    with dial(c) as s, s.makefile("rb") as stream:
        s.sendall(request_bytes(c))
        answer = read_answer(stream)
        if answer["status"] != 101:
            return answer
        got = []
        for text in c["say"]:
            mask = os.urandom(4)
            s.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text.encode())))
            got.append(stream.read(stream.read(2)[1]).decode())
        return {**answer, "got": got}


def http2(c):
    """Several requests at once on one connection: |paths| → answers in their order."""
    import h2.connection
    import h2.events
    h = h2.connection.H2Connection()
    with dial(c) as s:
        h.initiate_connection()
        answers = {}
        for path in c["paths"]:
            stream = h.get_next_available_stream_id()
            h.send_headers(stream, [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", c["host"])], end_stream=True)
            answers[stream] = {"status": 0, "body": ""}
        s.sendall(h.data_to_send())
        open_streams = len(answers)
        while open_streams:
            data = s.recv(65536)
            if not data:
                raise ConnectionResetError
            for event in h.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    answers[event.stream_id]["status"] = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    answers[event.stream_id]["body"] += event.data.decode()
                    h.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    open_streams -= 1
            s.sendall(h.data_to_send())
    for a in answers.values():
        a["saw"] = json.loads(a["body"]) if a["body"].startswith("{") else None
    return {"answers": list(answers.values())}


def converse(call, texts):
    """Each message goes out when the answer to the one before has come: both directions of one stream are open."""
    out = queue.Queue()
    answers, got = call(iter(out.get, None), timeout=5), []
    for text in texts:
        out.put(text.encode())
        try:
            got.append(next(answers).decode())
        except Exception:
            out.put(None)
            raise
    out.put(None)
    return got + [m.decode() for m in answers]


def grpc(c):
    import grpc as g
    with g.insecure_channel(f"{c['host']}:{c['port']}") as channel:
        try:
            if c["method"] == "Chat":
                return {"code": "OK", "got": converse(channel.stream_stream("/test.Echo/Chat"), c["say"])}
            call = channel.unary_unary(f"/test.Echo/{c['method']}")
            return {"code": "OK", **json.loads(call(c["say"].encode(), timeout=5))}
        except g.RpcError as e:
            return {"code": e.code().name, "details": e.details()}


def resolve(c):
    return {"addresses": sorted({a[4][0] for a in socket.getaddrinfo(c["host"], None, socket.AF_INET)})}


# ---- a caller that speaks the mesh's TLS by itself ----

def in_file(text):
    f = tempfile.NamedTemporaryFile("w", suffix=".pem")
    f.write(text)
    f.flush()
    return f


def tls(c):
    """Opens TLS as a sidecar would, with the certificate given, then asks by HTTP or, with |say|, by lines."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(c.get("alpn", ["osm"]))
    if c.get("max"):
        context.maximum_version = getattr(ssl.TLSVersion, c["max"])
    if c.get("chain"):
        with in_file(c["chain"]) as chain, in_file(c["key"]) as key:
            context.load_cert_chain(chain.name, key.name)
    with dial(c) as raw, context.wrap_socket(raw, server_hostname=c.get("sni")) as s:
        out = {"version": s.version(), "alpn": s.selected_alpn_protocol(), "cipher": s.cipher()[0]}
        if "say" not in c:
            return {**out, **ask(s, c)}
        with s.makefile("rb") as stream:
            if c["say"]:
                s.sendall(c["say"].encode() + b"\n")
            got = stream.readline()
            if not got:
                raise ConnectionResetError
            return {**out, "got": got.decode().rstrip("\n")}


def udp(c):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(c["say"].encode(), (c["host"], c["port"]))
    return {}


def attempt(command, c):
    try:
        return command(c)
    except Exception as e:
        return {"error": why(e), "text": f"{type(e).__name__}: {e}"}


COMMANDS = {f.__name__: f for f in (http, hold, again, line, ended, drop, many, together, many_tcp, load, load_count, load_end, tcp, web_socket, http2,
                                    grpc, resolve, tls, udp)}
for text in sys.stdin:
    command = json.loads(text)
    print(json.dumps(attempt(COMMANDS[command.pop("do")], command)), flush=True)
