import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type DecipherGCM,
  hkdfSync,
  type KeyObject,
  randomBytes,
  randomFillSync,
} from 'node:crypto'
import type { Encrypter } from 'age-encryption'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import { passphraseIdentity, passphraseRecipient } from './passphrase.ts'
import type { Seal, SealedPurpose } from './seal.ts'

/** Who may open a repository: whoever knows a passphrase, or has an identity of one of these age recipients. */
export type KeyHolders = { passphrase: string } | { recipients: readonly string[] }

/** What somebody opens a repository with: a passphrase, or age identities as a key file has them. */
export interface KeySource {
  passphrase?: string
  identities?: readonly string[]
}

const masterBytes = 32
const saltBytes = 16
const tagBytes = 16
const pieceBytes = 64 << 10
/** Every key is used once: its salt is random. */
const nonce = Buffer.alloc(12)
const label = 'wherry snapshot 1'

/** Only where something is encrypted: it takes its time to load. */
const loadAge = () => import('age-encryption')

/**
 * A new key for a repository, as an age file that its holders can open. `workFactor`: how long a passphrase takes to try, as a
 * power of two; about a second at 18. @throws RefusedError `bad-recipient`.
 */
export async function newKeyFile(
  holders: KeyHolders,
  workFactor = 18,
): Promise<{ file: Buffer; seal: Seal }> {
  const master = randomBytes(masterBytes)
  const { Encrypter } = await loadAge()
  const encrypter = new Encrypter()
  if ('passphrase' in holders) encrypter.addRecipient(passphraseRecipient(holders.passphrase, workFactor))
  else for (const recipient of holders.recipients) addRecipient(encrypter, recipient)
  return { file: Buffer.from(await encrypter.encrypt(master)), seal: sealOf(master) }
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (error) {
    throw new RefusedError('bad-recipient', `"${recipient}" is no age recipient: ${messageOf(error)}`, {
      suggestions: ['One begins with age1; age-keygen makes a pair.'],
    })
  }
}

/** The seal of a repository whose key file can be opened. @throws RefusedError `key-needed` or `wrong-key`. */
export async function openKeyFile(file: Buffer, source: KeySource, repository: string): Promise<Seal> {
  const { passphrase, identities = [] } = source
  if (passphrase === undefined && identities.length === 0) {
    throw new RefusedError('key-needed', `${repository} is encrypted.`, {
      suggestions: [
        'Give its passphrase: WHERRY_PASSPHRASE, or --passphrase-file FILE',
        'Or an age identity: --key-file FILE',
      ],
    })
  }
  const { Decrypter } = await loadAge()
  const decrypter = new Decrypter()
  try {
    if (passphrase !== undefined) decrypter.addIdentity(passphraseIdentity(passphrase))
    for (const identity of identities) decrypter.addIdentity(identity)
    const master = Buffer.from(await decrypter.decrypt(file))
    if (master.length === masterBytes) return sealOf(master)
  } catch (error) {
    throw new RefusedError('wrong-key', `The key of ${repository} cannot be opened with what was given.`, {
      cause: error,
      suggestions: [
        'Check the passphrase, or name the file with the identity that it was made for: --key-file FILE',
      ],
    })
  }
  throw new RefusedError('wrong-key', `The key file of ${repository} holds no key.`)
}

/**
 * Seals: 16 bytes of salt, AES-256-GCM of the content, 16 bytes of tag. The key of each is HMAC-SHA256 of the salt under the
 * key of its purpose, and that is HKDF-SHA256 of the repository's key (docs/design/snapshot-format.md).
 */
export function sealOf(master: Buffer): Seal {
  const purposes = new Map<SealedPurpose, KeyObject>()
  const salts = new Salts()
  // Keys as objects: with one of bytes each call takes three times as long.
  const keyFor = (purpose: SealedPurpose, salt: Buffer): KeyObject => {
    const known =
      purposes.get(purpose) ??
      createSecretKey(Buffer.from(hkdfSync('sha256', master, '', `${label} ${purpose}`, masterBytes)))
    purposes.set(purpose, known)
    return createSecretKey(createHmac('sha256', known).update(salt).digest())
  }
  return {
    seed: createHmac('sha256', master).update(`${label} chunks`).digest('hex'),
    seal(content, purpose, allocate = Buffer.allocUnsafeSlow) {
      const bytes = saltBytes + content.length + tagBytes
      const sealed = allocate(bytes).subarray(0, bytes)
      const salt = sealed.subarray(0, saltBytes)
      salts.next(salt)
      const cipher = createCipheriv('aes-256-gcm', keyFor(purpose, salt), nonce)
      pass(content, cipher, sealed.subarray(saltBytes))
      cipher.final()
      cipher.getAuthTag().copy(sealed, saltBytes + content.length)
      return sealed
    },
    open(sealed, purpose, allocate = Buffer.allocUnsafeSlow) {
      if (sealed.length < saltBytes + tagBytes) throw broken()
      const decipher = createDecipheriv('aes-256-gcm', keyFor(purpose, sealed.subarray(0, saltBytes)), nonce)
      decipher.setAuthTag(sealed.subarray(-tagBytes))
      const bytes = sealed.length - saltBytes - tagBytes
      const content = allocate(bytes).subarray(0, bytes)
      try {
        pass(sealed.subarray(saltBytes, -tagBytes), decipher, content)
        decipher.final()
      } catch (error) {
        throw broken(error)
      }
      return content
    },
  }
}

/** Random bytes, many at once: one by one they take longer than encrypting a small file. */
class Salts {
  readonly #pool = Buffer.alloc(saltBytes << 8)
  #used = this.#pool.length

  next(into: Buffer): void {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool)
      this.#used = 0
    }
    this.#used += this.#pool.copy(into, 0, this.#used, this.#used + saltBytes)
  }
}

/** Encrypts or decrypts in small pieces: new memory for each is cheap, and for large ones costs more than the cipher. */
function pass(content: Buffer, cipher: CipherGCM | DecipherGCM, into: Buffer): void {
  for (let at = 0; at < content.length; at += pieceBytes) {
    cipher.update(content.subarray(at, at + pieceBytes)).copy(into, at)
  }
}

function broken(cause?: unknown): WherryError {
  return new WherryError(
    'seal-broken',
    exitCodes.notVerified,
    'Something was not sealed with this key, or was changed since.',
    {
      ...(cause === undefined ? {} : { cause }),
      suggestions: ['If the key is right, the repository is damaged: wherry snapshot verify'],
    },
  )
}
