"""Calls a peer (test/contracts/peer.py) by its name every 20 ms, each time anew, by TCP and by UDP, until /tmp/enough is there.

Prints the longest time without an answer of each, in seconds.
"""
import json, os, socket, struct, sys, threading, time

PORT, PATIENCE, EVERY, ENOUGH = 7000, 0.1, 0.02, "/tmp/enough"
question = struct.pack(">cQ", b"g", 0)
longest = {}


def call_tcp(name):
    with socket.create_connection((name, PORT), PATIENCE) as connection:
        connection.sendall(question)
        if connection.recv(1) != b"k":
            raise OSError("no answer")


def call_udp(name):
    family, _, _, _, address = socket.getaddrinfo(name, PORT, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PATIENCE)
        udp.connect(address)
        udp.send(question)
        udp.recv(65536)


def go_on(name, way, call):
    answered, longest[way] = time.monotonic(), 0
    while True:
        begun = time.monotonic()
        try:
            call(name)
            answered = time.monotonic()
        except OSError:
            pass
        longest[way] = max(longest[way], time.monotonic() - answered, answered - begun)
        if os.path.exists(ENOUGH):
            return
        time.sleep(max(0, begun + EVERY - time.monotonic()))


if os.path.exists(ENOUGH):
    os.remove(ENOUGH)
threads = [
    threading.Thread(target=go_on, args=(sys.argv[1], way, call)) for way, call in [("tcp", call_tcp), ("udp", call_udp)]
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(longest))
