import { publicSeed } from '../agent/snapshot/gear.ts'
import type { OciManifest } from './repository/oci.ts'

/** No seal adds more bytes than this to what it seals. */
export const maxSealBytes = 64

/** What a sealed thing is for; it goes into the seal, so that none can be put in another's place. */
export type SealedPurpose = 'config' | 'index' | 'chunk' | 'list'

/** What keeps a repository's content from others. */
export interface Seal {
  /** What the boundaries of chunks depend on. */
  readonly seed: string
  /** The content as it is kept, which may be the content itself. `allocate` gives memory of at least so many bytes for it. */
  seal(content: Buffer, purpose: SealedPurpose, allocate?: (bytes: number) => Buffer): Buffer
  /** The content of what is kept, as above. @throws WherryError `seal-broken` when it was not made by `seal` for this purpose. */
  open(sealed: Buffer, purpose: SealedPurpose, allocate?: (bytes: number) => Buffer): Buffer
}

/** What a snapshot is sealed with: each names its own key. */
export type SealOf = (manifest: OciManifest) => Promise<Seal>

/** The seal of a repository that is not encrypted: none. */
export const unsealed: Seal = {
  seed: publicSeed,
  seal: (content) => content,
  open: (sealed) => sealed,
}
