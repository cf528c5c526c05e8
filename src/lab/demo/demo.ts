import { setTimeout as sleep } from 'node:timers/promises'
import { connectEngine } from '../../engine/connect.ts'
import type { Engine } from '../../engine/engine.ts'
import { migrate } from '../../migrate/migrate.ts'
import type { MigrateResult } from '../../migrate/result.ts'
import type { ContainerDocument } from '../../model/documents.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import type { Report } from '../../model/progress.ts'
import { labEngine } from '../record.ts'
import {
  databaseName,
  removeApplication,
  startApplication,
  waitForApplication,
  webName,
} from './application.ts'
import { Visitors, type VisitorsReport } from './visitors.ts'

/** How long visitors come before and after the move. */
const visitMs = 5000

/** What the demo shows. */
export interface DemoResult {
  migration: MigrateResult
  visitors: VisitorsReport
  /** What holds before and after, by container: addresses, names, data. */
  kept: { what: string; before: string; after: string; same: boolean }[]
}

/**
 * The demo on a lab that is up: a web application with sessions on a volume and a counter in Redis moves from alpha to
 * beta while visitors call it.
 * @throws WherryError `demo-failed` when a visit went missing or something was not kept.
 */
export async function runDemo(report: Report, signal: AbortSignal): Promise<DemoResult> {
  const [alpha, beta] = await Promise.all([labEngine('alpha'), labEngine('beta')])
  await using source = await connectEngine(alpha.context)
  await using target = await connectEngine(beta.context)
  await startApplication(source, [target], report)
  await waitForApplication(alpha.address)
  report({ type: 'phase', phase: 'visitors', message: 'visitors call the application' })
  const visitors = new Visitors([alpha.address, beta.address], 8080)
  try {
    await sleep(visitMs, undefined, { signal })
    const before = await identityOf(source)
    const migration = await migrate({
      source,
      target,
      names: [databaseName, webName],
      options: {
        mode: 'warm',
        consistency: 'clean',
        binds: 'fail',
        path: 'auto',
        mapNetwork: {},
        stretch: false,
        leavePeers: false,
        maxRounds: 8,
        verify: 'changed',
      },
      report,
      signal,
    })
    report({ type: 'phase', phase: 'visitors', message: 'visitors go on calling' })
    await sleep(visitMs, undefined, { signal })
    const seen = await visitors.leave()
    const result = { migration, visitors: seen, kept: await compare(before, target, seen) }
    assertKept(result)
    return result
  } finally {
    await visitors.leave()
    await removeApplication(source)
    await removeApplication(target)
  }
}

type Identity = Record<string, string>

async function identityOf(engine: Engine): Promise<Identity> {
  const identity: Identity = {}
  for (const name of [databaseName, webName]) {
    const container = await engine.containers.inspect(name)
    for (const [network, endpoint] of Object.entries(container?.NetworkSettings.Networks ?? {})) {
      identity[`${name}: address on network ${network}`] = endpoint.IPAddress ?? ''
      identity[`${name}: names on network ${network}`] = (endpoint.Aliases ?? [])
        .filter((alias) => !container?.Id.startsWith(alias))
        .join(' ')
    }
    identity[`${name}: host name`] = container?.Config.Hostname ?? ''
    identity[`${name}: published ports`] = publishedPorts(container?.NetworkSettings.Ports)
    identity[`${name}: restart policy`] = container?.HostConfig.RestartPolicy?.Name ?? ''
  }
  return identity
}

/** The container's ports that the host passes on, `none` where there are none. */
export function publishedPorts(ports: ContainerDocument['NetworkSettings']['Ports']): string {
  const published = Object.entries(ports ?? {}).filter(([, bindings]) => bindings?.length)
  return published.map(([port]) => port).join(' ') || 'none'
}

/** Compares the identity, the session files with what visitors were told, and the link from web to database. */
async function compare(before: Identity, target: Engine, seen: VisitorsReport): Promise<DemoResult['kept']> {
  const after = await identityOf(target)
  const kept = Object.entries(before).map(([what, value]) => ({
    what,
    before: value,
    after: after[what] ?? '',
  }))
  for (const [visitor, visits] of Object.entries(seen.visits)) {
    const { output } = await target.containers.exec(webName, ['cat', `/sessions/${visitor}.json`])
    const onDisk = (JSON.parse(output || '{}') as { visits?: number }).visits ?? 0
    // The last request of a visitor may have been counted without its answer having been awaited.
    kept.push({
      what: `visits of ${visitor}`,
      before: String(visits),
      after: String(Math.min(onDisk, visits)),
    })
  }
  const { output } = await target.containers.exec(databaseName, ['redis-cli', 'get', 'visits'])
  const acknowledged = seen.served
  kept.push({
    what: 'counter in the database',
    before: `at least ${acknowledged}`,
    after: Number(output) >= acknowledged ? `at least ${acknowledged}` : output.trim(),
  })
  return kept.map((row) => ({ ...row, same: row.before === row.after }))
}

function assertKept({ kept, visitors }: DemoResult): void {
  const lost = [
    ...kept.filter(({ same }) => !same).map(({ what, before, after }) => `${what}: ${before} → ${after}`),
    ...visitors.contradictions,
  ]
  if (lost.length === 0) return
  throw new WherryError(
    'demo-failed',
    exitCodes.notVerified,
    `Not everything was kept: ${lost.join('; ')}.`,
    { data: { lost } },
  )
}
