"""A scripted stand-in for a Kubernetes API server: lists, watches, streaming lists, and every fault on demand.

It keeps objects by collection ("/api/v1/pods"), gives each change a version, and answers over HTTP/1.1, or over
HTTP/2 where TLS offers it. A fault is a coroutine that gets the exchange before the server does and may answer in its
place:

    api.fault("/api/v1/pods", refuse(429, retry_after=2), watch=True, times=1)

What is not a fault behaves as the real server does (kubernetes.md 1.1 to 1.4), as far as a client of ours can tell."""
import asyncio
import json
import re
import ssl
import threading
import time
import urllib.parse
from collections import namedtuple

import h2.config
import h2.connection
import h2.events

# What a controller writes; kept, and not counted among the requests that tests look at.
WRITTEN = re.compile(r"/(secrets|configmaps|leases|mutatingwebhookconfigurations|validatingwebhookconfigurations)(/|$)|/status$")
Fault = namedtuple("Fault", "prefix does watch times")


class Gone(Exception):
    """The client has left, or the exchange was cut."""


class Exchange:
    """One request and its answer, whatever the protocol."""

    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        self.path, _, query = target.partition("?")
        self.query = {k: v[-1] for k, v in urllib.parse.parse_qs(query, keep_blank_values=True).items()}
        self.is_watch = self.query.get("watch") in ("1", "true")
        self.gone = asyncio.Event()

    async def answer(self, status, body=b"", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        await self.head(status, [*headers, ("content-length", str(len(body)))])
        await self.data(body)
        await self.end()


class H1Exchange(Exchange):
    def __init__(self, reader, writer, *request):
        super().__init__(*request)
        self.reader, self.writer, self.chunked = reader, writer, False

    async def head(self, status, headers=()):
        names = [name.lower() for name, _ in headers]
        lines = [f"HTTP/1.1 {status} x"] + [f"{name}: {value}" for name, value in headers]
        if "content-type" not in names:
            lines.append("content-type: application/json")
        self.chunked = "content-length" not in names
        if self.chunked:
            lines.append("transfer-encoding: chunked")
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def raw(self, data):
        if self.gone.is_set() or self.writer.is_closing():
            raise Gone
        self.writer.write(data)
        try:
            await self.writer.drain()
        except OSError:
            raise Gone from None

    async def data(self, data):
        if data:
            await self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    async def end(self):
        if self.chunked:
            await self.raw(b"0\r\n\r\n")

    async def cut(self):
        """As if the line was cut."""
        self.writer.close()
        self.gone.set()


class H2Exchange(Exchange):
    def __init__(self, connection, stream, *request):
        super().__init__(*request)
        self.connection, self.stream = connection, stream

    async def head(self, status, headers=()):
        names = [name.lower() for name, _ in headers]
        extra = [] if "content-type" in names else [("content-type", "application/json")]
        await self.connection.send(self, lambda h: h.send_headers(self.stream, [(":status", str(status)), *extra,
                                                                                *((n.lower(), v) for n, v in headers)]))

    async def data(self, data):
        while data:
            if self.gone.is_set():
                raise Gone
            room = self.connection.room(self.stream)
            if room <= 0:
                await self.connection.wait_for_room()
                continue
            piece, data = data[:room], data[room:]
            await self.connection.send(self, lambda h: h.send_data(self.stream, piece))

    async def end(self):
        await self.connection.send(self, lambda h: h.end_stream(self.stream))

    async def cut(self):
        await self.connection.send(self, lambda h: h.reset_stream(self.stream, 2))
        self.gone.set()


class H2Connection:
    def __init__(self, api, reader, writer):
        self.api, self.reader, self.writer = api, reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.exchanges, self.requests, self.opened = {}, {}, asyncio.Event()

    def room(self, stream):
        return min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)

    async def wait_for_room(self):
        self.opened.clear()
        await self.opened.wait()

    async def send(self, exchange, what):
        if exchange and exchange.gone.is_set() or self.writer.is_closing():
            raise Gone
        try:
            what(self.h2)
            self.writer.write(self.h2.data_to_send())
            await self.writer.drain()
        except (OSError, h2.exceptions.ProtocolError):
            raise Gone from None

    async def go_away(self, keeps):
        """The frame alone: the library would take the streams that are open with it."""
        last = max(self.exchanges, default=0) if keeps else 0
        self.writer.write(bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + last.to_bytes(4, "big") + bytes(4))
        await self.writer.drain()

    async def serve(self):
        self.h2.initiate_connection()
        await self.send(None, lambda h: None)
        while data := await self.reader.read(65536):
            for event in self.h2.receive_data(data):
                self.take(event)
            self.writer.write(self.h2.data_to_send())
            self.opened.set()
        for exchange in self.exchanges.values():
            exchange.gone.set()

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            if event.stream_id in self.exchanges:
                self.exchanges[event.stream_id].gone.set()
                self.opened.set()
        if isinstance(event, h2.events.StreamEnded):
            headers, body = self.requests.pop(event.stream_id)
            x = H2Exchange(self, event.stream_id, headers[":method"], headers[":path"], headers, bytes(body))
            self.exchanges[event.stream_id] = x
            asyncio.ensure_future(self.api.handle(x))


