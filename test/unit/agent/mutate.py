"""Changes a tree at random, the same for the same seed: `mutate.py ROOT SEED STEPS`."""
import os, random, shutil, stat, struct, sys

root, seed, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.chdir(root)
r = random.Random(seed)

def all_names():
    files, dirs, others = [], ["."], []
    for base, ds, fs in os.walk("."):
        for d in list(ds):
            p = os.path.join(base, d)
            (others if os.path.islink(p) else dirs).append(p)
        for f in fs:
            p = os.path.join(base, f)
            (files if stat.S_ISREG(os.lstat(p).st_mode) else others).append(p)
    return files, dirs, others

def size():
    return r.choice([0, 1, 100, 8191, 8192, 8193, 20000, 100000, 600000])

def fresh(dirs):
    return os.path.join(r.choice(dirs), r.choice("abcdefgh") + r.choice(["", "-", ".", "0", "\n", "\udcff"]))

def remove(path):
    if os.path.isdir(path) and not os.path.islink(path): shutil.rmtree(path)
    elif os.path.lexists(path): os.unlink(path)

for step in range(steps):
    files, dirs, others = all_names()
    what = r.randrange(17)
    path = fresh(dirs)
    inside = path.startswith("./") and os.path.dirname(path) in dirs
    if what <= 2:
        remove(path)
        with open(path, "wb") as f: f.write(r.randbytes(size()))
    elif what == 3:
        remove(path); os.mkdir(path)
    elif what == 4 and files:
        f = r.choice(files); keep = os.stat(f)
        with open(f, "r+b") as h: h.seek(r.randrange(keep.st_size + 1)); h.write(r.randbytes(r.choice([1, 10, 9000])))
        if r.random() < 0.5: os.utime(f, ns=(keep.st_atime_ns, keep.st_mtime_ns))
    elif what == 5 and files:
        os.truncate(r.choice(files), size())
    elif what == 6 and files:
        f = r.choice(files)
        if os.path.realpath(f) != os.path.realpath(path): remove(path); os.path.lexists(f) and os.link(f, path)
    elif what == 7 and (files or others):
        remove(r.choice(files + others))
    elif what == 8 and len(dirs) > 1 and r.random() < 0.3:
        remove(r.choice(dirs[1:]))
    elif what == 9 and files:
        f = r.choice(files)
        if f != path and not (os.path.isdir(path) and not os.path.islink(path)): os.rename(f, path)
    elif what == 10 and len(dirs) > 1:
        d = r.choice(dirs[1:])
        if not path.startswith(d + "/") and path != d and not os.path.lexists(path): os.rename(d, path)
    elif what == 11:
        remove(path); os.symlink(r.choice(["x", "/nowhere", "../..", "\udcfe"]), path)
    elif what == 12:
        remove(path); os.mkfifo(path) if r.random() < 0.5 else os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, r.randrange(3)))
    elif what == 13:
        p = r.choice(files + dirs); os.chmod(p, r.choice([0o600, 0o755, 0o4711, 0o1777, 0])); os.chown(p, r.randrange(3), r.randrange(3))
    elif what == 14:
        p = r.choice(files + dirs); name = "user." + r.choice("ab")
        if name in os.listxattr(p) and r.random() < 0.5: os.removexattr(p, name)
        else: os.setxattr(p, name, r.randbytes(5))
    elif what == 15:
        p = r.choice(dirs)
        none = 0xffffffff
        entries = [(1, 7, none), (2, r.randrange(8), 77), (4, 5, none), (16, 7, none), (32, 0, none)]
        os.setxattr(p, "system.posix_acl_default", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
    elif what == 16 and files:
        f = r.choice(files); n = os.stat(f).st_size
        with open(f, "r+b") as h: h.truncate(n + 300000); h.seek(n + 200000); h.write(b"island")
