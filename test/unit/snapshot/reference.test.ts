import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { isLoopback, meansRegistry, parseReference } from '../../../src/snapshot/repository/reference.ts'

t.test('what --repo means cannot be read in two ways', async (t) => {
  for (const path of ['/a.b/c', './a.b/c', '../a.b/c', '~/a.b', 'backup', 'backup/shop', '.', '..', 'a.b']) {
    t.equal(meansRegistry(path), false, `${path} is a directory`)
  }
  for (const name of ['a.b/c', 'host:5000/c', 'localhost/c', '[::1]:5000/c', 'docker://backup/shop']) {
    t.equal(meansRegistry(name), true, `${name} is in a registry`)
  }
  t.throws(() => meansRegistry('host:5000'), { code: 'ambiguous-repository', exitCode: 2 })
  const directory = mkdtempSync(join(tmpdir(), 'wherry-reference-'))
  const before = process.cwd()
  t.teardown(() => {
    process.chdir(before)
    rmSync(directory, { recursive: true })
  })
  mkdirSync(join(directory, 'backup.d', 'shop'), { recursive: true })
  process.chdir(directory)
  t.throws(() => meansRegistry('backup.d/shop'), {
    code: 'ambiguous-repository',
    suggestions: ['For the directory: ./backup.d/shop', 'For the registry: docker://backup.d/shop'],
  })
})

t.test('references are read as images are named', async (t) => {
  t.strictSame(parseReference('host:5000/a/b:tag'), { host: 'host:5000', name: 'a/b', tag: 'tag' })
  t.strictSame(parseReference('docker://a.b/c'), { host: 'a.b', name: 'c' })
  t.strictSame(parseReference('docker.io/shop:x'), { host: 'docker.io', name: 'library/shop', tag: 'x' })
  const digest = `sha256:${'0'.repeat(64)}`
  t.strictSame(parseReference(`a.b/c@${digest}`), { host: 'a.b', name: 'c', digest })
  for (const wrong of [
    'a.b',
    'a.b/',
    'a.b/C',
    'a.b/c:',
    'a.b/c:-x',
    'a.b/../c',
    'a.b/c@sha256:0',
    'a b/c',
    'u@h/c',
  ])
    t.throws(() => parseReference(wrong), { code: 'bad-reference', exitCode: 2 }, wrong)
  t.ok(isLoopback('localhost:5000') && isLoopback('127.0.0.2') && isLoopback('[::1]:5'))
  t.notOk(isLoopback('127.0.0.1.example.com') || isLoopback('localhost.example.com'))
})
