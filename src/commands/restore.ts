import { Args, Flags, type Interfaces } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { keyFlags } from '../cli/key-flags.ts'
import { parsePortMappings } from '../cli/port-mapping.ts'
import { describeRestored, describeRestoredVolume } from '../cli/present/snapshot.ts'
import { plainHttpFlag, repoFlag } from '../cli/repository-flags.ts'
import { withSnapshot } from '../cli/use-repository.ts'
import { givenVariables, parseMapping } from '../cli/values.ts'
import { connectEngine } from '../engine/connect.ts'
import type { Engine } from '../engine/engine.ts'
import { type RestoreResult, restoreSnapshot } from '../snapshot/restore/restore.ts'
import { type RestoreVolumeResult, restoreVolume } from '../snapshot/restore/volume.ts'

export default class Restore extends BaseCommand {
  static override summary = 'Make the containers of a snapshot again, with their data.'
  static override description =
    'They are made as they were, with their names, addresses and ports, and started where they ran. What is there already is ' +
    'never overwritten. A restore that fails takes away what it has made.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> latest',
    '<%= config.bin %> <%= command.id %> db --to ssh://admin@new',
    {
      description: 'A second copy beside the first',
      command: '<%= config.bin %> <%= command.id %> 09a9c9f4ec9a --name db-copy --identity new',
    },
  ]
  static override args = {
    snapshot: Args.string({
      description:
        'Its id or the beginning of one, "latest", the name of a container for the newest of it, or HOST/NAME:TAG in a registry.',
      required: true,
    }),
  }
  static override flags = {
    to: Flags.string({
      summary:
        'Engine to restore on: a Docker context or a unix://, tcp:// or ssh:// URL; the current one unless told.',
      helpValue: 'ENGINE',
    }),
    repo: repoFlag,
    ...keyFlags,
    'plain-http': plainHttpFlag,
    container: Flags.string({
      multiple: true,
      default: [],
      summary: 'These containers only.',
      helpValue: 'NAME',
    }),
    name: Flags.string({
      multiple: true,
      default: [],
      summary: 'Another name: NEW where there is one container, else OLD=NEW.',
      helpValue: '[OLD=]NEW',
    }),
    identity: Flags.option({
      options: ['keep', 'new'] as const,
      default: 'keep' as const,
      summary: 'Keep addresses, MAC, host name, ports, volumes and networks by name, or get new ones.',
      description: 'new: volumes and networks are named after the container, ports are chosen by the engine.',
    })(),
    env: Flags.string({
      multiple: true,
      default: [],
      summary: 'Value of a variable that the snapshot was made without.',
      helpValue: '[CONTAINER:]NAME=VALUE',
    }),
    'env-file': Flags.string({ summary: 'File with such variables, a line each.', helpValue: 'FILE' }),
    'map-volume': Flags.string({
      multiple: true,
      default: [],
      summary: 'Name of a volume to make.',
      helpValue: 'OLD=NEW',
    }),
    'map-network': Flags.string({
      multiple: true,
      default: [],
      summary: 'Network to make or to join.',
      helpValue: 'OLD=NEW',
    }),
    'map-port': Flags.string({
      multiple: true,
      default: [],
      summary: 'Publish a port otherwise, as for migrate.',
      helpValue: '[CONTAINER:]PORT=[ADDRESS:]PORT',
    }),
    volume: Flags.string({
      summary: 'One volume alone, or one path of it; no container is made.',
      helpValue: 'VOLUME[:PATH]',
      exclusive: ['container', 'name', 'map-volume', 'map-network', 'map-port', 'no-start'],
    }),
    into: Flags.string({
      summary: 'With --volume: the volume to make; its own name unless told.',
      helpValue: 'VOLUME',
      dependsOn: ['volume'],
    }),
    overwrite: Flags.boolean({
      summary:
        'With --volume: the volume is there; make what is restored as it is in the snapshot. The rest stays.',
      dependsOn: ['volume'],
    }),
    memory: Flags.boolean({
      summary:
        'Containers go on from the memory that the snapshot has of them, instead of being started anew.',
      description:
        'For snapshots that you trust as you trust a program: what is in memory is put back by the engine’s host, with all rights.',
      exclusive: ['no-start', 'volume'],
    }),
    'no-start': Flags.boolean({ summary: 'Make them, and start none.' }),
    path: Flags.option({
      options: ['auto', 'direct', 'relay'] as const,
      default: 'auto' as const,
      summary: 'The way for data: a connection of its own to the engine’s host, or the engine’s connection.',
    })(),
  }

  async run(): Promise<RestoreResult | RestoreVolumeResult> {
    const { args, flags } = await this.parse(Restore)
    await using target = await connectEngine(flags.to)
    return flags.volume === undefined
      ? this.#containers(target, args.snapshot, flags)
      : this.#volume(target, args.snapshot, flags.volume, flags)
  }

  async #containers(target: Engine, word: string, flags: RestoreFlags): Promise<RestoreResult> {
    const options = {
      containers: flags.container,
      names: parseNames(flags.name),
      identity: flags.identity,
      mapVolume: parseMapping(flags['map-volume'], 'map-volume'),
      mapNetwork: parseMapping(flags['map-network'], 'map-network'),
      mapPort: parsePortMappings(flags['map-port']),
      path: flags.path,
      variables: await givenVariables(flags.env, flags['env-file']),
      start: !flags['no-start'],
      memory: flags.memory,
    }
    let journal: string | undefined
    const onBegin = (id: string) => {
      journal = id
    }
    const { report, interrupted: signal } = this
    const result = await this.interruptible(
      () =>
        withSnapshot({ flags, word, purpose: 'restore', report, signal }, (opened) =>
          restoreSnapshot({ ...opened, target, options, report, signal, onBegin }),
        ),
      { migration: () => journal },
    )
    this.endProgress()
    this.log(describeRestored(result, this.colours))
    return result
  }

  async #volume(
    target: Engine,
    word: string,
    what: string,
    flags: RestoreFlags,
  ): Promise<RestoreVolumeResult> {
    const [volume = '', ...path] = what.split(':')
    const { into = volume, overwrite, path: dataPath } = flags
    const { report, interrupted: signal } = this
    const wanted = { volume, path: path.join(':'), into, overwrite, dataPath }
    const result = await this.interruptible(() =>
      withSnapshot({ flags, word, purpose: 'restore', report, signal }, (opened) =>
        restoreVolume({ ...opened, ...wanted, target, report, signal }),
      ),
    )
    this.endProgress()
    this.log(describeRestoredVolume(result, this.colours))
    return result
  }
}

type RestoreFlags = Interfaces.InferredFlags<typeof Restore.flags>

/** New names by old ones; one without an old name is for the only container. */
function parseNames(words: readonly string[]): ReadonlyMap<string, string> {
  const [only, ...others] = words
  if (only !== undefined && others.length === 0 && !only.includes('=')) return new Map([['', only]])
  return new Map(Object.entries(parseMapping(words, 'name')))
}
