import { BaseCommand } from '../cli/base.ts'
import { describeDemo } from '../cli/present/demo.ts'
import { type DemoResult, runDemo } from '../lab/demo/demo.ts'
import { prepareOwnImages } from '../lab/own-images.ts'
import { labUp } from '../lab/up.ts'

export default class Demo extends BaseCommand {
  static override summary =
    'Move a web application to another engine and back, under load; its database and its clients stay.'
  static override description =
    'Brings the lab up where it is not. Clients call the application all the time, by its port and by its name; the summary says what they saw. The lab stays up: wherry lab down takes it away.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ]

  async run(): Promise<DemoResult> {
    await this.parse(Demo)
    await labUp({ prepare: prepareOwnImages }, this.report)
    const result = await this.interruptible(() => runDemo(this.report, this.interrupted))
    this.endProgress()
    this.log(describeDemo(result, this.colours))
    return result
  }
}
