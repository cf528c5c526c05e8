import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import type { Identity, Recipient } from 'age-encryption'

const type = 'scrypt'
const label = 'age-encryption.org/v1/scrypt'
const saltBytes = 16
const fileKeyBytes = 16
const tagBytes = 16
const cipher = 'chacha20-poly1305'
/** Every key is used once: its salt is random. */
const nonce = Buffer.alloc(12)
const blockSize = 8
/** What scrypt takes beside its table. */
const spareBytes = 1 << 20
/** A hostile key file must not take minutes and gigabytes: at 20 it takes 1 GiB. */
const maxWorkFactor = 20

/**
 * Lets a passphrase open an age file (C2SP, age: "scrypt recipient stanza"). The library's own does the same in JavaScript, which
 * takes longer and holds everything else up. `workFactor`: the base-2 logarithm of scrypt's N.
 */
export function passphraseRecipient(passphrase: string, workFactor: number): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomBytes(saltBytes)
      const wrapping = createCipheriv(cipher, await keyOf(passphrase, salt, workFactor), nonce, {
        authTagLength: tagBytes,
      })
      const { Stanza } = await import('age-encryption')
      const body = Buffer.concat([wrapping.update(fileKey), wrapping.final(), wrapping.getAuthTag()])
      return [new Stanza([type, unpadded(salt), `${workFactor}`], body)]
    },
  }
}

/** Opens an age file with its passphrase. A stanza that is not as it must be is an error, a wrong passphrase opens nothing. */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const [stanza] = stanzas
      if (!stanza || !stanzas.some(({ args }) => args[0] === type)) return null
      const [, encoded = '', workFactor = ''] = stanza.args
      const salt = Buffer.from(encoded, 'base64')
      const isSound =
        stanzas.length === 1 &&
        stanza.args.length === 3 &&
        unpadded(salt) === encoded &&
        salt.length === saltBytes &&
        /^[1-9][0-9]?$/.test(workFactor) &&
        stanza.body.length === fileKeyBytes + tagBytes
      if (!isSound) throw new Error('the stanza of its passphrase is not as it must be')
      if (Number(workFactor) > maxWorkFactor) throw new Error(`a work factor of ${workFactor}`)
      return unwrap(stanza.body, await keyOf(passphrase, salt, Number(workFactor)))
    },
  }
}

function unwrap(body: Uint8Array, key: Buffer): Uint8Array | null {
  const unwrapping = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
  unwrapping.setAuthTag(body.subarray(fileKeyBytes))
  try {
    return Buffer.concat([unwrapping.update(body.subarray(0, fileKeyBytes)), unwrapping.final()])
  } catch {
    return null
  }
}

/** By a thread of the pool. */
function keyOf(passphrase: string, salt: Buffer, workFactor: number): Promise<Buffer> {
  const N = 2 ** workFactor
  const options = { N, r: blockSize, p: 1, maxmem: 128 * blockSize * N + spareBytes }
  const labelled = Buffer.concat([Buffer.from(label), salt])
  return new Promise((resolve, reject) => {
    scrypt(passphrase, labelled, 32, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
