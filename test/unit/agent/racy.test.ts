import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CatalogReader } from '../../../src/agent/catalog-reader.ts'
import { CatalogWriter } from '../../../src/agent/catalog-writer.ts'
import { types } from '../../../src/agent/file-types.ts'
import { SendCatalog } from '../../../src/agent/send-catalog.ts'
import { Stat } from '../../../src/agent/stat.ts'

const directory = mkdtempSync(join(tmpdir(), 'wherry-unit-'))
t.teardown(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'file')
writeFileSync(file, 'content')

const changedSeconds = 1_700_000_000

/** Whether an entry is racy whose file changed so long before the scan began. */
function isRacy(nanoseconds: number, secondsBefore: number): boolean {
  const descriptor = openSync(file, 'r')
  try {
    const stat = new Stat().readDescriptor(descriptor)
    stat.bytes.writeBigInt64LE(BigInt(changedSeconds), 0x60)
    stat.bytes.writeUInt32LE(nanoseconds, 0x68)
    const path = join(directory, 'catalog')
    const startedAtMs = (changedSeconds + nanoseconds / 1e9 + secondsBefore) * 1000
    const writer = new CatalogWriter(path)
    const catalog = new SendCatalog({ old: undefined, isTrusted: true, writer, startedAtMs })
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

t.test('a change is racy for as long as the clock may not tell it from a later one', async (t) => {
  t.ok(isRacy(500_000_000, -1), 'changed while it was scanned')
  t.ok(isRacy(500_000_000, 0.05), 'a few ticks before')
  t.notOk(isRacy(500_000_000, 0.15), 'more ticks before than any kernel makes of a tenth of a second')
  t.ok(isRacy(0, 0.15), 'it may be a whole second that the file system keeps')
  t.ok(isRacy(0, 0.95), 'to its end')
  t.notOk(isRacy(0, 1.05), 'and not behind it')
  t.ok(isRacy(500_000_000, Number.NEGATIVE_INFINITY), 'nothing was written back before')
})
