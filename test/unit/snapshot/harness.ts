import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { batchHeaderBytes } from '../../../src/agent/batch.ts'
import type { Channel } from '../../../src/agent/channel.ts'
import { types } from '../../../src/agent/file-types.ts'
import { ChunkSink } from '../../../src/agent/snapshot/chunk-sink.ts'
import { readRecords } from '../../../src/agent/snapshot/records.ts'
import { SnapshotRound, storeTree } from '../../../src/agent/snapshot/snapshot-round.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import { shownPath } from '../../../src/snapshot/browse/entry.ts'
import { chunksOf } from '../../../src/snapshot/browse/files.ts'
import { openSnapshot } from '../../../src/snapshot/browse/summary.ts'
import { TreeWalk } from '../../../src/snapshot/browse/walk.ts'
import type { SnapshotTree } from '../../../src/snapshot/config.ts'
import { readContents } from '../../../src/snapshot/contents.ts'
import { newKeyFile } from '../../../src/snapshot/encryption.ts'
import type { SealWithKey } from '../../../src/snapshot/keyring.ts'
import { PackWriter } from '../../../src/snapshot/pack-writer.ts'
import { publish } from '../../../src/snapshot/publish.ts'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { mediaTypes } from '../../../src/snapshot/repository/oci.ts'
import type { ListedSnapshot } from '../../../src/snapshot/repository/repository.ts'
import { type Seal, type SealOf, unsealed } from '../../../src/snapshot/seal.ts'
import { type VerifyResult, verify } from '../../../src/snapshot/verify/verify.ts'

/** Content of files by path; a number is so many bytes that do not compress, from a seed that the path and the number make. */
export type Files = Record<string, string | number>

const engine = {
  name: 'old',
  version: '28.0.0',
  info: { ID: 'ENGINE-1', Name: 'old-host', Architecture: 'x86_64', OSType: 'linux', Driver: 'overlay2' },
}

/** In memory where that is possible: making files durable waits for whatever else this machine's disk has to do. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A repository in a directory of its own, filled without any engine. */
export class SmallRepository {
  readonly directory = mkdtempSync(join(base, 'wherry-snapshot-test-'))
  readonly path = join(this.directory, 'repository')
  #count = 0

  open(): Promise<DirectoryRepository> {
    return DirectoryRepository.openOrCreate(this.path)
  }

  /** Where the files of a volume are. */
  volume(name: string): string {
    return join(this.directory, 'volumes', name)
  }

  /** Puts files into a volume, which it makes. */
  write(volume: string, files: Files): void {
    mkdirSync(this.volume(volume), { recursive: true })
    for (const [path, content] of Object.entries(files)) {
      const to = join(this.volume(volume), path)
      mkdirSync(dirname(to), { recursive: true })
      writeFileSync(to, typeof content === 'number' ? noise(content, `${path} ${content}`) : content)
      utimesSync(to, 1_700_000_000, 1_700_000_000)
    }
  }

