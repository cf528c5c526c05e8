"""A peer in a network: serves, and asks another peer for data and gives it some, over TCP and UDP.

peer.py serve
peer.py ask HOST BYTES    prints megabytes a second as JSON; ends with 1 and a reason when anything is not as it must be

All data can be told beforehand: block i is the same wherever it is made, so that every byte is compared.
"""
import errno, hashlib, json, select, socket, struct, sys, threading, time

PORT, BLOCK, WINDOW, PATIENCE = 7000, 8192, 8, 3.0
base = hashlib.shake_128(b"wherry").digest(BLOCK - 8)


def block(i):
    return struct.pack(">Q", i) + base


def read_block(connection):
    parts, missing = [], BLOCK
    while missing:
        part = connection.recv(missing)
        if not part:
            raise SystemExit("the connection ended early")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def check(i, data):
    if data != block(i):
        raise SystemExit(f"block {i} is not what was sent")


def serve_connection(connection):
    what, count = struct.unpack(">cQ", connection.recv(9, socket.MSG_WAITALL))
    for i in range(count):
        if what == b"g":
            connection.sendall(block(i))
        else:
            check(i, read_block(connection))
    connection.sendall(b"k")
    connection.close()


def serve_datagrams():
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", PORT))
    while True:
        data, sender = udp.recvfrom(65536)
        what, i = struct.unpack(">cQ", data[:9])
        if what == b"g":
            udp.sendto(b"g" + block(i), sender)
        elif data[1:] == block(i):
            udp.sendto(data[:9], sender)


def serve():
    threading.Thread(target=serve_datagrams, daemon=True).start()
    tcp = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        connection, _ = tcp.accept()
        threading.Thread(target=serve_connection, args=(connection,), daemon=True).start()


def ask_tcp(host, what, count):
    connection = socket.create_connection((host, PORT), PATIENCE)
    connection.settimeout(30)
    connection.sendall(struct.pack(">cQ", what, count))
    for i in range(count):
        if what == b"g":
            check(i, read_block(connection))
        else:
            connection.sendall(block(i))
    if connection.recv(1) != b"k":
        raise SystemExit("the other side did not say that all is well")


def told(call, argument):
    """None where the kernel has just learned how long a packet may be: over IPv6 it tells the program so."""
    try:
        return call(argument)
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise


def ask_udp(host, what, count):
    family, _, _, _, address = socket.getaddrinfo(host, PORT, type=socket.SOCK_DGRAM)[0]
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.connect(address)
    waiting, following, heard = {}, 0, time.monotonic()
    while waiting or following < count:
        now = time.monotonic()
        if now - heard > PATIENCE:
            raise SystemExit(f"no answer by UDP for {PATIENCE} s")
        while following < count and len(waiting) < WINDOW:
            waiting[following] = 0
            following += 1
        for i, sent in waiting.items():
            if now - sent > 0.2:
                told(udp.send, what + (block(i) if what == b"t" else struct.pack(">Q", i)))
                waiting[i] = now
        while select.select([udp], [], [], 0.05 if len(waiting) == WINDOW else 0)[0]:
            data = told(udp.recv, 65536)
            if data is None:
                break
            i = struct.unpack(">Q", data[1:9])[0]
            if what == b"g":
                check(i, data[1:])
            waiting.pop(i, None)
            heard = time.monotonic()
            break


def ask(host, size):
    count = max(1, size // BLOCK)
    rates = {}
    for name, how, what in [
        ("tcp from it", ask_tcp, b"g"),
        ("tcp to it", ask_tcp, b"t"),
        ("udp from it", ask_udp, b"g"),
        ("udp to it", ask_udp, b"t"),
    ]:
        begun = time.monotonic()
        how(host, what, count)
        rates[name] = round(count * BLOCK / 1e6 / (time.monotonic() - begun), 1)
    print(json.dumps(rates))


if sys.argv[1] == "serve":
    serve()
else:
    try:
        ask(sys.argv[2], int(sys.argv[3]))
    except OSError as error:
        raise SystemExit(str(error))
