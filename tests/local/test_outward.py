"""`--outward`: pods reach the machine's networks, and nothing of it stands on the machine."""
import subprocess

from conftest import eventually, find_osm, world
from test_pods import WEB

ADDRESS = "198.51.100.7"


def test_pods_reach_the_machine_only_when_asked_and_leave_nothing(mesh):
    """The machine is a network namespace of the test's own, with one address on its loopback."""
    mesh.save("app.yaml", WEB)
    before = world()
    serve = f"ip link set lo up; ip addr add {ADDRESS}/32 dev lo; exec python3 -m http.server 8899 --bind {ADDRESS}"
    machine = subprocess.Popen(["unshare", "-n", "sh", "-c", serve], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        inside = ["nsenter", "-t", str(machine.pid), "-n"]
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
            assert "hello" in mesh.call("client", "http://web/").stdout
            assert links() == start
            assert mesh.down().returncode == 0
    finally:
        machine.kill()
        machine.wait()
    assert world() == before
