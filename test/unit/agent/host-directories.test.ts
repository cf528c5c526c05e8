import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeHostDirectories, removeHostDirectories } from '../../../src/agent/host-directories.ts'
import { python } from './agents.ts'

function host() {
  const directory = mkdtempSync(join(tmpdir(), 'wherry-host-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const params = { root: join(directory, 'root'), record: join(directory, 'record') }
  mkdirSync(params.root)
  mkdirSync(params.record)
  return {
    make: (...paths: string[]) => makeHostDirectories({ ...params, paths }).made,
    record: params.record,
    undo: () => removeHostDirectories(params),
    at: (path: string) => join(params.root, path),
    tree: () => execFileSync('find', ['.', '-printf', '%p %m %U %T@\\n'], { cwd: params.root }).toString(),
  }
}

t.test('undo takes away exactly what was made, with parents and content', async (t) => {
  const { make, undo, at, tree } = host()
  mkdirSync(at('srv/empty'), { recursive: true, mode: 0o711 })
  mkdirSync(at('disk'))
  symlinkSync('/disk', at('data'))
  python(at('srv/empty'), "import os; os.setxattr('.', 'user.mine', b'x')")
  const before = tree()
  const made = make('/srv/a/b/c', '/srv/empty', '/data/app', '/srv/a/other', '/disk/app', '/srv/a')
  t.strictSame(made.toSorted(), ['/disk/app', '/srv/a', '/srv/a/b', '/srv/a/b/c', '/srv/a/other'])
  for (const path of ['srv/a/b/c', 'srv/empty', 'disk/app']) {
    mkdirSync(at(`${path}/deep`))
    writeFileSync(at(`${path}/deep/file`), 'copied')
  }
  python(
    at('srv/empty'),
    "import os; os.removexattr('.', 'user.mine'); os.chown('.', 5, 5); os.chmod('.', 0o700)",
  )
  undo()
  const after = tree()
  const named = (text: string) => text.split('\n').filter((line) => !/^\.(\/srv|\/disk)? /.test(line))
  t.strictSame(named(after), named(before), 'an empty directory that was there is as it was')
  python(at('srv/empty'), "import os; assert os.getxattr('.', 'user.mine') == b'x'")
})

t.test('undo leaves what others have put or made there', async (t) => {
  const { make, undo, at } = host()
  make('/srv/a/b', '/srv/c')
  writeFileSync(at('srv/a/theirs'), 'x')
  rmdirSync(at('srv/c'))
  mkdirSync(at('srv/c'))
  writeFileSync(at('srv/c/theirs'), 'x')
  undo()
  t.strictSame(readdirSync(at('srv/a')), ['theirs'], 'a parent that others use stays')
  t.strictSame(readdirSync(at('srv/c')), ['theirs'], 'and a directory that took the place of ours')
})

t.test('nothing is taken that holds something, and nothing that it refused is touched', async (t) => {
  const { make, undo, at } = host()
  mkdirSync(at('srv/full'), { recursive: true })
  writeFileSync(at('srv/full/theirs'), 'x')
  t.throws(() => make('/srv/a', '/srv/full'), { code: 'bind-exists', message: /\/srv\/full/ })
  undo()
  t.equal(existsSync(at('srv/a')), false)
  t.equal(statSync(at('srv/full/theirs')).size, 1)
})

t.test('undo without a record does nothing', async (t) => {
  const { undo, tree } = host()
  const before = tree()
  undo()
  t.equal(tree(), before)
})

t.test(
  'a run that goes on after another finds what that made, also when its record was cut off',
  async (t) => {
    const { make, undo, at, record } = host()
    make('/srv/a')
    writeFileSync(at('srv/a/arrived'), 'x')
    appendFileSync(join(record, 'directories.jsonl'), '{"names":["sr')
    t.strictSame(make('/srv/a', '/srv/b').toSorted(), ['/srv', '/srv/a', '/srv/b'])
    t.ok(existsSync(at('srv/a/arrived')), 'what has arrived stays')
    undo()
    t.notOk(existsSync(at('srv')))
  },
)
