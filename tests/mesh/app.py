"""The application of the traffic tests: says who it is and what it was asked, in every protocol."""
import base64
import hashlib
import json
import os
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POD = os.environ["POD"]


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.web_socket()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"pod": POD, "port": self.server.server_port, "path": self.path, "method": self.command,
                           "host": self.headers.get("Host"), "from": self.client_address[0]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def web_socket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                            ("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"\x81\x02hi")
        self.close_connection = True

    def log_message(self, *args):
        pass

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1000):
            self.request.sendall(POD.encode() + b":" + data)


class Banner(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"220 " + POD.encode())
        self.request.recv(1)


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


servers = [ThreadingHTTPServer(("0.0.0.0", port), Web) for port in (8081, 8080)]
servers += [Tcp(("0.0.0.0", 9000), Echo), Tcp(("0.0.0.0", 9001), Banner)]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
