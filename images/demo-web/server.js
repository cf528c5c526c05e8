// GET /visit?visitor=NAME counts the visitor's visits in a file and everybody's in Redis, and answers with both.
const { createServer } = require('node:http')
const { open, readFile, rename } = require('node:fs/promises')
const { connect } = require('node:net')
const { hostname } = require('node:os')

const database = process.env.DATABASE || 'db'

/** Sends one command on a connection of its own; answers with the integer or simple string of the reply. */
function redis(...words) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: database, port: 6379 })
    socket.setTimeout(2000, () => socket.destroy(new Error('database does not answer')))
    let reply = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      reply += chunk
      if (!reply.endsWith('\r\n')) return
      socket.destroy()
      if (reply[0] === '-') reject(new Error(reply.slice(1).trim()))
      else resolve(reply.slice(1).trim())
    })
    const encoded = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
    socket.write(`*${words.length}\r\n${encoded}`)
  })
}

/** The visitor's file, written whole and synced before the visit is acknowledged. */
async function countVisit(visitor) {
  const path = `/sessions/${visitor}.json`
  const before = await readFile(path, 'utf8').then(JSON.parse, () => ({ visits: 0 }))
  const session = { visitor, visits: before.visits + 1 }
  const file = await open(`${path}.new`, 'w')
  await file.writeFile(JSON.stringify(session))
  await file.sync()
  await file.close()
  await rename(`${path}.new`, path)
  return session
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://web')
  try {
    if (url.pathname === '/health') return response.end(await redis('PING'))
    const visitor = (url.searchParams.get('visitor') || 'nobody').replace(/[^a-z0-9-]/g, '')
    const session = await countVisit(visitor)
    const total = Number(await redis('INCR', 'visits'))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...session, total, host: hostname() }))
  } catch (error) {
    response.statusCode = 503
    response.end(error.message)
  }
})
server.listen(8080)

// Ends within half a second: visitors that keep their connections busy must not keep the process alive.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  setInterval(() => server.closeIdleConnections(), 10)
  setTimeout(() => process.exit(0), 500)
})
