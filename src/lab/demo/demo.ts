import { setTimeout as sleep } from 'node:timers/promises'
import { connectEngine } from '../../engine/connect.ts'
import { readJournal } from '../../migrate/journal.ts'
import { type MigrateRequest, migrate } from '../../migrate/migrate.ts'
import { rollBackMigration } from '../../migrate/recovery/rollback.ts'
import type { MigrateResult } from '../../migrate/result.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import type { Report } from '../../model/progress.ts'
import { labEngine } from '../record.ts'
import {
  endClient,
  removeApplication,
  startApplication,
  startClient,
  waitForApplication,
  webName,
  webPort,
} from './application.ts'
import { compareIdentity, compareState, identityOf, type Kept } from './kept.ts'
import { Visitors, type VisitorsReport } from './visitors.ts'

/** How long clients call before, between and after the moves. */
const visitMs = 5000

/** What the demo shows. */
export interface DemoResult {
  migration: MigrateResult
  /** How long taking the move back took, in seconds. */
  backSeconds: number
  /** What each client saw over the whole time. */
  clients: { where: string; saw: VisitorsReport }[]
  kept: Kept[]
}

/**
 * The demo on a lab that is up: a web application with sessions on a volume moves from alpha to beta and back, its database
 * stays. One set of clients calls the port that alpha publishes, another one the name on alpha's network, all the time.
 * @throws WherryError `demo-failed` when a visit went missing or something was not kept.
 */
export async function runDemo(report: Report, signal: AbortSignal): Promise<DemoResult> {
  const [alpha, beta] = await Promise.all([labEngine('alpha'), labEngine('beta')])
  await using source = await connectEngine(alpha.context)
  await using target = await connectEngine(beta.context)
  await startApplication(source, [target], report)
  try {
    await waitForApplication(alpha.address)
    const result = await moveThereAndBack({ source, target, report, signal }, alpha.address)
    assertKept(result)
    return result
  } finally {
    await removeApplication(target)
    await removeApplication(source)
  }
}

type Stage = Pick<MigrateRequest, 'source' | 'target' | 'report' | 'signal'>

async function moveThereAndBack(stage: Stage, address: string): Promise<DemoResult> {
  const { source, target, report, signal } = stage
  report({ type: 'phase', phase: 'visitors', message: 'clients call the application' })
  const visitors = new Visitors([address], webPort)
  try {
    await startClient(source)
    await sleep(visitMs, undefined, { signal })
    const before = await identityOf(source)
    const migration = await migrate({ ...stage, names: [webName], options })
    await sleep(visitMs, undefined, { signal })
    const away = await identityOf(target)
    const backSeconds = await takeBack(stage, migration.id)
    await sleep(visitMs, undefined, { signal })
    const atPort = await visitors.leave()
    const onNetwork = await endClient(source)
    const clients = [
      { where: `the port that ${source.name} publishes`, saw: atPort },
      { where: `the name on the network of ${source.name}`, saw: onNetwork },
    ]
    const kept = [
      ...compareIdentity(before, away, await identityOf(source)),
      ...(await compareState(
        source,
        clients.map(({ saw }) => saw),
      )),
    ]
    return { migration, backSeconds, clients, kept }
  } finally {
    await visitors.leave()
  }
}

const options: MigrateRequest['options'] = {
  mode: 'warm',
  consistency: 'clean',
  binds: 'fail',
  path: 'auto',
  mapNetwork: {},
  stretch: true,
  leavePeers: false,
  forward: {},
  maxRounds: 8,
  verify: 'changed',
}

/** Puts the container back, with what was written meanwhile. @returns how long it took, in seconds. */
async function takeBack({ source, target, report, signal }: Stage, id: string): Promise<number> {
  const content = await readJournal(id)
  if (!content) throw new WherryError('demo-failed', exitCodes.unexpected, `The journal of ${id} is gone.`)
  const request = { content, source, target, targetIsDown: false, discard: false, report, signal }
  return (await rollBackMigration(request)).totalSeconds
}

function assertKept({ kept, clients }: DemoResult): void {
  const lost = [
    ...kept.filter(({ same }) => !same).map(({ what, values }) => `${what}: ${values.join(' → ')}`),
    ...clients.flatMap(({ saw }) => saw.contradictions),
  ]
  if (lost.length === 0) return
  throw new WherryError(
    'demo-failed',
    exitCodes.notVerified,
    `Not everything was kept: ${lost.join('; ')}.`,
    {
      data: { lost },
    },
  )
}
