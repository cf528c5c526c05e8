"""A TCP server on port 7: `down BYTES` is answered with so many bytes, `up` is followed by bytes that are counted, `ask` by ok."""
import socket
import threading

piece = bytes(1 << 20)


def answer(connection):
    with connection:
        words = b''
        while not words.endswith(b'\n'):
            words += connection.recv(1)
        kind, *numbers = words.split()
        if kind == b'down':
            left = int(numbers[0])
            while left > 0:
                connection.sendall(piece[: min(left, len(piece))])
                left -= len(piece)
        elif kind == b'up':
            buffer = bytearray(1 << 20)
            count = 0
            while got := connection.recv_into(buffer):
                count += got
            connection.sendall(str(count).encode())
        else:
            connection.sendall(b'ok')


server = socket.create_server(('', 7), backlog=1024)
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
