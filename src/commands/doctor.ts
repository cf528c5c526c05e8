import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { describeExaminations, describeLeftovers } from '../cli/present/doctor.ts'
import { type Examination, examine } from '../doctor/examine.ts'
import { connectEngine } from '../engine/connect.ts'
import type { Engine } from '../engine/engine.ts'
import { findLeftovers, fixLeftover, type Leftover } from '../migrate/recovery/leftovers.ts'
import { exitCodes, WherryError } from '../model/errors.ts'

export default class Doctor extends BaseCommand {
  static override summary = 'Show what engines can and cannot do for wherry, and the fix for each.'
  static override description =
    'Puts the agent image on the engines where it is missing. Exit code 0 also when something is missing: what a move needs is checked when it is planned.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> prod-1 ssh://admin@new --json',
  ]
  static override strict = false
  static override args = {
    engines: Args.string({
      description: 'Docker contexts or URLs; without any, the current engine.',
      noCacheDefault: true,
    }),
  }

  static override flags = {
    fix: Flags.boolean({
      summary: 'Take away what migrations that ended half-way left behind, after listing it.',
      description:
        'A migration whose copy never ran is rolled back. What a running migration uses is never touched, nor a copy that has run.',
    }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask before --fix takes something away.' }),
  }

  async run(): Promise<{ engines: Examination[]; leftovers: Leftover[]; fixed: string[] }> {
    const { argv, flags } = await this.parse(Doctor)
    const names = argv.length > 0 ? (argv as string[]) : [undefined]
    const engines: Engine[] = []
    try {
      for (const name of names) engines.push(await connectEngine(name))
      const examinations: Examination[] = []
      for (const engine of engines) {
        const others = engines.filter((other) => other !== engine)
        examinations.push(await examine(engine, others, this.report))
      }
      const leftovers = await findLeftovers(engines, this.report)
      this.endProgress()
      this.log(describeExaminations(examinations, this.colours))
      if (leftovers.length > 0) this.log(describeLeftovers(leftovers, flags.fix, this.colours))
      const fixed = flags.fix ? await this.#fix(leftovers, engines, flags.yes) : []
      return { engines: examinations, leftovers, fixed }
    } finally {
      for (const engine of engines) await engine.close()
    }
  }

  /** The ids of the migrations whose leftovers are gone. */
  async #fix(leftovers: readonly Leftover[], engines: readonly Engine[], yes: boolean): Promise<string[]> {
    const fixable = leftovers.filter(({ fix }) => fix !== undefined)
    if (fixable.length === 0) return []
    await this.confirm('Take this away?', yes)
    let current: string | undefined
    return this.interruptible(
      async () => {
        const fixed: string[] = []
        for (const leftover of fixable) {
          // The first signal lets the one in hand come to its end.
          if (this.interrupted.aborted) {
            const done = fixed.length > 0 ? `done before: ${fixed.join(', ')}` : 'nothing was changed'
            throw new WherryError('interrupted', exitCodes.interrupted, `Interrupted; ${done}.`, {
              data: { fixed },
            })
          }
          current = leftover.migration
          await fixLeftover(leftover, engines, this.report, this.interrupted)
          fixed.push(leftover.migration)
        }
        this.endProgress()
        for (const migration of fixed) this.log(`${this.colours.green('✔')} ${migration}: done`)
        return fixed
      },
      {
        migration: () => current,
        whatFollows: () => 'stopping when what is in hand has come to its end. Once more leaves it as it is.',
      },
    )
  }
}
