import { catalogPath } from './catalog.ts'
import { CatalogReader } from './catalog-reader.ts'
import { CatalogWriter } from './catalog-writer.ts'
import type { OpsWriter } from './ops.ts'
import { racyMarginMs, SendCatalog } from './send-catalog.ts'
import { FileSender } from './send-file.ts'
import { type SendTreeOptions, TreeSender } from './send-tree.ts'

/** How a tree is sent in a round. */
export interface RoundTreeOptions extends Omit<SendTreeOptions, 'catalog' | 'files'> {
  /** Where catalogs are kept. */
  directory: string
  /** The round before, whose catalog is the same on the target; undefined when everything is sent. */
  base: { isTrusted: boolean } | undefined
  /** When the scan began, before dirty pages were written back (milliseconds since 1970). */
  startedAt: number
}

/** Begins to send a tree block by block, beside the catalog of the round before. */
export function openTreeSender(options: RoundTreeOptions, ops: OpsWriter): TreeSender {
  const { base, startedAt } = options
  const path = catalogPath(options.directory, options.id)
  const old = base ? new CatalogReader(path) : undefined
  const writer = new CatalogWriter(path)
  const catalog = new SendCatalog({
    old,
    isTrusted: base?.isTrusted === true,
    writer,
    racyFromMs: startedAt - racyMarginMs,
  })
  return new TreeSender({ ...options, catalog, files: new FileSender(ops, writer, old) }, ops)
}
