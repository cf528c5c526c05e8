import { Args } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { describeExaminations } from '../cli/present/doctor.ts'
import { type Examination, examine } from '../doctor/examine.ts'
import { connectEngine } from '../engine/connect.ts'
import type { Engine } from '../engine/engine.ts'

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

  async run(): Promise<{ engines: Examination[] }> {
    const { argv } = await this.parse(Doctor)
    const names = argv.length > 0 ? (argv as string[]) : [undefined]
    const engines: Engine[] = []
    try {
      for (const name of names) engines.push(await connectEngine(name))
      const examinations: Examination[] = []
      for (const engine of engines) {
        const others = engines.filter((other) => other !== engine)
        examinations.push(await examine(engine, others, this.report))
      }
      this.endProgress()
      this.log(describeExaminations(examinations, this.colours))
      return { engines: examinations }
    } finally {
      for (const engine of engines) await engine.close()
    }
  }
}
