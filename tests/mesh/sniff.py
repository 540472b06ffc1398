"""What passes on one link: each packet as a JSON line, from the outer network. Port 9 over UDP is a mark that says how
far one has read."""
import json
import socket
import sys

s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
s.bind((sys.argv[1], 0))
print("ready", flush=True)
while True:
    frame = s.recv(1 << 17)
    if frame[12:14] != b"\x08\0":
        continue
    ip = frame[14:]
    head, protocol = (ip[0] & 15) * 4, ip[9]
    if protocol not in (6, 17):
        continue
    l4 = ip[head:int.from_bytes(ip[2:4], "big")]
    data = l4[(l4[12] >> 4) * 4:] if protocol == 6 else l4[8:]
    print(json.dumps({"protocol": "tcp" if protocol == 6 else "udp", "from": socket.inet_ntoa(ip[12:16]), "to": socket.inet_ntoa(ip[16:20]),
                      "sport": int.from_bytes(l4[:2], "big"), "dport": int.from_bytes(l4[2:4], "big"), "data": data.hex()}), flush=True)
