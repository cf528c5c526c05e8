"""Numbers that go through three logs, one in each container, always in the same order.

sequence.py write DIRECTORY HOST...   appends 1, 2, 3 ... to its own log and lets each host append it, one after the other
sequence.py serve DIRECTORY           appends what it is told
sequence.py check DIRECTORY...        prints how far each log is, as JSON, and whether that can have been at one instant
"""
import json, os, signal, socket, struct, sys, time

PORT = 7001
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def numbers(directory):
    """What a log holds; raises where it is anything but 1, 2, 3 ..."""
    with open(os.path.join(directory, "log"), "rb") as file:
        lines = [int(line) for line in file.read().split()]
    if lines != list(range(1, len(lines) + 1)):
        raise SystemExit(f"{directory} holds {lines[-10:]} at its end")
    return len(lines)


class Log:
    def __init__(self, directory):
        self.file = open(os.path.join(directory, "log"), "ab", buffering=0)
        self.last = numbers(directory)

    def append(self, number):
        """The last one may be told once more, after a break; none may be left out."""
        if number == self.last:
            return True
        if number != self.last + 1:
            return False
        self.file.write(b"%d\n" % number)
        os.fsync(self.file.fileno())
        self.last = number
        return True


def connect(host):
    for _ in range(600):
        try:
            return socket.create_connection((host, PORT), 30)
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"no connection to {host}")


def write(directory, hosts):
    log = Log(directory)
    others = [connect(host) for host in hosts]
    number = max(log.last, 1)
    while True:
        log.append(number)
        for host, other in zip(hosts, others):
            other.sendall(struct.pack(">Q", number))
            if other.recv(1) != b"k":
                raise SystemExit(f"{host} has not what came before {number}")
        number += 1


def serve(directory):
    log = Log(directory)
    server = socket.create_server(("0.0.0.0", PORT))
    while True:
        connection, _ = server.accept()
        while len(told := connection.recv(8, socket.MSG_WAITALL)) == 8:
            connection.sendall(b"k" if log.append(struct.unpack(">Q", told)[0]) else b"n")


def check(directories):
    counts = [numbers(directory) for directory in directories]
    whole = counts == sorted(counts, reverse=True) and counts[0] - counts[-1] <= 1
    print(json.dumps({"counts": counts, "whole": whole}))


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3:])
elif sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    check(sys.argv[2:])
