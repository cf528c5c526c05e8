"""A database-like writer: python3 steady.py DIRECTORY MEGABYTES

Fills DIRECTORY with files of 32 MB once, then appends to a log and rewrites pages of two files at a steady rate."""
import os, random, signal, sys, time

root, megabytes = sys.argv[1], int(sys.argv[2])
os.chdir(root)
stopping = False

def stop(*_):
    global stopping
    stopping = True

signal.signal(signal.SIGTERM, stop)
if not os.path.exists("filled"):
    for number in range(megabytes // 32):
        with open("segment-%05d" % number, "wb") as file:
            for _ in range(32):
                file.write(os.urandom(1 << 20))
    open("filled", "w").close()
segments = [open("segment-%05d" % number, "r+b") for number in range(2)]
log = open("log", "ab", buffering=0)
while not stopping:
    file = random.choice(segments)
    file.seek(random.randrange(4096) * 8192)
    file.write(os.urandom(8192))
    file.flush()
    log.write(os.urandom(1024))
    os.fsync(log.fileno())
    time.sleep(0.005)
