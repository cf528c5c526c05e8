import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { Pair, python, sameTrees } from './agents.ts'

const agents = new Pair()
t.teardown(agents.stop)

/** Everything that a Linux file can be. ACLs and capabilities are set in the kernel's own form, see acl(5), capabilities(7). */
const everything = `
import os, socket, stat, struct
def put(name, data=b'x', mode=0o644):
    with open(name, 'wb') as f: f.write(data)
    os.chmod(name, mode)
# names
for name in [b'\\xff\\xfe not utf-8', b'n' * 255, b'new\\nline', b'-rf', b' ', b'a\\\\b', b"quote'\\"", '\\u00e9\\u4e2d'.encode(), b'..x', b'a-b', b'a.b']:
    put(name, name)
os.mkdir(b'a'); put(b'a/b'); put(b'a-c'); put(b'a b')
# depth: further than a path may be long and than directories may be open
fd = os.open('.', os.O_RDONLY)
for level in range(500):
    os.mkdir('deep-%04d' % level); os.chdir('deep-%04d' % level)
put('bottom', b'here')
os.fchdir(fd)
# modes and owners
put('setuid', mode=0o4755); put('setgid', mode=0o2755); put('none', mode=0)
os.mkdir('sticky'); os.chmod('sticky', 0o1777)
os.mkdir('setgid-dir'); os.chown('setgid-dir', 12, 34); os.chmod('setgid-dir', 0o2775); put('setgid-dir/inside'); os.chown('setgid-dir/inside', 0, 0)
os.mkdir('readonly'); put('readonly/file', mode=0o400); os.chmod('readonly', 0o500)
put('owned'); os.chown('owned', 4000000000, 65534)
put('owned-suid'); os.chown('owned-suid', 1000, 1000); os.chmod('owned-suid', 0o6711)
# links
put('one', b'shared'); os.mkdir('z'); os.link('one', 'z/two'); os.link('one', 'a/three')
os.symlink(b'dangling \\xff', 'link-dangling'); os.symlink('/etc/passwd', 'link-absolute'); os.symlink('link-loop', 'link-loop')
os.symlink('.', 'link-dir'); os.chown('link-dir', 7, 8, follow_symlinks=False)
os.symlink('x' * 4095, 'link-long'); os.link('link-dir', 'link-linked', follow_symlinks=False)
# sparse
with open('sparse', 'wb') as f:
    f.seek(10 << 20); f.write(b'middle' * 1000); f.truncate(50 << 20)
with open('sparse-pages', 'wb') as f:
    for page in range(0, 200, 7):
        f.seek(page * 4096); f.write(os.urandom(4096))
with open('hole-only', 'wb') as f: f.truncate(12345678)
put('zeros', bytes(300000)); put('empty', b'')
with open('big', 'wb') as f: f.write(os.urandom(3 << 20) + b'tail')
# attributes
put('attributes')
os.setxattr('attributes', 'user.plain', b'value'); os.setxattr('attributes', b'user.\\xff', b''); os.setxattr('attributes', 'user.binary', bytes(range(256)) * 8)
os.setxattr('attributes', 'trusted.some', b'thing')
os.mkdir('opaque'); os.setxattr('opaque', 'trusted.overlay.opaque', b'y'); put('opaque/in')
os.symlink('x', 'link-attribute'); os.setxattr('link-attribute', 'trusted.overlay.x', b'1', follow_symlinks=False)
def acl(*entries): return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in entries)
none = 0xffffffff
access = acl((1, 6, none), (2, 7, 1234), (4, 4, none), (16, 7, none), (32, 4, none))
put('acl', mode=0o640); os.setxattr('acl', 'system.posix_acl_access', access)
os.mkdir('acl-dir'); put('acl-dir/before'); os.setxattr('acl-dir', 'system.posix_acl_default', access)
os.mkdir('acl-dir/inherits'); put('acl-dir/inherits/after'); put('acl-dir/no-acl'); os.removexattr('acl-dir/no-acl', 'system.posix_acl_access'); os.chmod('acl-dir/no-acl', 0o604)
put('capable', mode=0o755); os.setxattr('capable', 'security.capability', struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0))
# others
os.mkfifo('fifo', 0o620); os.mknod('char', 0o660 | stat.S_IFCHR, os.makedev(1, 3)); os.mknod('block', 0o606 | stat.S_IFBLK, os.makedev(259, 70000))
os.mknod('whiteout', stat.S_IFCHR, os.makedev(0, 0)); os.link('whiteout', 'whiteout-2')
s = socket.socket(socket.AF_UNIX); s.bind('socket'); s.close()
os.mkdir('empty-dir')
# times, directories last
os.utime('one', ns=(1, -1234567891)); os.utime('big', ns=(5, 4102444800123456789))
os.utime('link-dangling', ns=(1, 1111111111987654321), follow_symlinks=False); os.utime('fifo', ns=(1, 999999999))
for d in ['a', 'z', 'empty-dir', 'opaque', '.']: os.utime(d, ns=(3, 1500000000000000007))
os.chown('.', 99, 98); os.chmod('.', 0o1750); os.setxattr('.', 'user.root', b'of the tree'); os.utime('.', ns=(3, 1400000000000000001))
`

const surplus = `
import os
os.makedirs('a/b/c'); open('a/b/c/file', 'w').close(); open('one', 'w').write('wrong'); os.mkdir('big'); os.symlink('/etc', 'sticky')
os.setxattr('.', 'user.surplus', b'1')
`

for (const path of ['direct', 'relay'] as const) {
  t.test(`everything a file can be arrives over the ${path} path`, async (t) => {
    const pair = await agents.fresh(path)
    t.equal(pair.link.kind, path)
    python(pair.from, everything)
    python(pair.to, surplus)
    const first = await pair.round()
    sameTrees(t, pair.to, pair.from, '--blocks')
    t.equal(first.trees[0]?.sourceDigest, first.trees[0]?.targetDigest)
    const second = await pair.round()
    t.equal(second.filesSent, 0, 'nothing is sent again')
    t.ok(second.bytesSent < 1000, 'an unchanged tree costs almost nothing')
    await pair.round({ final: true })
    sameTrees(t, pair.to, pair.from, '--blocks')
  })
}

t.test('labels of the source engine are left out and counted, in every round', async (t) => {
  const pair = await agents.fresh()
  const program = `
import os
os.mkdir('directory'); open('directory/file', 'w').close(); open('plain', 'w').close(); os.symlink('x', 'link')
for name in ['directory', 'directory/file', 'link']: os.setxattr(name, 'security.selinux', b'label', follow_symlinks=False)
`
  python(pair.from, program)
  for (const final of [false, false, true]) {
    // Now and then entries are old enough to be taken from the catalog unread.
    await setTimeout(final ? 0 : 600)
    const { trees } = await pair.round({ final })
    t.equal(trees[0]?.skippedAttributes, 3)
  }
  sameTrees(t, pair.to, pair.from)
})
