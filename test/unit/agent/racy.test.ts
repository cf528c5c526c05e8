import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CatalogReader } from '../../../src/agent/catalog-reader.ts'
import { CatalogWriter } from '../../../src/agent/catalog-writer.ts'
import { types } from '../../../src/agent/file-types.ts'
import { racyMarginMs, SendCatalog } from '../../../src/agent/send-catalog.ts'
import { Stat } from '../../../src/agent/stat.ts'

const directory = mkdtempSync(join(tmpdir(), 'wherry-unit-'))
t.teardown(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'file')
writeFileSync(file, 'content')

const changedSeconds = 1_700_000_000

/** Whether an entry is racy whose file changed so long before the scan began. */
function isRacy(secondsBefore: number): boolean {
  const descriptor = openSync(file, 'r')
  try {
    const stat = new Stat().readDescriptor(descriptor)
    stat.bytes.writeBigInt64LE(BigInt(changedSeconds), 0x60)
    stat.bytes.writeUInt32LE(500_000_000, 0x68)
    const path = join(directory, 'catalog')
    const racyFromMs = (changedSeconds + 0.5 + secondsBefore) * 1000 - racyMarginMs
    const writer = new CatalogWriter(path)
    const catalog = new SendCatalog({ old: undefined, isTrusted: true, writer, racyFromMs })
    catalog.add(types.file, 0, '', { descriptor }, { stat, blockShift: 13 })
    catalog.finish(true)
    const reader = new CatalogReader(path)
    try {
      return reader.peek()?.isRacy ?? false
    } finally {
      reader.close()
    }
  } finally {
    closeSync(descriptor)
  }
}

t.test('a change is racy for as long as it may not be told from a later one', async (t) => {
  t.ok(isRacy(-1), 'changed while it was scanned')
  t.ok(isRacy(0.05), 'a few ticks before')
  t.ok(isRacy(1.05), 'the clock may be a tick late, and the file system keep whole seconds')
  t.ok(isRacy(1.9), 'the data may have been waiting for the disk')
  t.notOk(isRacy(2.1), 'for longer it is not expected to')
  t.ok(isRacy(Number.NEGATIVE_INFINITY), 'nothing was written back before')
})
