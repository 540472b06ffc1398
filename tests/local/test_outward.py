"""`--outward`: pods reach the machine's networks and names, and nothing of it stands on the machine."""
import os
import signal
import subprocess

from conftest import eventually, find_osm, world
from test_pods import WEB

ADDRESS = "198.51.100.7"

# Answers every A question with ADDRESS, but for names under "none." that do not exist.
RESOLVER = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('{ADDRESS}', 53))
while True:
    q, peer = s.recvfrom(512)
    none = b'\\4none' in q.lower()
    end = q.index(b'\\0', 12) + 5
    answer = b'' if none else b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4' + socket.inet_aton('{ADDRESS}')
    s.sendto(q[:2] + (b'\\x81\\x83' if none else b'\\x81\\x80') + b'\\0\\1\\0' + bytes([not none]) + b'\\0\\0\\0\\0' + q[12:end] + answer, peer)
"""
ALIAS = """
---
apiVersion: v1
kind: Service
metadata: {name: away}
spec: {type: ExternalName, externalName: files.example}
"""


def test_pods_reach_the_machine_only_when_asked_and_leave_nothing(mesh, tmp_path):
    """The machine is a network namespace of the test's own, with one address on its loopback and one name server.
    It uses the ranges of pods and Services itself, which disturbs nobody."""
    mesh.save("app.yaml", WEB + ALIAS)
    before = world()
    (tmp_path / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
    (tmp_path / "resolver.py").write_text(RESOLVER)
    serve = (f"ip link set lo up; ip addr add {ADDRESS}/32 dev lo; ip addr add 10.244.0.1/16 dev lo; ip addr add 10.96.0.1/12 dev lo; mount --bind {tmp_path}/resolv.conf /etc/resolv.conf; "
             f"python3 {tmp_path}/resolver.py & echo $! > {tmp_path}/resolver.pid; exec python3 -m http.server 8899 --bind {ADDRESS}")
    machine = subprocess.Popen(["unshare", "-n", "-m", "sh", "-c", serve], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        inside = ["nsenter", "-t", str(machine.pid), "-n", "-m"]
        links = lambda: subprocess.run([*inside, "sh", "-c", "ip -o link; ip -o addr; ip route; nft list ruleset"], text=True, capture_output=True).stdout
        eventually(lambda: ADDRESS in links())
        start = links()
        for more, expected in (((), False), (("--outward",), True)):
            up = subprocess.run([*inside, find_osm(), "local", "up", str(mesh.dir), "-d", "--no-mesh", "default", *more], env=mesh.env, text=True, capture_output=True)
            assert up.returncode == 0, up.stdout + up.stderr
            mesh.ready("client")
            mesh.ready("web")
            answer = mesh.call("client", f"http://{ADDRESS}:8899/")
            assert (answer.returncode == 0) == expected, answer.stderr
            for name in ("files.example", "away"):
                named = mesh.call("client", f"http://{name}:8899/")
                assert named.returncode == (0 if expected else 6), (name, named.stderr)
            assert mesh.call("client", "http://files.none:8899/").returncode == 6
            assert "hello" in mesh.call("client", "http://web/").stdout
            assert links() == start
            assert mesh.down().returncode == 0
    finally:
        os.kill(int((tmp_path / "resolver.pid").read_text()), signal.SIGKILL)
        machine.kill()
        machine.wait()
    assert world() == before
