import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { labDown } from '../../lab/down.ts'
import type { LabStatus } from '../../lab/status.ts'
import { labStatus } from '../../lab/status.ts'

export default class LabDown extends BaseCommand {
  static override summary = 'Remove the two local engines and all that is on them.'
  static override description =
    'Leaves nothing of the lab behind: containers, volumes, network, images, contexts, keys, and the Docker engine if the lab brought one.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    {
      description: 'Keep the images, so that the next `lab up` takes seconds',
      command: '<%= config.bin %> <%= command.id %> --keep-images',
    },
  ]
  static override flags = {
    'keep-images': Flags.boolean({ summary: 'Keep the images that the lab made.' }),
  }

  async run(): Promise<LabStatus> {
    const { flags } = await this.parse(LabDown)
    await labDown({ keepImages: flags['keep-images'] }, this.report)
    this.endProgress()
    this.log('The lab is gone.')
    return labStatus()
  }
}
