import { BaseCommand } from '../../cli/base.ts'
import { describeLab } from '../../lab/describe.ts'
import { type LabStatus, labStatus } from '../../lab/status.ts'

export default class LabStatusCommand extends BaseCommand {
  static override summary = 'Show whether the local engines are up, and how to reach them.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    {
      description: 'Let wherry reach the engines over ssh in this shell',
      command:
        'export WHERRY_SSH_COMMAND="$(<%= config.bin %> <%= command.id %> --json | jq -r .sshCommand)"',
    },
  ]

  async run(): Promise<LabStatus> {
    await this.parse(LabStatusCommand)
    const status = await labStatus()
    this.log(describeLab(status))
    return status
  }
}
