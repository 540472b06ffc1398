"""A minimal pair of Envoys written by hand, in network namespaces of its own: client — router — server, joined as the
local platform joins its pods. What a mesh's hop could cost at best."""
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import common

CLIENT, SERVER, ROUTER = (f"osm-bench-{n}" for n in ("client", "server", "router"))
ADDRESS = {CLIENT: "10.200.1.2", SERVER: "10.200.2.2"}
TYPE = "type.googleapis.com/envoy."
PORT, PORT_OUT, PORT_IN = 8080, 15001, 15003


def ip(*args):
    common.run("ip", *args)


def in_ns(space, *args):
    return ["ip", "netns", "exec", space, *args]


class Lab:
    def __init__(self):
        self.children = common.Children()
        self.home = Path(tempfile.mkdtemp(prefix="osm-bench-lab-"))

    def __enter__(self):
        try:
            remove_spaces()
            self.network()
            self.certificates()
            self.children.start(*in_ns(SERVER, common.PING, "serve", PORT))
            self.pids = {SERVER: [self.children.all[-1].pid]}
            self.envoy(SERVER, listener(PORT_IN, "0.0.0.0", self.tls("server", "Downstream")), local_cluster())
            self.envoy(CLIENT, listener(PORT_OUT, "127.0.0.1", None), self.remote_cluster())
            for space in (CLIENT, SERVER):
                self.wait_live(space)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.children.__exit__()
        remove_spaces()
        shutil.rmtree(self.home, ignore_errors=True)

    def network(self):
        for space in (ROUTER, CLIENT, SERVER):
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        common.run(*in_ns(ROUTER, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))
        for space, address in ADDRESS.items():
            near, far = "eth0", space.rpartition("-")[2]
            ip("link", "add", far, "netns", ROUTER, "type", "veth", "peer", "name", near, "netns", space)
            ip("-n", ROUTER, "addr", "add", "169.254.1.1/32", "dev", far)
            ip("-n", ROUTER, "link", "set", far, "up")
            ip("-n", space, "addr", "add", f"{address}/32", "dev", near)
            ip("-n", space, "link", "set", near, "up")
            ip("-n", ROUTER, "route", "add", f"{address}/32", "dev", far)
            ip("-n", space, "route", "add", "169.254.1.1", "dev", near)
            ip("-n", space, "route", "add", "default", "via", "169.254.1.1", "dev", near)

    def openssl(self, *args):
        common.run("openssl", *args)

    def certificates(self):
        ca_key, ca = self.home / "ca.key", self.home / "ca.pem"
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *ec, "-days", "2", "-subj", "/O=bench", "-keyout", ca_key, "-out", ca)
        for name in ("client", "server"):
            key, csr, pem, ext = (self.home / f"{name}.{s}" for s in ("key", "csr", "pem", "ext"))
            ext.write_text(f"subjectAltName=critical,URI:spiffe://cluster.local/ns/bench/sa/{name}\n")
            self.openssl("req", *ec, "-subj", "/", "-keyout", key, "-out", csr)
            self.openssl("x509", "-req", "-in", csr, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                         "-extfile", ext, "-out", pem)

    def tls(self, name, side):
        other = {"client": "server", "server": "client"}[name]
        common_context = {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificates": [{"certificate_chain": {"filename": str(self.home / f"{name}.pem")},
                                  "private_key": {"filename": str(self.home / f"{name}.key")}}],
            "validation_context": {
                "trusted_ca": {"filename": str(self.home / "ca.pem")},
                "match_typed_subject_alt_names": [
                    {"san_type": "URI", "matcher": {"exact": f"spiffe://cluster.local/ns/bench/sa/{other}"}}]}}
        config = {"@type": f"{TYPE}extensions.transport_sockets.tls.v3.{side}TlsContext", "common_tls_context": common_context}
        if side == "Downstream":
            config["require_client_certificate"] = True
        else:
            config["sni"] = "server"
        return {"name": "envoy.transport_sockets.tls", "typed_config": config}

    def remote_cluster(self):
        return {**cluster(ADDRESS[SERVER], PORT_IN), "transport_socket": self.tls("client", "Upstream")}

    def envoy(self, space, listener_config, cluster_config):
        self.pids.setdefault(space, []).append(
            start_envoy(self.children, self.home / f"{space}.json", self.admin(space), in_ns(space),
                        listeners=[listener_config], clusters=[cluster_config]))

    def admin(self, space):
        return self.home / f"{space}.sock"

    def wait_live(self, space):
        wait_live(self.admin(space))

    def envoys(self):
        return [self.pids[CLIENT][-1], self.pids[SERVER][-1]]

    def load(self, address, port, requests):
        out = common.run(*in_ns(CLIENT, "taskset", "-c", "0", common.PING, "load", address, port, requests))
        return [int(line) for line in out.split()]

    def direct(self, requests):
        return self.load(ADDRESS[SERVER], PORT, requests)

    def by_envoys(self, requests):
        return self.load("127.0.0.1", PORT_OUT, requests)


def start_envoy(children, file, admin, prefix=(), **resources):
    """An Envoy with nothing but |resources|; returns its pid."""
    file.write_text(json.dumps({"admin": {"address": {"pipe": {"path": str(admin)}}}, "static_resources": resources}))
    child = children.start(*prefix, common.find_envoy(), "-c", file, "--concurrency", 1, "--disable-hot-restart", "-l", "error",
                           stdout=subprocess.DEVNULL)
    return child.pid


def wait_live(admin):
    common.wait_for("Envoy to be live", lambda: ready(admin))


def ready(admin):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(admin))
        connection.request("GET", "/ready")
        return connection.getresponse().read().startswith(b"LIVE")
    except OSError:
        return False
    finally:
        connection.close()


def listener(port, address, tls):
    hcm = {"@type": f"{TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "hop",
           "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
                                               "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "next"}}]}]},
           "http_filters": [{"name": "envoy.filters.http.router",
                             "typed_config": {"@type": f"{TYPE}extensions.filters.http.router.v3.Router"}}]}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm}]}
    if tls:
        chain["transport_socket"] = tls
    return {"name": "hop", "address": {"socket_address": {"address": address, "port_value": port}}, "filter_chains": [chain]}


def cluster(address, port):
    endpoint = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    return {"name": "next", "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": "next", "endpoints": [{"lb_endpoints": [endpoint]}]}}


def local_cluster():
    return cluster("127.0.0.1", PORT)


def remove_spaces():
    for space in (CLIENT, SERVER, ROUTER):
        subprocess.run(["ip", "netns", "del", space], capture_output=True)
