import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { Pair, python, sameTrees } from './agents.ts'

const agents = new Pair()
t.teardown(agents.stop)

const before = `
import os, stat
def put(name, data): open(name, 'wb').write(data)
for n in ['grows', 'shrinks', 'same-mtime', 'renamed', 'deleted', 'becomes-dir', 'becomes-link', 'replaced', 'kept', 'chmod']: put(n, n.encode() * 5000)
os.mkdir('becomes-file'); put('becomes-file/x', b'1'); os.mkdir('dir-to-link'); put('dir-to-link/y', b'2')
os.mkdir('gone'); os.mkdir('gone/deeper'); put('gone/deeper/file', b'z')
os.mkdir('moved'); put('moved/file', b'moved'); os.symlink('kept', 'retarget')
put('a', b'linked' * 3000); os.link('a', 'b'); os.link('a', 'c'); put('p', b'first'); os.link('p', 'q')
put('m1', b'one'); put('m2', b'two'); put('holey', os.urandom(400000)); os.mknod('node', stat.S_IFCHR | 0o600, os.makedev(5, 6))
put('database', os.urandom(8 << 20)); put('setuid', b's'); os.chmod('setuid', 0o4755)
`

const changes = `
import os, stat
def put(name, data): open(name, 'wb').write(data)
open('grows', 'ab').write(b'more' * 70000); os.truncate('shrinks', 777)
st = os.stat('same-mtime'); f = open('same-mtime', 'r+b'); f.write(b'SAME'); f.close(); os.utime('same-mtime', ns=(st.st_atime_ns, st.st_mtime_ns))
os.rename('renamed', 'a-new-name'); os.unlink('deleted'); os.unlink('becomes-dir'); os.mkdir('becomes-dir'); put('becomes-dir/in', b'1')
os.unlink('becomes-link'); os.symlink('kept', 'becomes-link'); put('new', b'n'); os.rename('new', 'replaced')
os.unlink('becomes-file/x'); os.rmdir('becomes-file'); put('becomes-file', b'file now')
os.unlink('dir-to-link/y'); os.rmdir('dir-to-link'); os.symlink('moved', 'dir-to-link')
os.unlink('gone/deeper/file'); os.rmdir('gone/deeper'); os.rmdir('gone'); os.rename('moved', 'was-moved')
os.unlink('retarget'); os.symlink('elsewhere', 'retarget'); os.chmod('chmod', 0o4711)
put('t', b'replaces a'); os.rename('t', 'a')
os.unlink('p'); os.rename('m1', 'm'); os.rename('m2', 'm1'); os.rename('m', 'm2')
f = open('holey', 'r+b'); f.truncate(0); f.truncate(400000); f.seek(390000); f.write(b'end'); f.close()
os.chown('setuid', 5, 6); os.chmod('setuid', 0o4755); os.unlink('node'); os.mknod('node', stat.S_IFBLK | 0o600, os.makedev(5, 6))
f = open('database', 'r+b')
for page in (3, 200, 1000): f.seek(page * 8192); f.write(os.urandom(8192))
`

t.test('every kind of change between rounds arrives', async (t) => {
  const pair = await agents.fresh()
  python(pair.from, before)
  await pair.round()
  python(pair.from, changes)
  const second = await pair.round()
  sameTrees(t, pair.to, pair.from)
  t.ok(second.bytesSent < 500_000, 'a changed page of a large file costs one page')
  // Links change in every way: b and c are what a was; now they part, and q takes p's old name.
  python(pair.from, `import os; os.unlink('c'); os.link('a', 'c'); os.rename('q', 'p'); os.link('b', 'zz')`)
  await pair.round()
  sameTrees(t, pair.to, pair.from)
  python(pair.from, `open('zz', 'ab').write(b'through another name')`)
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

const mapper = `
import mmap, os, sys
f = open('mapped', 'r+b'); m = mmap.mmap(f.fileno(), 65536)
m[0:5] = b'first'; print('dirty', flush=True)
for line in sys.stdin:
    m[100:106] = line.strip().encode(); print('again', flush=True)
`

t.test('a write through a mapping whose page was already dirty is not missed', async (t) => {
  const pair = await agents.fresh()
  // Elsewhere, because flushing the target's file system would write back the source's pages too.
  const to = mkdtempSync('/dev/shm/wherry-agent-test-')
  t.teardown(() => rmSync(to, { recursive: true }))
  const trees = [{ id: pair.id, path: pair.from, targetPath: to }]
  python(pair.from, `f = open('mapped', 'wb'); f.write(bytes(65536)); f.close()`)
  const child = spawn('python3', ['-c', mapper], { cwd: pair.from, stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  await once(child.stdout, 'data')
  // Long enough that the file's times alone would let it pass as unchanged.
  await setTimeout(2300)
  await pair.round({ trees })
  for (const text of ['second', 'third!']) {
    child.stdin.write(`${text}\n`)
    await once(child.stdout, 'data')
    await pair.round({ trees })
    t.comment(text)
    sameTrees(t, to, pair.from)
  }
})

t.test('a tree that changes while it is read is equal after the next round', async (t) => {
  const pair = await agents.fresh()
  python(pair.from, `import os; [open('f%d' % i, 'wb').write(os.urandom(20000)) for i in range(300)]`)
  const program = join(import.meta.dirname, 'mutate.py')
  const mutator = spawn('python3', [program, pair.from, '1', '150'], { stdio: 'inherit' })
  const ended = once(mutator, 'exit')
  await pair.round()
  await pair.round()
  await ended
  await pair.round()
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

t.test('a final round refuses a source that is still written to', async (t) => {
  const pair = await agents.fresh()
  python(pair.from, `import os; open('busy', 'wb').write(os.urandom(16 << 20))`)
  const program = `
import os, time
end = time.time() + 20
while time.time() < end: f = open('busy', 'r+b'); f.write(b'x'); f.close(); print('written', flush=True); time.sleep(0.001)`
  const writer = spawn('python3', ['-c', program], { cwd: pair.from })
  t.teardown(() => writer.kill())
  await once(writer.stdout, 'data')
  writer.stdout.resume()
  await t.rejects(pair.round({ final: true }), { code: 'changed-while-stopped', message: /busy/ })
})

t.test('several trees travel in one round, and a tmpfs without traces is read again', async (t) => {
  const pair = await agents.fresh()
  const tmpfs = mkdtempSync('/dev/shm/wherry-agent-test-')
  t.teardown(() => rmSync(tmpfs, { recursive: true }))
  execFileSync('mkdir', ['other', 'other-to'], { cwd: pair.directory })
  python(tmpfs, `open('x', 'wb').write(b'1' * 100)`)
  python(join(pair.directory, 'other'), `open('y', 'wb').write(b'2' * 100)`)
  const trees = [
    { id: pair.id, path: tmpfs, targetPath: pair.to },
    { id: 'odd/../name', path: join(pair.directory, 'other'), targetPath: join(pair.directory, 'other-to') },
  ]
  await pair.round({ trees })
  const mapped = `
import mmap
f = open('x', 'r+b'); m = mmap.mmap(f.fileno(), 100); m[0:3] = b'new'`
  python(tmpfs, mapped)
  const result = await pair.round({ trees, final: true })
  t.equal(result.trees.length, 2)
  sameTrees(t, pair.to, tmpfs)
  sameTrees(t, join(pair.directory, 'other-to'), join(pair.directory, 'other'))
})
