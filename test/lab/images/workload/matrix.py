"""Makes one of every kind of thing that a file system can hold below a directory: python3 matrix.py DIRECTORY"""
import os, socket, stat, subprocess, sys

root = sys.argv[1].encode()
os.makedirs(root, exist_ok=True)
os.chdir(root)

def write(name, content=b"content"):
    with open(name, "wb") as file:
        file.write(content)

for name in [b"not-utf8-\xff\xfe", b"n" * 255, b"new\nline", b"-dash", b" space ", b"\xe2\x98\x83", b"quo'te\"", b"back\\slash"]:
    write(name, name)
depth = os.open(".", os.O_RDONLY)
for level in range(60):
    name = (b"deep%02d-" % level) + b"d" * 200
    os.mkdir(name, dir_fd=depth)
    depth, closing = os.open(name, os.O_RDONLY, dir_fd=depth), depth
    os.close(closing)
os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=depth))

write("setuid"); os.chown("setuid", 1234, 4321); os.chmod("setuid", 0o4755)
write("setgid"); os.chmod("setgid", 0o2711)
os.mkdir("sticky"); os.chmod("sticky", 0o1777)
write("no-permissions"); os.chmod("no-permissions", 0)
write("times"); os.utime("times", ns=(1_234_567_890_123_456_789, 987_654_321_987_654_321))
write("before-1970"); os.utime("before-1970", ns=(-1_000_000_001, -5_000_000_007))
os.mkdir("links"); write("links/one"); os.mkdir("links/below")
os.link("links/one", "links/two"); os.link("links/one", "links/below/three")
os.symlink("nowhere/at/all", "dangling"); os.symlink("/etc/passwd", "absolute"); os.symlink("loop", "loop")
os.symlink(b"\xff\xfe", "odd-target"); os.lchown("dangling", 77, 88)
os.utime("dangling", ns=(1, 1_111_111_111_111_111_111), follow_symlinks=False)
with open("sparse", "wb") as file:
    file.seek(1 << 27); file.write(b"end"); file.seek(1 << 20); file.write(b"middle")
with open("all-hole", "wb") as file:
    file.truncate(1 << 26)
write("attributes"); os.setxattr("attributes", "user.comment", b"\x00binary\xff"); os.setxattr("attributes", "user.empty", b"")
os.mkdir("attributed"); os.setxattr("attributed", "user.on", b"directory")
write("acl"); subprocess.check_call(["setfacl", "-m", "u:1234:rwx,g:99:r", "acl"])
os.mkdir("acl-default"); subprocess.check_call(["setfacl", "-d", "-m", "u:1234:rwx", "acl-default"])
write("capable"); subprocess.check_call(["setcap", "cap_net_raw+ep", "capable"])
os.mkfifo("fifo", 0o640)
os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
os.mknod("block", stat.S_IFBLK | 0o600, os.makedev(7, 99))
socket.socket(socket.AF_UNIX).bind("socket")
os.mkdir("empty"); write("empty-file", b"")
for number in range(300):
    write("many-%03d" % number, os.urandom(number * 37))
