import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { askToDelete } from '../../cli/present/snapshot-prune.ts'
import { repoFlag, yesFlag } from '../../cli/repository-flags.ts'
import { snapshotsArg } from '../../cli/snapshot-args.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { findSnapshots } from '../../snapshot/browse/find.ts'

interface Deleted {
  id: string
  createdAt: string
  containers: string[]
}

export default class SnapshotDelete extends BaseCommand {
  static override summary = 'Take snapshots off the list.'
  static override description =
    'What they alone needed stays on the disk until wherry snapshot prune. Works for damaged snapshots, too. With --json: repo ' +
    'and deleted, each with id, createdAt and containers.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 1f0c 77ab',
    '<%= config.bin %> <%= command.id %> 1f0c --yes --json',
  ]
  static override strict = false
  static override args = { snapshots: snapshotsArg }
  static override flags = { repo: repoFlag, ...keyFlags, yes: yesFlag }

  async run(): Promise<{ repo: string; deleted: Deleted[] }> {
    const { argv, flags } = await this.parse(SnapshotDelete)
    if (argv.length === 0)
      throw new WherryError('no-snapshot', exitCodes.usage, 'Which snapshots? Name them.')
    const use = { flags, purpose: 'snapshot delete', report: this.report }
    const result = await useRepository(use, async ({ repository, sealOf }) => {
      const found = await findSnapshots(repository, sealOf, argv as string[])
      const deleted = found.map(({ createdAt, id, title }) => ({
        id,
        createdAt,
        containers: title?.split(', ') ?? [],
      }))
      await this.confirm(askToDelete(deleted, repository.name), flags.yes)
      await repository.unlist(found)
      return { repo: repository.name, deleted }
    })
    this.endProgress()
    for (const { containers, id } of result.deleted)
      this.log(`${this.colours.green('✔')} ${id} ${containers.join(', ')} is deleted`)
    this.log('  What it alone needed goes with: wherry snapshot prune')
    return result
  }
}
