import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describeCopied } from '../../cli/present/snapshot-copy.ts'
import { openRegistry, plainHttpFlag, repoFlag } from '../../cli/repository-flags.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { type CopyResult, copySnapshot } from '../../snapshot/copy.ts'
import { snapshotAt } from '../../snapshot/pull.ts'

export default class SnapshotPull extends BaseCommand {
  static override summary = 'Copy a snapshot from a registry.'
  static override description =
    'Only what is not there is fetched, and an interrupted pull goes on where it was. Everything is compared with its digest ' +
    'before it is in the repository.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> registry.example.com/backup/shop:4f2a9c01d3e8',
    '<%= config.bin %> <%= command.id %> registry.example.com/backup/shop:before-upgrade --repo /backup/shop',
  ]
  static override args = {
    snapshot: Args.string({
      description: 'HOST[:PORT]/NAME:TAG, where an id is a tag as well.',
      required: true,
    }),
  }
  static override flags = { repo: repoFlag, 'plain-http': plainHttpFlag }

  async run(): Promise<CopyResult> {
    const { args, flags } = await this.parse(SnapshotPull)
    const { repository: from, ...reference } = openRegistry(args.snapshot, flags, this.interrupted)
    const { interrupted: signal, report } = this
    const result = await this.interruptible(
      async () => {
        const snapshot = await snapshotAt(from, reference)
        return useRepository(
          { flags, purpose: 'snapshot pull', create: true, report, signal },
          ({ repository: to }) => copySnapshot({ from, to, snapshot, phase: 'pull', report, signal }),
        )
      },
      { whatFollows: () => 'stopping; what is here already is not fetched again.' },
    )
    this.endProgress()
    this.log(describeCopied(result, this.colours))
    return result
  }
}
