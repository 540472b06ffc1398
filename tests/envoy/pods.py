"""Two pods in network namespaces of their own, joined by a veth, their traffic captured as `osm capture` does it."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UID = 1500
CAPTURE = """
table inet osm {
  chain prerouting { type nat hook prerouting priority -100; policy accept;
    iifname "lo" return
    tcp dport { 15001, 15003 } drop
    meta l4proto tcp redirect to :15003
  }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto != tcp return
    oifname "lo" ip daddr != 127.0.0.0/8 meta skuid 1500 meta l4proto tcp redirect to :15003
    oifname "lo" return
    meta skuid 1500 return
    meta l4proto tcp redirect to :15001
  }
}
"""

# Answers every request with what it saw and how many came, as JSON; /sleep?N is silent for N seconds.
ECHO = r"""
import http.server, json, socketserver, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = 0
    def answer(self):
        Handler.asked += 1
        n = int(self.headers.get("content-length") or 0)
        self.rfile.read(n)
        body = json.dumps({"path": self.path, "method": self.command, "headers": self.headers.items(),
                           "who": sys.argv[2], "asked": Handler.asked}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("server", "echo")
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = do_PUT = do_DELETE = answer
    def log_message(self, *args):
        pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    address_family = __import__("socket").AF_INET
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# Speaks first, then echoes lines.
BANNER = r"""
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"banner " + sys.argv[2].encode() + b"\n")
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# Answers an upgrade with 101 and then echoes bytes.
UPGRADE = r"""
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        head = []
        while (line := self.rfile.readline().strip()):
            head.append(line.lower())
        if b"upgrade: websocket" not in head:
            return
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while (data := self.request.recv(4096)):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

DIAL = r"""
import json, socket, sys
address, port, say, lines, wait = json.loads(sys.argv[1])
got = b""
try:
    s = socket.create_connection((address, port), wait)
    s.sendall(say.encode())
    while got.count(b"\n") < lines:
        data = s.recv(4096)
        if not data:
            break
        got += data
except socket.timeout:
    got += b"(silent)"
except OSError:
    pass
sys.stdout.write(got.decode())
"""


def ip(*args, check=True):
    subprocess.run(["ip", *map(str, args)], check=check, capture_output=True)


class Pod:
    def __init__(self, name, address):
        self.name, self.address = name, address
        self.netns = f"osmt{os.getpid()}{name}"
        self.directory = Path(tempfile.mkdtemp(prefix=f"osm-{name}-"))
        os.chown(self.directory, UID, UID)
        self.processes = []
        ip("netns", "add", self.netns)
        ip("-n", self.netns, "link", "set", "lo", "up")

    def attach(self, interface):
        ip("link", "set", interface, "netns", self.netns)
        ip("-n", self.netns, "address", "add", f"{self.address}/32", "dev", interface)
        ip("-n", self.netns, "link", "set", interface, "up")
        ip("-n", self.netns, "route", "add", "default", "dev", interface)
        subprocess.run(self.inside("nft", "-f", "-"), input=CAPTURE, text=True, check=True)

    def inside(self, *command):
        return ["ip", "netns", "exec", self.netns, *map(str, command)]

    def run(self, *command, **more):
        return subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=30, **more)

    def serve(self, program, port):
        """A server on 127.0.0.1:|port|; listens when this returns."""
        p = subprocess.Popen(self.inside(sys.executable, "-c", program, port, self.name))
        self.processes.append(p)
        probe = f"import socket,sys\ntry: socket.create_connection(('127.0.0.1',{port}),1)\nexcept OSError: sys.exit(1)"
        while self.run(sys.executable, "-c", probe).returncode:
            assert p.poll() is None

    def curl(self, url, *options):
        """(status, body): status 0 when there was no answer"""
        done = self.run("curl", "-s", "--path-as-is", "--max-time", "10", "-o", "-", "-w", "\n%{http_code}", *options, url)
        body, _, code = done.stdout.rpartition("\n")
        return int(code), body

    def get(self, url, *options):
        """(status, what the server saw or None)"""
        status, body = self.curl(url, *options)
        return status, json.loads(body) if status == 200 else None

    def tcp(self, address, port, say="", lines=None, wait=5):
        """What comes back on a connection, up to that many lines (the banner, and an echo if something is said), until
        it is closed or silent."""
        arguments = json.dumps([address, port, say, lines or (2 if say else 1), wait])
        return self.run(sys.executable, "-c", DIAL, arguments).stdout

    def close(self):
        for p in self.processes:
            p.terminate()
            p.wait()
        ip("netns", "delete", self.netns, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def join(client, server):
    a, b = f"ot{os.getpid()}a", f"ot{os.getpid()}b"
    ip("link", "add", a, "type", "veth", "peer", "name", b)
    client.attach(a)
    server.attach(b)
