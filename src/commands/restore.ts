import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { parsePortMappings } from '../cli/port-mapping.ts'
import { describeRestored } from '../cli/present/snapshot.ts'
import { repoFlag, useRepository } from '../cli/repository-flags.ts'
import { parseMapping } from '../cli/values.ts'
import { connectEngine } from '../engine/connect.ts'
import { findSnapshot } from '../snapshot/find.ts'
import { readConfig } from '../snapshot/read-config.ts'
import { type RestoreResult, restoreSnapshot } from '../snapshot/restore/restore.ts'

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
      description: 'Its id or the beginning of one, "latest", or the name of a container: the newest of it.',
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
    'no-start': Flags.boolean({ summary: 'Make them, and start none.' }),
    path: Flags.option({
      options: ['auto', 'direct', 'relay'] as const,
      default: 'auto' as const,
      summary: 'The way for data: a connection of its own to the engine’s host, or the engine’s connection.',
    })(),
  }

  async run(): Promise<RestoreResult> {
    const { args, flags } = await this.parse(Restore)
    const options = {
      containers: flags.container,
      names: parseNames(flags.name),
      identity: flags.identity,
      mapVolume: parseMapping(flags['map-volume'], 'map-volume'),
      mapNetwork: parseMapping(flags['map-network'], 'map-network'),
      mapPort: parsePortMappings(flags['map-port']),
      path: flags.path,
      start: !flags['no-start'],
    }
    await using target = await connectEngine(flags.to)
    let journal: string | undefined
    const result = await this.interruptible(
      () =>
        useRepository({ flags, purpose: 'restore', report: this.report }, async ({ repository, seal }) => {
          const listed = await findSnapshot(repository, args.snapshot)
          const manifest = await repository.readManifest(listed)
          const config = await readConfig(repository, seal, manifest.config)
          return restoreSnapshot({
            target,
            repository,
            seal,
            config,
            manifest,
            options,
            report: this.report,
            signal: this.interrupted,
            onBegin: (id) => {
              journal = id
            },
          })
        }),
      { migration: () => journal },
    )
    this.endProgress()
    this.log(describeRestored(result, this.colours))
    return result
  }
}

/** New names by old ones; one without an old name is for the only container. */
function parseNames(words: readonly string[]): ReadonlyMap<string, string> {
  const [only, ...others] = words
  if (only !== undefined && others.length === 0 && !only.includes('=')) return new Map([['', only]])
  return new Map(Object.entries(parseMapping(words, 'name')))
}
