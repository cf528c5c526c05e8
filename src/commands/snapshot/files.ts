import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { keyFlags } from '../../cli/key-flags.ts'
import { describeFile } from '../../cli/present/snapshot-files.ts'
import { describeTrees } from '../../cli/present/snapshots.ts'
import { repoFlag } from '../../cli/repository-flags.ts'
import { snapshotArg } from '../../cli/snapshot-args.ts'
import { useRepository } from '../../cli/use-repository.ts'
import type { FileEntry } from '../../snapshot/browse/entry.ts'
import { chunksOf, findPlace, listFiles } from '../../snapshot/browse/files.ts'
import { findSnapshot } from '../../snapshot/browse/find.ts'
import { openSnapshot } from '../../snapshot/browse/summary.ts'
import type { SnapshotTree } from '../../snapshot/config.ts'

type Volume = Omit<SnapshotTree, 'refs'>

export default class SnapshotFiles extends BaseCommand {
  static override summary = 'List the files of a volume in a snapshot.'
  static override description =
    'Without a volume, what volumes there are. With --json: snapshot, and volumes, or volume and files: each with path, type, ' +
    'mode, uid, gid, size, mtime, target and attributes, as far as it has them. Bytes of a name that are no printable UTF-8 are ' +
    'shown as \\xNN and may be written so.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> latest',
    '<%= config.bin %> <%= command.id %> db pgdata:base/5',
    '<%= config.bin %> <%= command.id %> db layer:db:/etc --recursive --json',
  ]
  static override args = {
    snapshot: snapshotArg,
    place: Args.string({
      description: 'VOLUME[:PATH]; the path from the volume’s root.',
      noCacheDefault: true,
    }),
  }
  static override flags = {
    repo: repoFlag,
    ...keyFlags,
    recursive: Flags.boolean({ char: 'r', summary: 'All that is beneath, too.' }),
  }

  async run(): Promise<{ snapshot: string; volumes?: Volume[]; volume?: string; files?: FileEntry[] }> {
    const { args, flags } = await this.parse(SnapshotFiles)
    const use = { flags, purpose: 'snapshot files', report: this.report }
    return useRepository(use, async ({ repository, sealOf }) => {
      const listed = await findSnapshot(repository, sealOf, args.snapshot)
      const opened = await openSnapshot(repository, sealOf, listed)
      this.endProgress()
      if (args.place === undefined) {
        this.log(describeTrees(opened.config.trees))
        const volumes = opened.config.trees.map(({ refs, ...volume }) => volume)
        return { snapshot: listed.id, volumes }
      }
      const place = findPlace(opened.config, args.place)
      const chunks = await chunksOf(repository, opened)
      const files: FileEntry[] = []
      await listFiles(chunks, await repository.workDirectory(), place, flags.recursive, (entry) => {
        // A volume of millions of files is printed as it is read.
        if (this.jsonEnabled()) files.push(entry)
        else this.log(describeFile(entry, this.colours))
      })
      return { snapshot: listed.id, volume: place.tree.id, files }
    })
  }
}