  /** Takes a snapshot of containers, each with volumes by name. */
  async take(
    containers: Record<string, string[]>,
    {
      config = {},
      engineId = engine.info.ID,
      seal = unsealed,
      key,
      mostPacks = 400,
    }: { config?: object; engineId?: string; mostPacks?: number } & Partial<SealWithKey> = {},
  ): Promise<ListedSnapshot> {
    const repository = await this.open()
    const contents = await readContents(repository, seal, key)
    const work = await repository.workDirectory()
    const packs = new PackWriter(repository, work, seal)
    const agent = mkdtempSync(join(this.directory, 'agent-'))
    const sink = new ChunkSink(intoPacks(packs), 1)
    sink.addKnown(contents.chunks.index.digests)
    const trees: SnapshotTree[] = []
    for (const [container, volumes] of Object.entries(containers))
      for (const volume of volumes) trees.push(await this.#read(agent, sink, container, volume, seal.seed))
    await sink.flush()
    await packs.end()
    rmSync(agent, { recursive: true })
    // Two in one millisecond would be in no order.
    await new Promise((resolve) => setTimeout(resolve, 2))
    return publish({
      engine: { ...engine, info: { ...engine.info, ID: engineId } },
      group: {
        manifests: Object.keys(containers).map((name) => manifestOf(name, config)),
        trees: [],
        warnings: [],
      },
      id: `${(++this.#count).toString(16).padStart(4, '0')}${Math.random().toString(16).slice(2, 10).padEnd(8, '0')}`,
      madeBy: 'wherry test',
      repository,
      seal,
      key,
      contents,
      directory: work,
      packs: packs.packs,
      stood: { instantMs: Date.now(), kind: 'pause', pauseSeconds: 0.1 },
      trees,
      images: [],
      redactEnv: [],
      mostPacks,
      ...quiet,
    } as never)
  }

  async #read(
    agent: string,
    sink: ChunkSink,
    container: string,
    volume: string,
    seed: string,
  ): Promise<SnapshotTree> {
    const id = `volume:${volume}`
    const params = { trees: [{ id, path: this.volume(volume) }], isFinal: true, seed }
    const [read] = (await new SnapshotRound(params, agent, sink, () => {}).run()).trees
    if (!read) throw new Error('nothing was read')
    const { files, directories, entries, totalBytes: bytes, digest, isTrusted } = read
    const refs = await storeTree(agent, id, seed, sink)
    const place = { id, kind: 'volume' as const, container, destination: '/data', source: volume }
    return { ...place, files, directories, entries, bytes, digest, refs, isTrusted }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Every file of a snapshot by `TREE/PATH`, with the digest of its content as it is read from the repository. */
export async function readBack(path: string, listed: ListedSnapshot): Promise<Record<string, string>> {
  const repository = await DirectoryRepository.open(path)
  const opened = await openSnapshot(repository, sealOf, listed)
  const chunks = await chunksOf(repository, opened)
  const found: Record<string, string> = {}
  for (const tree of opened.config.trees) {
    await using walk = await TreeWalk.open(chunks, await repository.workDirectory(), tree)
    for (let head = walk.next(); head; head = walk.next()) {
      if (head.type !== types.file) continue
      const hash = createHash('sha256')
      for (let ref = walk.nextRef(); ref; ref = walk.nextRef()) hash.update(await chunks.read(ref.digest))
      found[`${tree.id}/${shownPath(walk.path)}`] = hash.digest('hex')
    }
  }
  return found
}

/** Verifies a repository and reads all of it. */
export async function verifyAll(path: string, readData = true): Promise<VerifyResult> {
  return verify({
    repository: await DirectoryRepository.open(path, { evenDamaged: true }),
    sealOf,
    words: [],
    readData: readData ? { percent: 100, seed: '' } : undefined,
    ...quiet,
  })
}

const seals = new Map<string, Seal>()

/** A key of its own for snapshots of a repository. */
export async function newKey(repository: DirectoryRepository): Promise<Required<SealWithKey>> {
  const { file, seal } = await newKeyFile({ passphrase: 'x' }, 1)
  const key = await repository.add(file, mediaTypes.key)
  seals.set(key.digest, seal)
  return { seal, key }
}

/** What a snapshot of these tests is sealed with. */
export const sealOf: SealOf = async ({ layers }) => {
  const key = layers.find(({ mediaType }) => mediaType === mediaTypes.key)
  return key ? (seals.get(key.digest) ?? unsealed) : unsealed
}

/** For whatever reports and can be called off. */
export const quiet = { report: () => undefined, signal: new AbortController().signal }

/** What takes an agent's batches in place of a link. */
function intoPacks(packs: PackWriter): Channel {
  const send = async (batch: Buffer) => {
    for (const record of readRecords(batch, batchHeaderBytes)) await packs.add(record)
  }
  return { send } as unknown as Channel
}

/** Bytes that look random and are the same each time. */
export function noise(length: number, seed: string): Buffer {
  let state = [...seed].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7) | 1
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}

function manifestOf(name: string, config: object): Manifest {
  return {
    version: 1,
    name,
    id: name.padEnd(64, '0'),
    image: {
      reference: 'postgres:17',
      id: `sha256:${'a'.repeat(64)}`,
      architecture: 'amd64',
      os: 'linux',
      layers: [],
      sizeBytes: 1,
      repoDigests: [],
      config: null,
    },
    config: { Image: 'postgres:17', Env: ['PGDATA=/data'], ...config },
    hostConfig: {},
    mounts: [],
    endpoints: [],
    networks: [],
    ports: {},
    state: { status: 'running', running: true, paused: false, startedAt: '', exitCode: 0 },
  }
}
