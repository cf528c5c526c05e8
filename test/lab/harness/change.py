"""Changes files of the matrix below the given directories in every way that a later snapshot must see."""
import os, sys

for root in sys.argv[1:]:
    os.chdir(root)
    with open("many-100", "ab") as file:
        file.write(os.urandom(300_000))
    with open("many-101", "wb") as file:
        file.write(b"")
    os.truncate("many-299", 5000)
    os.rename("many-102", "renamed \udcff")
    with open("many-103.new", "wb") as file:
        file.write(os.urandom(103 * 37))
    before = os.stat("many-103")
    os.utime("many-103.new", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.rename("many-103.new", "many-103")
    os.unlink("many-104")
    # Written with its time and size as they were: only the time of the change itself tells.
    before = os.stat("many-105")
    with open("many-105", "r+b") as file:
        file.seek(1000)
        file.write(os.urandom(8))
    os.utime("many-105", ns=(before.st_atime_ns, before.st_mtime_ns))
    with open("sparse", "r+b") as file:
        file.seek(1 << 25)
        file.write(b"in the hole")
    os.truncate("all-hole", 1 << 27)
    os.unlink("links/two")
    os.link("many-106", "links/of-another")
    os.setxattr("attributes", "user.comment", b"other")
    os.removexattr("attributes", "user.empty")
    os.chmod("setgid", 0o600)
    os.chown("setuid", 5, 6)
    os.unlink("fifo")
    os.mkdir("fifo")
    os.rmdir("empty")
    os.symlink("was a directory", "empty")
    os.unlink("dangling")
    os.symlink("elsewhere", "dangling")
    os.rename("links", "moved-links")
