import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { describeSnapshots } from '../../cli/present/snapshots.ts'
import { repoFlag } from '../../cli/repository-flags.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { type SnapshotSummary, summaries } from '../../snapshot/browse/summary.ts'

export default class SnapshotList extends BaseCommand {
  static override summary = 'Show the snapshots of a repository, the newest last.'
  static override description =
    'With --json: repo and snapshots, each with id, createdAt, instant, containers, engine, standstill, volumes, files, bytes ' +
    '(of all files) and storedBytes (of the packs that it needs, which others may need too). One that cannot be read has damage, one without its key isLocked.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> db --repo /backup/shop',
    '<%= config.bin %> <%= command.id %> --json',
  ]
  static override args = {
    container: Args.string({ description: 'Only those with this container.', noCacheDefault: true }),
  }
  static override flags = { repo: repoFlag, ...keyFlags }

  async run(): Promise<{ repo: string; snapshots: SnapshotSummary[] }> {
    const { args, flags } = await this.parse(SnapshotList)
    const result = await useRepository(
      { flags, purpose: 'snapshot list', report: this.report },
      async ({ repository, sealOf }) => ({
        repo: repository.name,
        snapshots: await summaries(repository, sealOf, args.container),
      }),
    )
    this.endProgress()
    const where = args.container === undefined ? result.repo : `${result.repo} with ${args.container}`
    this.log(describeSnapshots(result.snapshots, where, this.colours))
    return result
  }
}
