// Loaded into wherry with `node --import`: when the journal has taken a record that the harness waits for, tells it on
// file descriptor 3. A record is named as STEP/TYPE, or as #NUMBER by its place among those of this process. With WHERRY_PAUSE_STOPS=1 the whole process then stands still until the harness writes to 4.
import { readSync, writeSync } from 'node:fs'
import { Journal } from '../../dist/migrate/journal.js'

let { WHERRY_PAUSE_AT: wanted, WHERRY_PAUSE_STOPS: stops } = process.env
const append = Journal.prototype.append
let appended = 0

Journal.prototype.append = async function (record) {
  await append.call(this, record)
  appended += 1
  if (![`#${appended}`, `${record.step ?? record.type}/${record.type}`].includes(wanted)) return
  wanted = ''
  writeSync(3, 'reached')
  if (stops === '1') readSync(4, Buffer.alloc(1))
}
