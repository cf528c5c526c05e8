import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describeForwarders } from '../../cli/present/forwarders.ts'
import { connectEngine } from '../../engine/connect.ts'
import { type Forwarder, forwardersOn } from '../../network/forwarders.ts'

export default class ForwardList extends BaseCommand {
  static override summary = 'Show what passes clients on to containers that were moved away.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --on prod-1 --on prod-2',
  ]
  static override flags = {
    on: Flags.string({
      multiple: true,
      summary: 'Engine to look at, more than once for several.',
      description: 'Without it, the engine that the Docker CLI would use.',
      helpValue: 'ENGINE',
    }),
  }

  async run(): Promise<{ forwarders: Forwarder[] }> {
    const { flags } = await this.parse(ForwardList)
    const forwarders: Forwarder[] = []
    const names: string[] = []
    for (const name of flags.on ?? [undefined]) {
      await using engine = await connectEngine(name)
      names.push(engine.name)
      forwarders.push(...(await forwardersOn(engine)))
    }
    this.log(describeForwarders(forwarders, names, this.colours))
    return { forwarders }
  }
}
