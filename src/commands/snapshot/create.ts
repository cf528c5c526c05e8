import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { fromFlag } from '../../cli/engine-flags.ts'
import { leftStandingStill } from '../../cli/interruption.ts'
import { encryptFlags, keyFlags, keyHolders } from '../../cli/key-flags.ts'
import { describeCreated } from '../../cli/present/snapshot.ts'
import { plainHttpFlag, repoFlag, repositoryName } from '../../cli/repository-flags.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { connectEngine } from '../../engine/connect.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { type CreateResult, createSnapshot } from '../../snapshot/create.ts'
import { describeGroup, projectContainers } from '../../snapshot/group.ts'
import { parseHooks, withoutHook } from '../../snapshot/hooks.ts'
import { warnOfImages } from '../../snapshot/images.ts'
import { warnOfMemory } from '../../snapshot/memory.ts'
import { meansRegistry } from '../../snapshot/repository/reference.ts'

export default class SnapshotCreate extends BaseCommand {
  static override summary = 'Take containers with everything that they have, at one instant.'
  static override description =
    'Configuration, writable layer, volumes and network identity. They are read while they run; for what changed last they ' +
    'stand still, and the result says for how long. What the repository has already is not stored again, and files that did ' +
    'not change are not read again.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> db',
    '<%= config.bin %> <%= command.id %> --project shop --from ssh://admin@old --repo /backup/shop',
    '<%= config.bin %> <%= command.id %> db --standstill stop --json',
  ]
  static override strict = false
  static override args = { containers: Args.string({ description: 'Names or ids.', required: false }) }
  static override flags = {
    from: fromFlag,
    repo: repoFlag,
    ...encryptFlags,
    ...keyFlags,
    'plain-http': plainHttpFlag,
    project: Flags.string({ summary: 'All containers of a Compose project.', helpValue: 'PROJECT' }),
    standstill: Flags.option({
      options: ['pause', 'stop', 'hooks'] as const,
      default: 'pause' as const,
      summary: 'How they stand still for what changed last.',
      description:
        'pause: frozen, as after a power cut: for software that recovers from its log. stop: stopped as the container asks for it, and started again. ' +
        'hooks: they go on; --before sees to it that what is read is whole.',
    })(),
    memory: Flags.boolean({
      summary:
        'Also what is in the memory of the containers, so that they can go on where they were: wherry restore --memory.',
      description:
        'The engine has to be able to write out memory (CRIU; wherry doctor tells), and pauses the containers for it.',
    }),
    before: Flags.string({
      multiple: true,
      default: [],
      summary:
        'Command for the shell of a container, right before it stands still. One that fails ends the snapshot.',
      helpValue: '[NAME=]COMMAND',
    }),
    after: Flags.string({
      multiple: true,
      default: [],
      summary: 'The same for when it goes on, also when there is no snapshot.',
      helpValue: '[NAME=]COMMAND',
    }),
    image: Flags.option({
      options: ['ref', 'include'] as const,
      default: 'ref' as const,
      summary: 'Keep images by reference, or with everything that is in them.',
    })(),
    'redact-env': Flags.string({
      multiple: true,
      default: [],
      summary: 'Leave out the values of these variables; a restore asks for them.',
      helpValue: 'PATTERN',
    }),
    'max-pause': Flags.integer({
      default: 60,
      min: 1,
      summary:
        'Seconds after which the standstill is broken off, and the snapshot with it; also for each command before and after.',
      helpValue: 'SECONDS',
    }),
    binds: Flags.option({
      options: ['fail', 'copy', 'leave'] as const,
      default: 'fail' as const,
      summary: 'What to do with directories of the host: refuse, take them along, or leave them out.',
    })(),
    path: Flags.option({
      options: ['auto', 'direct', 'relay'] as const,
      default: 'auto' as const,
      summary: 'The way for data: a connection of its own to the engine’s host, or the engine’s connection.',
    })(),
  }

  async run(): Promise<CreateResult> {
    const { argv, flags } = await this.parse(SnapshotCreate)
    const named = argv as string[]
    if (named.length === 0 && !flags.project) {
      throw new WherryError(
        'no-container',
        exitCodes.usage,
        'Which containers? Name them, or a Compose project with --project.',
      )
    }
    const holders = await keyHolders(flags)
    await using engine = await connectEngine(flags.from)
    const names = [...named, ...(flags.project ? await projectContainers(engine, flags.project) : [])]
    const what = flags.project ? `project ${flags.project}` : named.join(', ')
    this.report({ type: 'phase', phase: 'look', message: `looking at ${what} on ${engine.name}` })
    const group = await describeGroup(engine, names, flags.binds)
    const members = group.manifests.map(({ name }) => name)
    const hooks = { before: parseHooks(flags.before, members), after: parseHooks(flags.after, members) }
    const running = group.manifests
      .filter(({ state }) => state.running && !state.paused)
      .map(({ name }) => name)
    if (flags.memory && flags.standstill !== 'pause') throw memoryNeedsPause()
    if (flags.memory) group.warnings = warnOfMemory(engine, group, flags['redact-env'])
    if (flags.standstill === 'hooks' && hooks.before.size === 0) throw hookNeeded()
    if (flags.standstill === 'hooks') group.warnings.push(...withoutHook(running, hooks.before))
    group.warnings.push(...warnOfImages(group.manifests, flags.image))
    for (const warning of group.warnings) this.report({ type: 'warning', ...warning })
    let isStill = false
    const result = await this.interruptible(
      () =>
        useRepository(
          { flags, purpose: 'snapshot create', create: true, report: this.report, signal: this.interrupted },
          async ({ repository, keyring }) =>
            createSnapshot({
              engine,
              repository,
              ...(await keyring.forNew(holders)),
              group,
              standstill: flags.standstill,
              memory: flags.memory,
              hooks,
              onStandstill: (now) => {
                isStill = now
              },
              image: flags.image,
              redactEnv: flags['redact-env'],
              maxPauseSeconds: flags['max-pause'],
              path: flags.path,
              madeBy: `wherry ${this.config.version}`,
              report: this.report,
              signal: this.interrupted,
            }),
        ),
      {
        left: () =>
          isStill
            ? leftStandingStill(engine.name, running, flags.memory ? 'memory' : flags.standstill, hooks.after)
            : undefined,
        whatFollows: () =>
          meansRegistry(repositoryName(flags.repo))
            ? 'stopping; there is no snapshot.'
            : 'stopping; what is stored already stays for the next snapshot.',
      },
    )
    this.endProgress()
    this.log(describeCreated(result, this.colours))
    return result
  }
}

function hookNeeded(): WherryError {
  return new WherryError(
    'hook-needed',
    exitCodes.usage,
    '--standstill hooks needs a command that keeps what is read whole: --before COMMAND, and --after COMMAND for its end.',
  )
}

function memoryNeedsPause(): WherryError {
  return new WherryError(
    'memory-needs-pause',
    exitCodes.usage,
    '--memory takes what is in memory while the containers are paused: leave --standstill out, or say --standstill pause.',
  )
}
