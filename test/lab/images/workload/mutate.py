"""Changes files below a directory all the time, until told to stop: python3 mutate.py DIRECTORY

What was once stopped stays stopped, so that a copy that is started elsewhere leaves everything as it came."""
import mmap, os, random, shutil, signal, sys, time

root = sys.argv[1]
os.makedirs(root, exist_ok=True)
os.chdir(root)
stopping = False

def stop(*_):
    global stopping
    stopping = True

signal.signal(signal.SIGTERM, stop)
if os.path.exists("stopped"):
    while not stopping:
        time.sleep(0.05)
    sys.exit(0)

for name in ["grows", "shrinks", "replaced", "same-time", "renamed-0", "linked"]:
    with open(name, "wb") as file:
        file.write(os.urandom(400_000))
with open("mapped", "wb") as file:
    file.write(bytes(1 << 20))
mapped = open("mapped", "r+b")
memory = mmap.mmap(mapped.fileno(), 0)
step = 0
while not stopping:
    step += 1
    with open("grows", "ab") as file:
        file.write(os.urandom(1000))
    os.truncate("shrinks", max(0, os.path.getsize("shrinks") - 777))
    with open("replaced.new", "wb") as file:
        file.write(os.urandom(random.randrange(300_000)))
    os.rename("replaced.new", "replaced")
    before = os.stat("same-time")
    with open("same-time", "r+b") as file:
        file.seek(random.randrange(400_000 - 8)); file.write(os.urandom(8))
    os.utime("same-time", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.rename(f"renamed-{step - 1}", f"renamed-{step}")
    memory[random.randrange(1 << 20)] = random.randrange(256)
    if os.path.lexists("changes-kind"):
        shutil.rmtree("changes-kind") if os.path.isdir("changes-kind") and not os.path.islink("changes-kind") else os.unlink("changes-kind")
    [lambda: os.mkdir("changes-kind"), lambda: os.symlink("x", "changes-kind"), lambda: os.mkfifo("changes-kind"), lambda: open("changes-kind", "w").close()][step % 4]()
    if os.path.lexists("link"):
        os.unlink("link")
    os.link("linked", "link") if step % 2 else shutil.copy("linked", "link")
    os.makedirs(f"tree/{step % 7}/below", exist_ok=True)
    open(f"tree/{step % 7}/below/{step}", "w").close()
    if step % 5 == 0:
        shutil.rmtree(f"tree/{random.randrange(7)}", ignore_errors=True)
    time.sleep(0.01)
open("stopped", "w").close()
