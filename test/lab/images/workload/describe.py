"""Prints one line for everything below the given directories: python3 describe.py DIRECTORY..."""
import hashlib, os, stat, sys

inodes = {}

def content(name, parent):
    digest = hashlib.sha256()
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent), "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:24]

def describe(name, parent, path):
    info = os.stat(name, dir_fd=parent, follow_symlinks=False)
    kind = stat.S_IFMT(info.st_mode)
    here = b"/proc/self/fd/%d/%s" % (parent, name)
    parts = [oct(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns]
    # Overlay file systems share whiteouts (character device 0, 0): how many links one has says nothing.
    if kind != stat.S_IFDIR and not (kind == stat.S_IFCHR and info.st_rdev == 0):
        parts += [info.st_size, "links=%d" % info.st_nlink]
        if info.st_nlink > 1:
            parts.append("same-as=%r" % inodes.setdefault((info.st_dev, info.st_ino), path))
    if kind == stat.S_IFREG:
        # Blocks may be laid out differently; a hole that became data would show as more than that.
        parts += [content(name, parent), "sparse" if info.st_blocks * 512 < info.st_size * 0.9 else "full"]
    elif kind == stat.S_IFLNK:
        parts.append(os.readlink(name, dir_fd=parent))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        parts.append((os.major(info.st_rdev), os.minor(info.st_rdev)))
    for attribute in sorted(os.listxattr(here, follow_symlinks=False)):
        parts.append((attribute, os.getxattr(here, attribute, follow_symlinks=False)))
    print(path, *parts)
    if kind == stat.S_IFDIR:
        walk(name, parent, path)

def walk(name, parent, path):
    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=parent)
    for child in sorted(os.fsencode(entry) for entry in os.listdir(directory)):
        describe(child, directory, path + b"/" + child)
    os.close(directory)

sys.setrecursionlimit(10000)
for root in sys.argv[1:]:
    describe(root.encode(), os.open("/", os.O_RDONLY), root.encode())
