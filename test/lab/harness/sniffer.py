# Counts the frames on an interface, those of them in which a word can be read, and those to a UDP port, until /tmp/enough is there.
# usage: sniffer.py INTERFACE WORD PORT
import json, os, socket, sys

interface, word, port = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
every_protocol = socket.htons(3)
frames = readable = to_port = 0
listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, every_protocol)
listener.bind((interface, 0))
listener.settimeout(0.1)
open('/tmp/listening', 'w').close()
while not os.path.exists('/tmp/enough'):
    try:
        frame = listener.recv(65535)
    except TimeoutError:
        continue
    frames += 1
    readable += word in frame
    # IPv4 without options behind 14 bytes of Ethernet.
    is_udp = len(frame) > 42 and frame[12:14] == b'\x08\x00' and frame[23] == 17
    to_port += is_udp and int.from_bytes(frame[36:38], 'big') == port
print(json.dumps({'frames': frames, 'readable': readable, 'toPort': to_port}))
