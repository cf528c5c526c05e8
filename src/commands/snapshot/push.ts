import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { describePushed } from '../../cli/present/snapshot-copy.ts'
import { openRegistry, plainHttpFlag, repoFlag } from '../../cli/repository-flags.ts'
import { useRepository } from '../../cli/use-repository.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { findSnapshot } from '../../snapshot/browse/find.ts'
import { type PushResult, pushSnapshot } from '../../snapshot/push.ts'

export default class SnapshotPush extends BaseCommand {
  static override summary = 'Copy a snapshot to a registry.'
  static override description =
    'Only what is not there is sent, and an interrupted push goes on where it was. In the registry the snapshot has its id as ' +
    'a tag, and the tag that you name besides. Logins are those of docker login; certificates those in /etc/docker/certs.d.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 4f2a registry.example.com/backup/shop',
    '<%= config.bin %> <%= command.id %> 4f2a registry.example.com/backup/shop:before-upgrade --repo /backup/shop',
  ]
  static override args = {
    snapshot: Args.string({ description: 'Id, or how it begins.', required: true }),
    registry: Args.string({ description: 'HOST[:PORT]/NAME[:TAG]', required: true }),
  }
  static override flags = {
    repo: repoFlag,
    force: Flags.boolean({ summary: 'Take the tag away from another snapshot, which keeps its id.' }),
    'plain-http': plainHttpFlag,
  }

  async run(): Promise<PushResult> {
    const { args, flags } = await this.parse(SnapshotPush)
    const { repository: to, tag, digest } = openRegistry(args.registry, flags, this.interrupted)
    if (digest !== undefined) {
      throw new WherryError('bad-reference', exitCodes.usage, 'A push goes to a tag, not to a digest.')
    }
    const { interrupted: signal, report } = this
    const result = await this.interruptible(
      () =>
        useRepository(
          { flags, purpose: 'snapshot push', report, signal },
          async ({ repository: from, sealOf }) =>
            pushSnapshot({
              from,
              to,
              snapshot: await findSnapshot(from, sealOf, args.snapshot),
              tag,
              force: flags.force,
              report,
              signal,
            }),
        ),
      { whatFollows: () => 'stopping; what is in the registry already is not sent again.' },
    )
    this.endProgress()
    this.log(describePushed(result, this.colours))
    return result
  }
}
