import { BaseCommand } from '../../cli/base.ts'
import { engineNameFlags, migrationArg } from '../../cli/migration-flags.ts'
import { describeMigration } from '../../cli/present/recovery.ts'
import type { JournalRecord } from '../../migrate/journal.ts'
import { findMigration } from '../../migrate/recovery/engines.ts'
import { type MigrationSummary, summaryOf } from '../../migrate/recovery/summary.ts'

export default class MigrationShow extends BaseCommand {
  static override summary = 'Show one migration, step by step.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 20260101-120000-ab12',
    '<%= config.bin %> <%= command.id %> db --json',
  ]
  static override args = { migration: migrationArg }
  static override flags = engineNameFlags

  async run(): Promise<MigrationSummary & { records: JournalRecord[] }> {
    const { args, flags } = await this.parse(MigrationShow)
    const content = await findMigration(args.migration, flags)
    const summary = summaryOf(content)
    this.log(describeMigration(summary, content.records, this.colours))
    return { ...summary, records: content.records }
  }
}
