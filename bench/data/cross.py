"""Has traffic.py send or count bytes and prints the megabytes a second: python3 cross.py HOST down|up BYTES"""
import socket
import sys
import time

host, kind, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
piece = bytearray(1 << 20)
connection = socket.create_connection((host, 7))
start = time.monotonic()
arrived = 0
if kind == 'down':
    connection.sendall(b'down %d\n' % size)
    while got := connection.recv_into(piece):
        arrived += got
else:
    connection.sendall(b'up\n')
    for at in range(0, size, len(piece)):
        connection.sendall(piece[: min(len(piece), size - at)])
    connection.shutdown(socket.SHUT_WR)
    arrived = int(connection.makefile().read())
if arrived != size:
    raise SystemExit(f'{arrived} bytes of {size} arrived')
print(size / 1e6 / (time.monotonic() - start))
