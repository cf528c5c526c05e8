// Calls the application by its name on the network, one request after the other, and says in the end what it saw.
const [base = 'http://web:8080', visitor = 'eve'] = process.argv.slice(2)
const report = { served: 0, failed: 0, longestGapSeconds: 0, visits: {}, contradictions: [] }
let lastServedMs = performance.now()
let stopped = false

async function visit() {
  try {
    // Without a connection that is kept, every request asks for the name again.
    const response = await fetch(`${base}/visit?visitor=${visitor}`, {
      signal: AbortSignal.timeout(1000),
      headers: { connection: 'close' },
    })
    if (!response.ok) throw new Error(await response.text())
    const { visits } = await response.json()
    const now = performance.now()
    report.longestGapSeconds = Math.max(report.longestGapSeconds, (now - lastServedMs) / 1000)
    lastServedMs = now
    report.served++
    if (visits <= (report.visits[visitor] ?? 0))
      report.contradictions.push(`visit ${visits} after ${report.visits[visitor]}`)
    report.visits[visitor] = visits
  } catch {
    report.failed++
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

process.on('SIGTERM', () => {
  stopped = true
})
;(async () => {
  while (!stopped) await visit()
  process.stdout.write(`${JSON.stringify(report)}\n`)
})()
