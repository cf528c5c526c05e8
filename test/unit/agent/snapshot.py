"""Prints what a tree holds, one JSON line per name: the tests' own eye, which shares no code with the agent.
Of two trees it prints only what differs, `-` for the first and `+` for the second, and at last how many lines were compared."""
import hashlib, itertools, json, os, stat, sys

def show(b):
    return b.decode("latin1")

def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()

def attributes(path):
    names = [n for n in os.listxattr(path, follow_symlinks=False) if n != "security.selinux"]
    return {show(os.fsencode(n)): os.getxattr(path, n, follow_symlinks=False).hex() for n in sorted(names)}

def lines(root):
    os.chdir(root)
    inodes = {}
    out = []
    def visit(directory, relative):
        st = os.stat(".", follow_symlinks=False)
        add(b".", relative, st)
        for name in sorted(os.listdir(b".")):
            st = os.lstat(name)
            path = relative + b"/" + name
            if stat.S_ISDIR(st.st_mode):
                fd = os.open(b".", os.O_RDONLY)
                os.chdir(name)
                visit(name, path)
                os.fchdir(fd)
                os.close(fd)
            else:
                add(name, path, st)
    def add(name, path, st):
        entry = {"path": show(path), "mode": oct(st.st_mode), "uid": st.st_uid, "gid": st.st_gid,
                 "mtime": st.st_mtime_ns, "xattrs": attributes(name)}
        if not stat.S_ISDIR(st.st_mode):
            first = inodes.setdefault((st.st_dev, st.st_ino), show(path))
            entry["same"] = first
            entry["links"] = st.st_nlink
        if stat.S_ISREG(st.st_mode):
            entry["size"] = st.st_size
            entry["digest"] = digest(name)
        if "--blocks" in sys.argv and stat.S_ISREG(st.st_mode):
            entry["blocks"] = st.st_blocks
        if stat.S_ISLNK(st.st_mode):
            entry["target"] = show(os.readlink(name))
        if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
            entry["rdev"] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
        out.append(json.dumps(entry, sort_keys=True))
    sys.setrecursionlimit(20000)
    visit(b".", b"")
    return out

def compare(first, second):
    for a, b in itertools.zip_longest(first, second):
        if a != b:
            print("-", a)
            print("+", b)
    print(len(first), "compared")

roots = [os.path.abspath(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
if len(roots) == 2: compare(lines(roots[0]), lines(roots[1]))
else: print("\n".join(lines(roots[0])))
