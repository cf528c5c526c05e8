import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { describeDiff } from '../../cli/present/snapshots.ts'
import { repoFlag } from '../../cli/repository-flags.ts'
import { snapshotArg } from '../../cli/snapshot-args.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { diffSnapshots, type SnapshotDiff } from '../../snapshot/browse/diff.ts'
import { chunksOf } from '../../snapshot/browse/files.ts'
import { findSnapshot } from '../../snapshot/browse/find.ts'
import { openSnapshot } from '../../snapshot/browse/summary.ts'

export default class SnapshotDiffCommand extends BaseCommand {
  static override summary = 'Show what is different between two snapshots.'
  static override description =
    'Files that were added, removed or changed, and in what: content, target, device, mode, owner, time, attributes or type; ' +
    'and fields of the containers’ configuration. With --json: before, after, containers (name, change, fields: path, before, ' +
    'after) and trees (id, change, files: path, change, aspects).'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 1f0c latest',
    '<%= config.bin %> <%= command.id %> 1f0c 77ab --json',
  ]
  static override args = { before: snapshotArg, after: snapshotArg }
  static override flags = { repo: repoFlag, ...keyFlags }

  async run(): Promise<SnapshotDiff> {
    const { args, flags } = await this.parse(SnapshotDiffCommand)
    const result = await useRepository(
      { flags, purpose: 'snapshot diff', report: this.report },
      async ({ repository, sealOf }) => {
        const side = async (word: string) => {
          const opened = await openSnapshot(repository, sealOf, await findSnapshot(repository, sealOf, word))
          return { config: opened.config, chunks: await chunksOf(repository, opened) }
        }
        return diffSnapshots(
          await side(args.before),
          await side(args.after),
          await repository.workDirectory(),
        )
      },
    )
    this.endProgress()
    this.log(describeDiff(result, this.colours))
    return result
  }
}
