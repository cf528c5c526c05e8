import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../src/platform/process.ts'
import { type DataSet, nameOf } from './data-sets.ts'
import { type Engines, prefix, succeeded, volumeDirectory } from './engines.ts'

/** A program that keeps copies of a directory. Paths are those of this machine. */
export interface Keeper {
  name: string
  prepare(repository: string): Promise<void>
  keep(repository: string, job: KeepJob): Promise<void>
  /** @returns the directory with what was restored. */
  restore(repository: string, job: KeepJob): Promise<string>
}

export interface KeepJob {
  set: DataSet
  /** The volume's directory on alpha, and an empty one to restore into. */
  from: string
  to: string
  engines: Engines
}

const wherry = fileURLToPath(new URL('../bin/run.js', import.meta.url))
/** The volume that wherry restores into. */
export const restored = `${prefix}restored`
const secret = { RESTIC_PASSWORD: 'bench', BORG_PASSPHRASE: 'bench', WHERRY_PASSPHRASE: 'bench' }

function wherryKeeper(name: string, flags: string[]): Keeper {
  // A key for what is not encrypted is a refusal. Without --json what goes wrong is on standard error.
  const env = flags.length > 0 ? secret : {}
  const does = async (...words: string[]) =>
    succeeded(name, await run(process.execPath, [wherry, ...words, '--progress', 'none'], { env }))
  return {
    name,
    prepare: async () => undefined,
    async keep(repository, { set, engines }) {
      const encrypt = (await sizeOf(repository)) > 100_000 ? [] : flags
      await does(
        'snapshot',
        'create',
        nameOf(set),
        '--from',
        engines.alpha.context,
        '--repo',
        repository,
        ...encrypt,
      )
    },
    async restore(repository, { set, engines }) {
      const volume = ['--volume', nameOf(set), '--into', restored]
      await does('restore', 'latest', ...volume, '--to', engines.beta.context, '--repo', repository)
      return volumeDirectory(engines.beta, restored)
    },
  }
}

function restic(): Keeper {
  const does = async (repository: string, ...words: string[]) =>
    succeeded(
      'restic',
      await run('restic', ['--repo', repository, '--no-cache', '--quiet', ...words], { env: secret }),
    )
  return {
    name: 'restic',
    prepare: async (repository) => void (await does(repository, 'init')),
    keep: async (repository, { from }) => void (await does(repository, 'backup', from)),
    async restore(repository, { from, to }) {
      await does(repository, 'restore', 'latest', '--target', to)
      return join(to, from)
    },
  }
}

function borg(): Keeper {
  let count = 0
  const does = async (...words: string[]) =>
    succeeded(
      'borg',
      await run('borg', words, { env: { ...secret, BORG_BASE_DIR: '/tmp/wherry-bench-borg' } }),
    )
  return {
    name: 'borg',
    prepare: async (repository) => void (await does('init', '--encryption=repokey-blake2', repository)),
    keep: async (repository, { from }) =>
      void (await does('create', '--compression', 'zstd,3', `${repository}::${++count}`, from)),
    async restore(repository, { from, to }) {
      await mkdir(to, { recursive: true })
      succeeded(
        'borg',
        await run('sh', ['-c', 'cd "$1" && exec borg extract "$2"', 'borg', to, `${repository}::${count}`], {
          env: { ...secret, BORG_BASE_DIR: '/tmp/wherry-bench-borg' },
        }),
      )
      return join(to, from)
    },
  }
}

/** Bytes of everything beneath a directory. */
export async function sizeOf(path: string): Promise<number> {
  const { stdout } = succeeded('du', await run('du', ['-sb', path]))
  return Number.parseInt(stdout, 10)
}

/** Installs what is missing, as root on Debian. */
export async function install(): Promise<void> {
  if (!(await run('restic', ['version'])).failure && !(await run('borg', ['--version'])).failure) return
  const words = 'apt-get update -q && apt-get install -y -q --no-install-recommends restic borgbackup'
  succeeded('installing restic and borg', await run('sh', ['-c', words]))
}

export const keepers: readonly Keeper[] = [
  wherryKeeper('wherry', []),
  wherryKeeper('wherry --encrypt', ['--encrypt']),
  restic(),
  borg(),
]
