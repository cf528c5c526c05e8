import { setTimeout as sleep } from 'node:timers/promises'

const requestTimeoutMs = 1000

interface Answer {
  visits: number
  total: number
}

/** What the visitors saw, all together. Times in seconds. */
export interface VisitorsReport {
  served: number
  failed: number
  /** The longest time in which nobody was served. */
  longestGapSeconds: number
  /** By visitor, the number of visits that the application acknowledged last. */
  visits: Record<string, number>
  /** Acknowledged answers that contradict earlier ones: a visit or a count that went missing. */
  contradictions: string[]
}

/** Visitors that call a web application all the time, each one request after the other. */
export class Visitors {
  readonly #names = ['ann', 'bob', 'cleo', 'dan']
  readonly #bases: string[]
  readonly #stop = new AbortController()
  readonly #loops: Promise<void>[]
  readonly #report: VisitorsReport = {
    served: 0,
    failed: 0,
    longestGapSeconds: 0,
    visits: {},
    contradictions: [],
  }
  #lastServedMs = performance.now()
  #highestTotal = 0

  /** `addresses` are the engines' hosts; like clients behind a name, visitors go to the one that answers. */
  constructor(addresses: readonly string[], port: number) {
    this.#bases = addresses.map((address) => `http://${address}:${port}`)
    this.#loops = this.#names.map((name) => this.#visitForever(name))
  }

  get served(): number {
    return this.#report.served
  }

  /** Lets the requests under way end, and tells what the visitors saw. */
  async leave(): Promise<VisitorsReport> {
    this.#stop.abort()
    await Promise.all(this.#loops)
    return this.#report
  }

  async #visitForever(name: string): Promise<void> {
    let base = 0
    while (!this.#stop.signal.aborted) {
      const served = await this.#visit(name, this.#bases[base] ?? '')
      if (served) continue
      base = (base + 1) % this.#bases.length
      await sleep(10)
    }
  }

  async #visit(name: string, base: string): Promise<boolean> {
    const acknowledged = this.#highestTotal
    try {
      const signal = AbortSignal.timeout(requestTimeoutMs)
      const response = await fetch(`${base}/visit?visitor=${name}`, { signal })
      if (!response.ok) throw new Error(await response.text())
      this.#acknowledged(name, (await response.json()) as Answer, acknowledged)
      return true
    } catch {
      this.#report.failed++
      return false
    }
  }

  #acknowledged(name: string, { visits, total }: Answer, acknowledged: number): void {
    const report = this.#report
    const now = performance.now()
    report.longestGapSeconds = Math.max(report.longestGapSeconds, (now - this.#lastServedMs) / 1000)
    this.#lastServedMs = now
    report.served++
    const before = report.visits[name] ?? 0
    if (visits <= before) report.contradictions.push(`${name}: visit ${visits} after visit ${before}`)
    report.visits[name] = visits
    // Visitors run side by side; what was acknowledged before a request began must have been counted in its answer.
    if (total <= acknowledged) report.contradictions.push(`total ${total} after ${acknowledged}`)
    this.#highestTotal = Math.max(this.#highestTotal, total)
  }
}
