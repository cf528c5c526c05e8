import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { describePlan, describePruned } from '../../cli/present/snapshot-prune.ts'
import { repoFlag, yesFlag } from '../../cli/repository-flags.ts'
import { useDirectory } from '../../cli/use-repository.ts'
import { isEmpty, type Pruned, type PrunePlan, planPrune, prune } from '../../snapshot/prune/prune.ts'

const keep = (what: string) =>
  Flags.integer({ summary: `Keep the newest of so many ${what}.`, min: 1, helpValue: 'N' })

/** A plan and what was done of it; nothing with --dry-run. */
type Result = Omit<PrunePlan, 'survey'> & { dryRun: boolean; done?: Pruned }

export default class SnapshotPrune extends BaseCommand {
  static override summary = 'Remove snapshots by age, and what no snapshot needs from the disk.'
  static override description =
    'The --keep options hold for each set of containers of an engine by itself: those of db keep no snapshot of web from ' +
    'staying, nor make it go. A snapshot stays when one of them says so; without any, all stay and only what nothing needs goes. ' +
    'Hours, days, weeks and months are in UTC; of each that has a snapshot, the newest stays. A damaged snapshot stays and is ' +
    'not counted. Shows first what it will do. Works on directories; not yet on registries. With --json: repo, dryRun, ' +
    'snapshots (id, createdAt, containers, stays, reasons), surplus and repack (digest, size), freedBytes, halfWritten, and ' +
    'done (removed, republished, blobs, bytes).'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --keep-daily 7 --keep-weekly 4 --dry-run',
    '<%= config.bin %> <%= command.id %> --keep-last 3 --yes --json',
  ]
  static override flags = {
    repo: repoFlag,
    ...keyFlags,
    'keep-last': Flags.integer({ summary: 'Keep the newest N.', min: 1, helpValue: 'N' }),
    'keep-hourly': keep('hours'),
    'keep-daily': keep('days'),
    'keep-weekly': keep('weeks'),
    'keep-monthly': keep('months'),
    'dry-run': Flags.boolean({ summary: 'Only show what would be done.' }),
    yes: yesFlag,
  }

  async run(): Promise<Result> {
    const { flags } = await this.parse(SnapshotPrune)
    const policy = {
      last: flags['keep-last'],
      hourly: flags['keep-hourly'],
      daily: flags['keep-daily'],
      weekly: flags['keep-weekly'],
      monthly: flags['keep-monthly'],
    }
    const dryRun = flags['dry-run']
    const lock = dryRun ? ('shared' as const) : ('exclusive' as const)
    return this.interruptible(
      () =>
        useDirectory({ flags, purpose: 'snapshot prune', lock, report: this.report }, async (opened) => {
          const request = { ...opened, policy, report: this.report, signal: this.interrupted }
          const plan = await planPrune(request)
          this.endProgress()
          this.log(describePlan(plan, this.colours))
          const { survey, ...shown } = plan
          if (dryRun || isEmpty(plan)) return { ...shown, dryRun }
          await this.confirm('Do this?', flags.yes)
          const done = await prune(request, plan)
          this.endProgress()
          this.log(describePruned(done, this.colours))
          return { ...shown, dryRun, done }
        }),
      { whatFollows: () => 'stopping; every snapshot that is listed stays whole.' },
    )
  }
}
