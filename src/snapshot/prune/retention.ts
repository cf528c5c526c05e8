/** How many snapshots to keep, of each set of containers. */
export interface Policy {
  last?: number | undefined
  hourly?: number | undefined
  daily?: number | undefined
  weekly?: number | undefined
  monthly?: number | undefined
}

/** A snapshot, as far as it matters for how long it is kept. */
export interface Keepable {
  id: string
  /** ISO 8601, UTC. */
  createdAt: string
  /** The policy holds for each group by itself. */
  group: string
  /** One that is damaged keeps no other from staying. */
  isWhole: boolean
}

export interface Decision {
  id: string
  stays: boolean
  /** Why it stays. */
  reasons: string[]
}

/** Which period a time is in; of each period the newest snapshot counts. Times in UTC, weeks from Monday as in ISO 8601. */
const periods: Record<Exclude<keyof Policy, 'last'>, (time: string) => string> = {
  hourly: (time) => time.slice(0, 13),
  daily: (time) => time.slice(0, 10),
  weekly: mondayOf,
  monthly: (time) => time.slice(0, 7),
}

/** Which snapshots stay, and why; in the order in which they came. Without a policy all do. */
export function decide(snapshots: readonly Keepable[], policy: Policy): Decision[] {
  const decisions = new Map(snapshots.map(({ id }) => [id, { id, stays: false, reasons: [] as string[] }]))
  const keep = (id: string, reason: string) => decisions.get(id)?.reasons.push(reason)
  const hasPolicy = Object.values(policy).some((count) => count !== undefined)
  for (const { id, isWhole } of snapshots) {
    if (!hasPolicy) keep(id, 'no policy was given')
    else if (!isWhole) keep(id, 'damaged: not counted')
  }
  const groups = Map.groupBy(
    snapshots.filter(({ isWhole }) => isWhole),
    ({ group }) => group,
  )
  for (const group of groups.values()) keepOf(group, policy, keep)
  return [...decisions.values()].map((decision) => ({ ...decision, stays: decision.reasons.length > 0 }))
}

function keepOf(
  group: readonly Keepable[],
  { last = 0, ...counts }: Policy,
  keep: (id: string, reason: string) => void,
): void {
  const newestFirst = group.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
  for (const [index, { id }] of newestFirst.slice(0, last).entries()) keep(id, `last ${index + 1}`)
  for (const [name, periodOf] of Object.entries(periods)) {
    const wanted = counts[name as keyof typeof counts] ?? 0
    const seen = new Set<string>()
    for (const { createdAt, id } of newestFirst) {
      const period = periodOf(createdAt)
      if (seen.has(period) || seen.size >= wanted) continue
      seen.add(period)
      keep(id, `${name} ${period}`)
    }
  }
}

function mondayOf(time: string): string {
  const date = new Date(`${time.slice(0, 10)}T00:00:00Z`)
  const sinceMonday = (date.getUTCDay() + 6) % 7
  return new Date(date.getTime() - sinceMonday * 24 * 3600 * 1000).toISOString().slice(0, 10)
}