class Collection:
    def __init__(self, kind, api_version):
        self.kind, self.api_version = kind, api_version
        self.objects = {}   # (namespace, name): object
        self.events = []    # (version, type, the event as bytes, who gets it: None for all)
        self.compacted = 0  # versions up to here cannot be resumed from
        self.watches = set()


class StandIn:
    """Runs on a thread of its own; every method may be called from the test's."""

    def __init__(self, tls=None, version=1000):
        self.loop = asyncio.new_event_loop()
        self.tls, self.version, self.port = tls, version, 0
        self.collections, self.faults, self.requests, self.h2 = {}, [], [], set()
        self.written = {}  # path: object
        self.on_lease = None  # called after a lease was read
        self.lock = threading.RLock()
        self.changed = asyncio.Event()
        self.streams_lists = True
        self.bytes_per_write = 0  # 0: as they come
        self.seconds_per_hour = 0  # when set, streams end after their time, played so fast
        self.open_writers = {}
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.start()

    # ---- life ----
    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def start(self):
        async def begin():
            self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port, ssl=self.tls, limit=1 << 20)
            self.port = self.server.sockets[0].getsockname()[1]
        self.call(begin())

    def stop(self):
        """Away: connections are cut and new ones refused, until start."""
        async def end():
            self.server.close()
            for writer in list(self.open_writers):
                writer.transport.abort()
        self.call(end())

    def streams(self):
        """The HTTP/2 connections that carry watches."""
        with self.lock:
            return {x.connection for c in self.collections.values() for x, _ in c.watches}

    def cut(self, connections):
        async def abort():
            for c in connections:
                c.writer.transport.abort()
        self.call(abort())

    def close(self):
        self.stop()
        async def all_tasks():
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        self.call(all_tasks())
        self.call(asyncio.sleep(0))
        self.loop.call_soon_threadsafe(self.loop.stop)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    # ---- objects ----
    def serve(self, path, kind, api_version):
        with self.lock:
            self.collections[path] = Collection(kind, api_version)

    def withdraw(self, path):
        """The API is gone: its watches end, and it is 404."""
        with self.lock:
            collection = self.collections.pop(path)
        self.end_watches(collection)

    def put(self, path, obj, event=None, say=True):
        with self.lock:
            c = self.collections[path]
            meta = obj["metadata"]
            key = (meta.get("namespace", ""), meta["name"])
            self.version += 1
            old = c.objects.get(key)
            meta.setdefault("uid", old["metadata"]["uid"] if old else f"uid-{self.version}")
            meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
            meta["resourceVersion"] = str(self.version)
            c.objects[key] = obj
            if say:
                self.say(c, event or ("MODIFIED" if old else "ADDED"), obj)
        self.wake()
        return self.version

    def delete(self, path, name, namespace=""):
        with self.lock:
            c = self.collections[path]
            obj = c.objects.pop((namespace, name))
            self.version += 1
            obj["metadata"]["resourceVersion"] = str(self.version)
            self.say(c, "DELETED", obj)
        self.wake()

    def say(self, c, event, obj):
        whole = {"kind": c.kind, "apiVersion": c.api_version, **obj}
        c.events.append((self.version, event, json.dumps({"type": event, "object": whole}).encode() + b"\n", None))

    def say_raw(self, path, raw):
        """Bytes in the streams that are open now; whoever resumes does not get them."""
        with self.lock:
            self.version += 1
            c = self.collections[path]
            c.events.append((self.version, "RAW", raw, {x for x, _ in c.watches}))
        self.wake()

    def bookmark(self, path):
        with self.lock:
            c = self.collections[path]
            self.version += 1
            self.say(c, "BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})
        self.wake()
        return self.version

    def compact(self, path):
        with self.lock:
            self.collections[path].compacted = self.version

    def end_watches(self, path, cut=False, raw=b""):
        """Ends the streams that are open: well, or as if the line was cut; |raw| comes last."""
        c = self.collections[path] if isinstance(path, str) else path
        async def end():
            for x, task in list(c.watches):
                task.cancel()
                try:
                    await x.data(raw)
                    await (x.cut() if cut else x.end())
                except Gone:
                    pass
        self.call(end())

    def go_away(self, keeps):
        """GOAWAY on every connection; |keeps|: the streams that are open may go on."""
        async def all_of_them():
            for connection in list(self.h2):
                await connection.go_away(keeps)
        self.call(all_of_them())

    def wake(self):
        self.loop.call_soon_threadsafe(self.changed.set)

    # ---- what was asked ----
    def asked(self, path, watch=None, since=0):
        with self.lock:
            return [r for r in self.requests[since:] if r.path == path and watch in (None, r.is_watch)]

    def mark(self):
        with self.lock:
            return len(self.requests)

    def fault(self, prefix, does, watch=None, times=1):
        with self.lock:
            self.faults.append(Fault(prefix, does, watch, [times]))

    def heal(self):
        with self.lock:
            self.faults.clear()

    # ---- serving ----
    async def accept(self, reader, writer):
        self.open_writers[writer] = True
        try:
            tls = writer.get_extra_info("ssl_object")
            if tls and tls.selected_alpn_protocol() == "h2":
                connection = H2Connection(self, reader, writer)
                self.h2.add(connection)
                try:
                    await connection.serve()
                finally:
                    self.h2.discard(connection)
            else:
                await self.serve_h1(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError, Gone):
            pass
        finally:
            self.open_writers.pop(writer, None)
            writer.close()

    async def serve_h1(self, reader, writer):
        while line := await reader.readline():
            method, target, _ = line.decode().split()
            headers = {}
            while (line := (await reader.readline()).decode().strip()):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await self.handle(H1Exchange(reader, writer, method, target, headers, body))

    def fault_of(self, x):
        with self.lock:
            x.time = time.monotonic()
            if x.path.endswith("/status") or not WRITTEN.search(x.path):
                self.requests.append(x)
            for f in self.faults:
                if x.path.startswith(f.prefix) and f.watch in (None, x.is_watch) and f.times[0] > 0:
                    f.times[0] -= 1
                    return f.does
        return None

    async def handle(self, x):
        try:
            does = self.fault_of(x)
            if does and await does(x, self):
                return
            c = self.collections.get(x.path)
            if WRITTEN.search(x.path):
                await self.write(x)
            elif not c:
                await x.answer(404, b"404 page not found\n", [("content-type", "text/plain")])
            elif x.is_watch:
                await self.watch(x, c)
            else:
                await self.list(x, c)
        except Gone:
            pass

    async def write(self, x):
        body = json.loads(x.body) if x.body and x.method != "DELETE" else {}
        path = f"{x.path}/{body['metadata']['name']}" if x.method == "POST" else x.path
        with self.lock:
            old = self.written.get(path)
            if x.method == "POST" and old:
                code, answer = 409, status(409, "AlreadyExists")
            elif x.method == "PUT" and old and body["metadata"].get("resourceVersion") != old["metadata"]["resourceVersion"]:
                code, answer = 409, status(409, "Conflict")
            elif not old and x.method in ("GET", "PUT", "DELETE"):
                code, answer = 404, status(404, "NotFound")
            elif x.method == "DELETE":
                code, answer = 200, self.written.pop(path)
            elif x.method == "GET":
                code, answer = 200, old
            else:
                self.version += 1
                answer = {**(old or {}), **body}
                answer["metadata"] = {**answer["metadata"], "resourceVersion": str(self.version)}
                code, self.written[path] = 200 if old else 201, answer
        await x.answer(code, answer)
        if x.method == "GET" and "/leases/" in x.path and self.on_lease:
            self.on_lease()

    async def list(self, x, c):
        with self.lock:
            keys, version = sorted(c.objects), str(self.version)
            start = 0
            if token := x.query.get("continue"):
                version, _, start = token.partition(":")
                start = int(start)
            limit = int(x.query.get("limit", 0)) or len(keys)
            page = [c.objects[k] for k in keys[start:start + limit]]
            more = start + limit < len(keys)
            meta = {"resourceVersion": version, **({"continue": f"{version}:{start + limit}"} if more else {})}
            body = json.dumps({"kind": c.kind + "List", "apiVersion": c.api_version, "metadata": meta, "items": page})
        await x.answer(200, body.encode())

    async def send(self, x, data):
        step = self.bytes_per_write or len(data)
        for i in range(0, len(data), step or 1):
            await x.data(data[i:i + step])

    async def watch(self, x, c):
        initial = x.query.get("sendInitialEvents") == "true"
        if initial and not self.streams_lists:
            await x.answer(422, status(422, "Invalid", "sendInitialEvents is forbidden for watch"))
            return
        await x.head(200)
        entry = (x, asyncio.current_task())
        c.watches.add(entry)
        try:
            await self.stream(x, c, initial)
        finally:
            c.watches.discard(entry)

    def ends_at(self, x):
        if not self.seconds_per_hour:
            return float("inf")
        return time.monotonic() + int(x.query.get("timeoutSeconds", 1800)) * self.seconds_per_hour / 3600

    async def stream(self, x, c, initial):
        with self.lock:
            version = int(x.query.get("resourceVersion") or 0) if not initial else self.version
            first = []
            if initial:
                first = [json.dumps({"type": "ADDED", "object": {"kind": c.kind, "apiVersion": c.api_version, **o}}).encode() + b"\n"
                         for o in c.objects.values()]
                first.append(initial_events_end(c, version))
            elif version < c.compacted:
                first = [error_event(410, "Expired", f"too old resource version: {version} ({c.compacted})")]
        await self.send(x, b"".join(first))
        if not initial and version < c.compacted:
            await x.end()
            return
        sent, end = 0, self.ends_at(x)
        while not x.gone.is_set() and time.monotonic() < end:
            with self.lock:
                new = [e for e in c.events[sent:] if e[0] > version and (e[3] is None or x in e[3])]
                sent = len(c.events)
                self.changed.clear()
            for _, _, raw, _ in new:
                await self.send(x, raw)
            await self.changed_or_gone(x)
        if not x.gone.is_set():
            await x.end()

    async def changed_or_gone(self, x):
        """Also looks again by itself: one event wakes all."""
        waits = [asyncio.ensure_future(self.changed.wait()), asyncio.ensure_future(x.gone.wait())]
        await asyncio.wait(waits, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
        for w in waits:
            w.cancel()


# ---- what servers say ----
def status(code, reason, message="refused", **details):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
            "message": message, "details": details}


def error_event(code, reason, message):
    return json.dumps({"type": "ERROR", "object": status(code, reason, message)}).encode() + b"\n"


def initial_events_end(c, version):
    meta = {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}
    return json.dumps({"type": "BOOKMARK", "object": {"kind": c.kind, "apiVersion": c.api_version, "metadata": meta}}).encode() + b"\n"


# ---- faults ----
def refuse(code, reason="", message="refused", retry_after=None, **details):
    async def does(x, _):
        headers = [("retry-after", str(retry_after))] if retry_after is not None else []
        await x.answer(code, status(code, reason, message, **details), headers)
        return True
    return does


def reply(code, body, *headers):
    async def does(x, _):
        await x.answer(code, body, list(headers))
        return True
    return does


def stream(*pieces, then="end"):
    """A 200 whose body is these pieces; then "end", "cut" or "hold"."""
    async def does(x, _):
        await x.head(200)
        for piece in pieces:
            await x.data(piece)
        if then == "hold":
            await x.gone.wait()
        else:
            await (x.end() if then == "end" else x.cut())
        return True
    return does


async def hang(x, _):
    """Never answers."""
    await x.gone.wait()
    return True


def late(seconds):
    async def does(_x, _):
        await asyncio.sleep(seconds)
        return False
    return does


async def cut(x, _):
    await x.cut()
    return True
