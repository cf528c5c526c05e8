import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { connectEngine } from '../../engine/connect.ts'
import { RefusedError } from '../../model/errors.ts'
import { type Forwarder, forwardersOn, removeForwarders } from '../../network/forwarders.ts'

export default class ForwardRemove extends BaseCommand {
  static override summary = 'Remove a forwarder: nobody answers on the old address any more.'
  static override examples = ['<%= config.bin %> <%= command.id %> db --on prod-1']
  static override args = {
    container: Args.string({
      description: 'The container that was moved away.',
      required: true,
      noCacheDefault: true,
    }),
  }
  static override flags = {
    on: Flags.string({
      summary: 'The engine that the container was moved away from.',
      description: 'Without it, the engine that the Docker CLI would use.',
      helpValue: 'ENGINE',
    }),
  }

  async run(): Promise<{ removed: Forwarder[] }> {
    const { args, flags } = await this.parse(ForwardRemove)
    await using engine = await connectEngine(flags.on)
    const removed = await removeForwarders(engine, { container: args.container })
    if (removed.length === 0) {
      const others = (await forwardersOn(engine)).map(({ container }) => container)
      throw new RefusedError('no-such-forwarder', `${engine.name} has no forwarder for ${args.container}.`, {
        suggestions: [
          others.length > 0
            ? `It has some for: ${others.join(', ')}.`
            : 'Look on other engines: wherry forward list --on ENGINE',
        ],
        data: { engine: engine.name, container: args.container, others },
      })
    }
    this.log(`${this.colours.green('✔')} removed the forwarder for ${args.container} from ${engine.name}`)
    return { removed }
  }
}
