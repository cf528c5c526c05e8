import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { describeSnapshot } from '../../cli/present/snapshots.ts'
import { repoFlag } from '../../cli/repository-flags.ts'
import { snapshotArg } from '../../cli/snapshot-args.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { findSnapshot } from '../../snapshot/browse/find.ts'
import { openSnapshot, type SnapshotSummary, summaryOf } from '../../snapshot/browse/summary.ts'
import type { SnapshotConfig } from '../../snapshot/config.ts'

export default class SnapshotShow extends BaseCommand {
  static override summary = 'Show what a snapshot holds.'
  static override description =
    'With --json: what list says of it, and config, the snapshot’s own description, as docs/design/snapshot-format.md has it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> latest',
    '<%= config.bin %> <%= command.id %> db --json',
  ]
  static override args = { snapshot: snapshotArg }
  static override flags = { repo: repoFlag, ...keyFlags }

  async run(): Promise<SnapshotSummary & { repo: string; config: SnapshotConfig }> {
    const { args, flags } = await this.parse(SnapshotShow)
    const { repo, opened } = await useRepository(
      { flags, purpose: 'snapshot show', report: this.report },
      async ({ repository, sealOf }) => {
        const listed = await findSnapshot(repository, sealOf, args.snapshot)
        return { repo: repository.name, opened: await openSnapshot(repository, sealOf, listed) }
      },
    )
    this.endProgress()
    const summary = summaryOf(opened)
    this.log(describeSnapshot(opened.config, summary.storedBytes ?? 0, this.colours))
    return { ...summary, repo, config: opened.config }
  }
}
