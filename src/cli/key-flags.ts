import { readFile } from 'node:fs/promises'
import { Flags } from '@oclif/core'
import { messageOf, RefusedError } from '../model/errors.ts'
import type { KeyHolders, KeySource } from '../snapshot/encryption.ts'

/** What an encrypted repository is opened with, shared by everything that reads snapshots. */
export const keyFlags = {
  'passphrase-file': Flags.string({
    summary: 'File with the passphrase of an encrypted repository; or WHERRY_PASSPHRASE.',
    helpValue: 'FILE',
  }),
  'key-file': Flags.string({
    summary: 'File with an age identity that opens it; or WHERRY_KEY_FILE.',
    helpValue: 'FILE',
  }),
}

/** For whom a new repository is encrypted. */
export const encryptFlags = {
  encrypt: Flags.boolean({
    summary: 'Encrypt with a passphrase. Only a repository without snapshots can begin with this.',
  }),
  recipient: Flags.string({
    multiple: true,
    summary: 'Encrypt for whoever has the identity of this age recipient.',
    helpValue: 'age1…',
  }),
}

export interface KeyFlags {
  'passphrase-file'?: string | undefined
  'key-file'?: string | undefined
}

/** What the flags and the environment give to open a repository with. @throws RefusedError `file-not-readable`. */
export async function keySource(flags: KeyFlags): Promise<KeySource> {
  const { WHERRY_PASSPHRASE, WHERRY_KEY_FILE } = process.env
  const passphraseFile = flags['passphrase-file']
  const passphrase = passphraseFile ? firstLine(await readText(passphraseFile)) : WHERRY_PASSPHRASE
  const keyFile = flags['key-file'] ?? WHERRY_KEY_FILE
  const lines = keyFile ? (await readText(keyFile)).split('\n').map((line) => line.trim()) : []
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'))
  return { ...(passphrase ? { passphrase } : {}), ...(identities.length > 0 ? { identities } : {}) }
}

/** For whom `--encrypt` is; undefined without it. @throws RefusedError `no-passphrase`. */
export async function keyHolders(
  flags: KeyFlags & { encrypt: boolean; recipient?: string[] | undefined },
): Promise<KeyHolders | undefined> {
  const { recipient = [] } = flags
  if (recipient.length > 0) return { recipients: recipient }
  if (!flags.encrypt) return undefined
  const { passphrase } = await keySource(flags)
  if (passphrase) return { passphrase }
  throw new RefusedError('no-passphrase', 'With what is it to be encrypted?', {
    suggestions: [
      'Give a passphrase: WHERRY_PASSPHRASE, or --passphrase-file FILE',
      'Or age recipients: --recipient age1…',
    ],
  })
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new RefusedError('file-not-readable', `${path} cannot be read: ${messageOf(error)}`)
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? ''
}
