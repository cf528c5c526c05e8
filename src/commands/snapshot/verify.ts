import { randomBytes } from 'node:crypto'
import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { describeVerified, notVerified } from '../../cli/present/snapshot-verify.ts'
import { repoFlag } from '../../cli/repository-flags.ts'
import { snapshotsArg } from '../../cli/snapshot-args.ts'
import { useDirectory } from '../../cli/use-repository.ts'
import { parsePercent } from '../../cli/values.ts'
import { type VerifyResult, verify } from '../../snapshot/verify/verify.ts'

export default class SnapshotVerify extends BaseCommand {
  static override summary = 'Look whether everything in a repository is there and is what it was.'
  static override description =
    'Compares manifests, descriptions, indexes and lists of files with their digests, packs with their sizes, and looks for ' +
    'every chunk that a snapshot needs. Names everything that is damaged or missing, and which snapshots and files that costs; ' +
    'exit code 8 then. With --json: repo, snapshots (id, createdAt, isWhole, isReadable, lost, lostFiles, lostFileCount), packs, ' +
    'bytes, readData (percent, seed, packs, bytes) and damages (kind, name, problem, message, snapshots); on failure under ' +
    'error.data.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> db --read-data',
    '<%= config.bin %> <%= command.id %> --sample 5% --json',
  ]
  static override strict = false
  static override args = { snapshots: snapshotsArg }
  static override flags = {
    repo: repoFlag,
    ...keyFlags,
    'read-data': Flags.boolean({ summary: 'Read every pack, and compare each chunk with its digest.' }),
    sample: Flags.string({
      summary: 'Read about so many percent of the packs, drawn at random.',
      helpValue: 'PERCENT',
      exclusive: ['read-data'],
    }),
    seed: Flags.string({
      summary: 'Draw what an earlier run with --sample drew.',
      helpValue: 'SEED',
      dependsOn: ['sample'],
    }),
  }

  async run(): Promise<VerifyResult> {
    const { argv, flags } = await this.parse(SnapshotVerify)
    const percent = flags['read-data'] ? 100 : flags.sample === undefined ? 0 : parsePercent(flags.sample)
    const seed = flags.seed ?? randomBytes(4).toString('hex')
    const result = await this.interruptible(
      () =>
        useDirectory(
          { flags, purpose: 'snapshot verify', evenDamaged: true, report: this.report },
          ({ repository, sealOf }) =>
            verify({
              repository,
              sealOf,
              words: argv as string[],
              readData: percent > 0 ? { percent, seed } : undefined,
              report: this.report,
              signal: this.interrupted,
            }),
        ),
      { whatFollows: () => 'stopping; nothing was changed.' },
    )
    this.endProgress()
    if (result.damages.length > 0) throw notVerified(result)
    this.log(describeVerified(result, this.colours))
    return result
  }
}
