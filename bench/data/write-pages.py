"""
Rewrites random 8 KiB pages of /data/database, so many a second, until it is told to stop. Only the first start writes: the
copy on the target has to stay what it was, so that it can be compared with the source.
"""
import os
import random
import signal
import sys
import time

PAGE = 8192
rate = float(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    os.close(os.open('/data/started', os.O_CREAT | os.O_EXCL))
except FileExistsError:
    while True:
        signal.pause()
file = os.open('/data/database', os.O_WRONLY)
pages = os.fstat(file).st_size // PAGE
start, written = time.monotonic(), 0
while True:
    due = int((time.monotonic() - start) * rate)
    while written < due:
        os.pwrite(file, os.urandom(PAGE), random.randrange(pages) * PAGE)
        written += 1
    time.sleep(0.01)
