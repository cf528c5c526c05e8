import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import t from 'tap'
import { newKeyFile, openKeyFile, sealOf } from '../../../src/snapshot/encryption.ts'

t.test('what was sealed is opened for its purpose, by its key, unchanged, or not at all', async (t) => {
  const seal = sealOf(Buffer.alloc(32, 1))
  const content = Buffer.from('the content')
  const sealed = seal.seal(content, 'chunk')
  t.ok(seal.open(sealed, 'chunk').equals(content))
  t.notOk(sealed.includes(content))
  t.notOk(seal.seal(content, 'chunk').equals(sealed), 'no two seals are alike')
  t.throws(() => seal.open(sealed, 'config'), { code: 'seal-broken' }, 'another purpose')
  t.throws(() => sealOf(Buffer.alloc(32, 2)).open(sealed, 'chunk'), { code: 'seal-broken' }, 'another key')
  for (const at of [0, 15, 16, sealed.length - 1]) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => seal.open(changed, 'chunk'), { code: 'seal-broken' }, `byte ${at} changed`)
  }
  t.throws(() => seal.open(sealed.subarray(0, 31), 'chunk'), { code: 'seal-broken' }, 'cut off')
  t.ok(seal.open(seal.seal(Buffer.alloc(0), 'list'), 'list').length === 0, 'nothing can be sealed too')
})

t.test('a key file is opened with its passphrase', async (t) => {
  const { file, seal } = await newKeyFile({ passphrase: 'correct horse' }, 4)
  const opened = await openKeyFile(file, { passphrase: 'correct horse' }, 'REPO')
  t.equal(opened.seed, seal.seed)
  t.ok(opened.open(seal.seal(Buffer.from('x'), 'index'), 'index').equals(Buffer.from('x')))
  await t.rejects(openKeyFile(file, { passphrase: 'wrong' }, 'REPO'), { code: 'wrong-key', exitCode: 3 })
  await t.rejects(openKeyFile(file, {}, 'REPO'), { code: 'key-needed', message: 'REPO is encrypted.' })
})

t.test('a passphrase opens what age has made, and age opens what it has made', async (t) => {
  const { file, seal } = await newKeyFile({ passphrase: 'pässphrase' }, 5)
  const decrypter = new Decrypter()
  decrypter.addPassphrase('pässphrase')
  t.equal(sealOf(Buffer.from(await decrypter.decrypt(file))).seed, seal.seed)
  const encrypter = new Encrypter()
  encrypter.setScryptWorkFactor(5)
  encrypter.setPassphrase('pässphrase')
  const master = Buffer.alloc(32, 7)
  const theirs = Buffer.from(await encrypter.encrypt(master))
  t.equal((await openKeyFile(theirs, { passphrase: 'pässphrase' }, 'REPO')).seed, sealOf(master).seed)
})

t.test('a key file that asks for too much, or makes no sense, is refused', async (t) => {
  const { file } = await newKeyFile({ passphrase: 'x' }, 5)
  const changed = (from: string, to: string) =>
    Buffer.from(file.toString('latin1').replace(from, to), 'latin1')
  const opened = (bytes: Buffer) => openKeyFile(bytes, { passphrase: 'x' }, 'REPO')
  const salt = /scrypt (\S+) 5/.exec(file.toString('latin1'))?.[1] ?? ''
  for (const [what, bytes, message] of [
    ['a work factor of hours', changed(' 5\n', ' 30\n'), /a work factor of 30/],
    ['one with a sign', changed(' 5\n', ' +5\n'), /not as it must be/],
    ['a short salt', changed(salt, salt.slice(0, -4)), /not as it must be/],
    ['a further word', changed(' 5\n', ' 5 5\n'), /not as it must be/],
  ] as const) {
    const error = await opened(bytes).catch((one) => one)
    t.match(error, { code: 'wrong-key' }, what)
    t.match(error.cause?.message, message, what)
  }
})

t.test('a key file is opened by any of its recipients and nobody else', async (t) => {
  const identities = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()])
  const recipients = await Promise.all(identities.slice(0, 2).map((one) => identityToRecipient(one)))
  const { file, seal } = await newKeyFile({ recipients })
  for (const identity of identities.slice(0, 2)) {
    t.equal((await openKeyFile(file, { identities: [identity] }, 'REPO')).seed, seal.seed)
  }
  await t.rejects(openKeyFile(file, { identities: identities.slice(2) }, 'REPO'), { code: 'wrong-key' })
  await t.rejects(newKeyFile({ recipients: ['age1nonsense'] }), { code: 'bad-recipient', exitCode: 3 })
})
