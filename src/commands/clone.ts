import { mkdir } from 'node:fs/promises'
import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { fromFlag } from '../cli/engine-flags.ts'
import { leftStandingStill } from '../cli/interruption.ts'
import { describeRestored } from '../cli/present/snapshot.ts'
import { parseMapping } from '../cli/values.ts'
import { connectEngine } from '../engine/connect.ts'
import { cacheDirectory } from '../platform/directories.ts'
import { type CloneResult, cloneContainers } from '../snapshot/clone.ts'
import { describeGroup } from '../snapshot/group.ts'
import { noHooks } from '../snapshot/hooks.ts'

export default class Clone extends BaseCommand {
  static override summary = 'Make a copy of a running container, with an identity of its own.'
  static override description =
    'The original goes on; it stands still only while what changed last is read. The copy has its own volumes, and on ' +
    'networks of its own it reaches nothing of the original’s; --map-network lets it join one that is there.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> db db-test',
    '<%= config.bin %> <%= command.id %> db db-test --from ssh://admin@prod --to default',
  ]
  static override args = {
    container: Args.string({ description: 'Name or id.', required: true }),
    name: Args.string({ description: 'Name of the copy.', required: true }),
  }
  static override flags = {
    from: fromFlag,
    to: Flags.string({
      summary: 'Engine for the copy; that of the original unless told.',
      helpValue: 'ENGINE',
    }),
    'map-network': Flags.string({
      multiple: true,
      default: [],
      summary: 'Network to make or to join.',
      helpValue: 'OLD=NEW',
    }),
    standstill: Flags.option({
      options: ['pause', 'stop'] as const,
      default: 'pause' as const,
      summary: 'How the original stands still for what changed last.',
    })(),
    'max-pause': Flags.integer({
      default: 60,
      min: 1,
      summary: 'Seconds after which the standstill is broken off, and the copy with it.',
      helpValue: 'SECONDS',
    }),
    'no-start': Flags.boolean({ summary: 'Make the copy, and do not start it.' }),
  }

  async run(): Promise<CloneResult> {
    const { args, flags } = await this.parse(Clone)
    const { report, interrupted: signal } = this
    await using engine = await connectEngine(flags.from)
    await using target = await connectEngine(flags.to ?? flags.from)
    report({ type: 'phase', phase: 'look', message: `looking at ${args.container} on ${engine.name}` })
    const group = await describeGroup(engine, [args.container], 'fail')
    for (const warning of group.warnings) report({ type: 'warning', ...warning })
    const workDirectory = cacheDirectory()
    await mkdir(workDirectory, { recursive: true, mode: 0o700 })
    let journal: string | undefined
    let isStill = false
    const result = await this.interruptible(
      () =>
        cloneContainers({
          engine,
          target,
          group,
          workDirectory,
          standstill: flags.standstill,
          hooks: noHooks,
          onStandstill: (now) => {
            isStill = now
          },
          maxPauseSeconds: flags['max-pause'],
          path: 'auto',
          madeBy: `wherry ${this.config.version}`,
          options: {
            containers: [],
            names: new Map([['', args.name]]),
            identity: 'new',
            mapVolume: {},
            mapNetwork: parseMapping(flags['map-network'], 'map-network'),
            mapPort: [],
            variables: [],
            path: 'auto',
            memory: false,
            start: !flags['no-start'],
          },
          report,
          signal,
          onBegin: (id) => {
            journal = id
          },
        }),
      {
        migration: () => journal,
        left: () =>
          isStill
            ? leftStandingStill(engine.name, [args.container], flags.standstill, noHooks.after)
            : undefined,
      },
    )
    this.endProgress()
    this.log(describeRestored(result, this.colours))
    return result
  }
}
