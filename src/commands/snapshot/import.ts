import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describeImported } from '../../cli/present/snapshot-copy.ts'
import { plainHttpFlag, repoFlag } from '../../cli/repository-flags.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { RefusedError } from '../../model/errors.ts'
import { type ImportResult, importArchive } from '../../snapshot/archive-reader.ts'

export default class SnapshotImport extends BaseCommand {
  static override summary = 'Take the snapshots of an archive into a repository.'
  static override description =
    'Reads what snapshot export wrote, or another tar file of an OCI image layout. Everything is compared with its digest, ' +
    'and nothing is in the repository before all of it is.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> shop.tar',
    'ssh admin@old wherry snapshot export 4f2a | <%= config.bin %> <%= command.id %> - --repo /backup/shop',
  ]
  static override args = {
    file: Args.string({ description: 'The archive; - reads standard input.', required: true }),
  }
  static override flags = { repo: repoFlag, 'plain-http': plainHttpFlag }

  async run(): Promise<ImportResult> {
    const { args, flags } = await this.parse(SnapshotImport)
    const { input, totalBytes } = await openArchive(args.file)
    const { interrupted: signal, report } = this
    const result = await this.interruptible(
      () =>
        useRepository(
          { flags, purpose: 'snapshot import', create: true, report, signal },
          ({ repository: to }) => importArchive({ input, totalBytes, to, report, signal }),
        ),
      { whatFollows: () => 'stopping; nothing is imported.' },
    )
    this.endProgress()
    this.log(describeImported(result, this.colours))
    return result
  }
}

async function openArchive(file: string) {
  if (file === '-') {
    if (!process.stdin.isTTY) return { input: process.stdin }
    throw new RefusedError('input-is-a-terminal', 'An archive does not come from a terminal.', {
      suggestions: ['wherry snapshot import FILE'],
    })
  }
  // What is wrong with it shows when it is opened.
  const found = await stat(file).catch(() => undefined)
  if (found && !found.isDirectory()) return { input: createReadStream(file), totalBytes: found.size }
  const why = found ? 'is a directory' : 'is not there'
  throw new RefusedError('no-archive', `${file} ${why}: name an archive that snapshot export wrote.`, {
    suggestions: found ? ['A directory with an OCI image layout is a repository: --repo takes it.'] : [],
  })
}
