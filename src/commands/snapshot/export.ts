import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describeCopied } from '../../cli/present/snapshot-copy.ts'
import { plainHttpFlag, repoFlag } from '../../cli/repository-flags.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { RefusedError } from '../../model/errors.ts'
import { exportSnapshot } from '../../snapshot/archive-writer.ts'
import { findSnapshot } from '../../snapshot/browse/find.ts'

export default class SnapshotExport extends BaseCommand {
  static override enableJsonFlag = false
  static override summary = 'Write a snapshot to standard output, as one archive.'
  static override description =
    'A tar file of an OCI image layout, for snapshot import and for other programs (skopeo: oci-archive:). Standard output is ' +
    'the archive, so there is no --json; what is said goes to standard error, and the exit code tells whether it is whole.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 4f2a > shop.tar',
    '<%= config.bin %> <%= command.id %> 4f2a | ssh admin@new wherry snapshot import -',
  ]
  static override args = { snapshot: Args.string({ description: 'Id, or how it begins.', required: true }) }
  static override flags = { repo: repoFlag, 'plain-http': plainHttpFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SnapshotExport)
    if (process.stdout.isTTY) {
      throw new RefusedError('output-is-a-terminal', 'An archive is nothing for a terminal.', {
        suggestions: [`wherry snapshot export ${args.snapshot} > FILE`],
      })
    }
    const { interrupted: signal, report } = this
    const result = await this.interruptible(
      () =>
        useRepository(
          { flags, purpose: 'snapshot export', report, signal },
          async ({ repository: from, sealOf }) =>
            exportSnapshot({
              from,
              snapshot: await findSnapshot(from, sealOf, args.snapshot),
              output: process.stdout,
              report,
              signal,
            }),
        ),
      { whatFollows: () => 'stopping; what was written is no whole archive.' },
    )
    this.endProgress()
    this.logToStderr(describeCopied(result, this.colours))
  }
}
