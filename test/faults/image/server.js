// One record for each line that a client sends: `NUMBER NONCE CHECKSUM`, written and synced to three files, each of them
// on another kind of storage, before it is acknowledged with the number. It can be told to have much data besides, to write
// all of that anew when it is stopped, and to take long to stop.
const { createServer } = require('node:net')
const { createHash, randomBytes } = require('node:crypto')
const fs = require('node:fs')

const bulkMegabytes = Number(process.env.BULK_MEGABYTES || 0)
const rewritesAtStop = process.env.REWRITE_AT_STOP === '1'
const slowStopMs = Number(process.env.SLOW_STOP_MS || 0)
const paths = ['/data/records', '/anonymous/records', '/layer/records']

const recordOf = (number, nonce) => {
  const checksum = createHash('sha256').update(`${number} ${nonce}`).digest('hex').slice(0, 16)
  return `${number} ${nonce} ${checksum}\n`
}

/** The offsets at which the whole, valid records of a file end. */
function endsOf(path) {
  const text = fs.existsSync(path) ? fs.readFileSync(path, 'latin1') : ''
  const ends = [0]
  for (const line of text.split('\n').slice(0, -1)) {
    if (`${line}\n` !== recordOf(ends.length, line.split(' ')[1])) break
    ends.push(ends.at(-1) + line.length + 1)
  }
  return ends
}

function rewriteBulk() {
  const file = fs.openSync('/data/bulk', 'w')
  for (let i = 0; i < bulkMegabytes; i++) fs.writeSync(file, randomBytes(1 << 20))
  fs.closeSync(file)
}

if (bulkMegabytes && !fs.existsSync('/data/bulk')) rewriteBulk()
// What was never acknowledged may be in one file and not in the next: all go on from the shortest.
const found = paths.map(endsOf)
let count = Math.min(...found.map((ends) => ends.length - 1))
const files = paths.map((path, index) => {
  fs.closeSync(fs.openSync(path, 'a'))
  const size = found[index][count]
  fs.truncateSync(path, size)
  return { fd: fs.openSync(path, 'r+'), size }
})

function append(nonce) {
  const record = recordOf(count + 1, nonce)
  try {
    for (const { fd, size } of files) {
      if (fs.writeSync(fd, record, size) < record.length) throw Object.assign(new Error(), { code: 'ENOSPC' })
      fs.fsyncSync(fd)
    }
  } catch (error) {
    for (const { fd, size } of files) fs.ftruncateSync(fd, size)
    return error.code
  }
  for (const file of files) file.size += record.length
  count += 1
  return String(count)
}

createServer((socket) => {
  let buffered = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    const lines = (buffered + chunk).split('\n')
    buffered = lines.pop()
    for (const line of lines) socket.write(`${append(line)}\n`)
  })
}).listen(7070)

process.on('SIGTERM', () => {
  if (rewritesAtStop) rewriteBulk()
  setTimeout(() => process.exit(0), slowStopMs)
})
