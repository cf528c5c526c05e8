import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describeMigrations } from '../../cli/present/recovery.ts'
import { connectEngine } from '../../engine/connect.ts'
import type { Engine } from '../../engine/engine.ts'
import { findAllPieces, type Piece } from '../../migrate/recovery/pieces.ts'
import { type MigrationSummary, summaries } from '../../migrate/recovery/summary.ts'

export default class MigrationList extends BaseCommand {
  static override summary = 'Show the migrations of this machine, and what can follow.'
  static override description =
    'With engines named, also what migrations have there: for one that was begun elsewhere, or whose journal is gone.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> prod-1 prod-2',
  ]
  static override strict = false
  static override args = {
    engines: Args.string({ description: 'Docker contexts or URLs to look at.', noCacheDefault: true }),
  }

  async run(): Promise<{ migrations: MigrationSummary[]; pieces: Piece[] }> {
    const { argv } = await this.parse(MigrationList)
    const migrations = await summaries()
    const engines: Engine[] = []
    try {
      for (const name of argv as string[]) engines.push(await connectEngine(name))
      const pieces = await findAllPieces(engines)
      this.log(describeMigrations(migrations, pieces, this.colours))
      return { migrations, pieces }
    } finally {
      for (const engine of engines) await engine.close()
    }
  }
}
