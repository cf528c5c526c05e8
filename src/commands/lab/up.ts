import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describeLab } from '../../lab/describe.ts'
import { prepareOwnImages } from '../../lab/own-images.ts'
import type { LabStatus } from '../../lab/status.ts'
import { labUp } from '../../lab/up.ts'

export default class LabUp extends BaseCommand {
  static override summary = 'Bring up two local Docker engines to try things on.'
  static override description = [
    'Two real engines, alpha and beta, each with its own images, volumes and network, reachable as the Docker contexts',
    'wherry-alpha and wherry-beta, over ssh and over TCP with TLS. They run in containers of the Docker engine that is',
    'here; on a Debian-like Linux without one, as root, the lab brings its own. Does nothing where it is up.',
  ].join(' ')
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    {
      description: 'With Debian’s newest Docker in place of the stable one; this replaces both engines',
      command: '<%= config.bin %> <%= command.id %> --engine latest',
    },
  ]
  static override flags = {
    engine: Flags.option({
      options: ['stable', 'latest'] as const,
      summary: 'Which Docker release the engines run (default: what is up, else stable).',
    })(),
  }

  async run(): Promise<LabStatus> {
    const { flags } = await this.parse(LabUp)
    const status = await labUp(
      { prepare: prepareOwnImages, ...(flags.engine ? { engine: flags.engine } : {}) },
      this.report,
    )
    this.endProgress()
    this.log(describeLab(status))
    return status
  }
}
