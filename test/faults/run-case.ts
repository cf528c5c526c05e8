import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../src/model/errors.ts'
import type { Lab } from '../lab/harness/engines.ts'
import { clearBench } from './bench.ts'
import { type CommandEnd, RunningCommand } from './command.ts'
import { endProblems } from './ending.ts'
import { allowedExitCodes } from './expectation.ts'
import { restartDaemon } from './faults/daemons.ts'
import { type Fault, faults } from './faults/index.ts'
import { reachProblems, startPeer } from './joined.ts'
import { type Case, insideMs, momentsOf, type Recovery } from './matrix.ts'
import { copyProblems, lookBefore, surroundingProblems } from './surroundings.ts'
import { Watcher } from './watcher.ts'
import { lostRecords, startWorkload, type WorkloadOptions, workload } from './workload.ts'

/** How one case went. */
export interface Outcome {
  case: Case
  /** How wherry ended, in words: `0`, `4`, `killed, resume 0`. */
  ending: string
  problems: string[]
  acknowledged: number
  seconds: number
}

/** Where the container has to run after a case, and how wherry got there. */
interface Recovered {
  where: 'alpha' | 'beta'
  ending: string
  problems: string[]
}

/** Runs one case from a clean start to its assertions, and leaves the engines clean. Never throws. */
export async function runCase(lab: Lab, test: Case): Promise<Outcome> {
  const startedAt = performance.now()
  const outcome: Outcome = { case: test, ending: '', problems: [], acknowledged: 0, seconds: 0 }
  const fault: Fault = faults[test.fault]
  const state = await mkdtemp(join(tmpdir(), 'wherry-faults-'))
  try {
    await fault.prepare?.(lab)
    await observed(lab, test, state, outcome)
  } catch (error) {
    outcome.problems.push(`the harness failed: ${messageOf(error)}`)
  }
  await clearBench(lab, [fault]).catch((error) =>
    outcome.problems.push(`cannot be cleared away: ${messageOf(error)}`),
  )
  await rm(state, { recursive: true, force: true })
  outcome.seconds = (performance.now() - startedAt) / 1000
  return outcome
}

/** Starts the workload with its client and watcher, does the case, and asserts everything. */
async function observed(lab: Lab, test: Case, state: string, outcome: Outcome): Promise<void> {
  const options = workloadFor(test)
  const client = await startWorkload(lab, options)
  const watcher = new Watcher(workload.name, [lab.alphaFacts, lab.betaFacts])
  try {
    if (test.way.isStretched) await startPeer()
    const before = await lookBefore(lab, test.way)
    const { where, ending, problems } = await migrated(lab, test, state)
    outcome.ending = ending
    outcome.problems.push(...problems)
    // A stop that nobody waits for any more may still be on its way.
    await sleep(options.slowStopMs)
    await client.hear(5).catch((error) => outcome.problems.push(messageOf(error)))
    if (test.way.isStretched) outcome.problems.push(...(await reachProblems(lab)))
    outcome.problems.push(...(await copyProblems(lab, before, where)))
    const acknowledged = [...client.acknowledged]
    const lost = await lostRecords(where, acknowledged).catch((error) => [messageOf(error)])
    outcome.problems.push(...lost)
    outcome.problems.push(...(await surroundingProblems(lab, before, where)))
  } finally {
    outcome.problems.push(...(await watcher.stop()))
    await client.stop()
    outcome.acknowledged = client.acknowledged.length
  }
}

/** Migrates with the fault, and recovers as the user would. */
async function migrated(lab: Lab, test: Case, state: string): Promise<Recovered> {
  const { moment, fault: name, recovery } = test
  const fault: Fault = faults[name]
  const inside = moment.at === 'inside'
  const record = `${moment.step}/${inside ? 'intent' : moment.at}`
  const command = new RunningCommand(migrateWords(test), state, { record, stops: !inside })
  if (!(await command.reached())) {
    const { exitCode, json, stderr } = await command.ended
    throw new Error(`${record} never came: ${exitCode} ${JSON.stringify(json) ?? stderr}`)
  }
  if (inside) await sleep(insideMs[moment.step] ?? 0)
  const [migration = ''] = await readdir(join(state, 'migrations'))
  await fault.strike({ lab, command, migration })
  command.goOn()
  const end = await command.ended
  await fault.lift?.(lab)
  const problems = fault.kills ? [] : endProblems('migrate', end, allowedExitCodes(test))
  const ending = fault.kills ? 'killed' : String(end.exitCode)
  if (!fault.kills && end.exitCode !== 5)
    return { where: end.exitCode === 0 ? 'beta' : 'alpha', ending, problems }
  const recovered = await recover(lab, test, suggested(recovery, end), migration, state)
  return {
    ...recovered,
    ending: `${ending}, ${recovered.ending}`,
    problems: [...problems, ...recovered.problems],
  }
}

/** What the user does: what was meant to be tried, unless only the other is offered. */
function suggested(meant: Recovery, { json }: CommandEnd): Recovery {
  const offered = /wherry migration (resume|rollback) /g
  const verbs = [...(json?.error?.suggestions ?? []).join(' ').matchAll(offered)].map(([, verb]) => verb)
  return verbs.length === 0 || verbs.includes(meant) ? meant : verbs[0]
}

/** Gives the one command that brings a migration to its end; for a fault that kills that too, once more. */
async function recover(
  lab: Lab,
  test: Case,
  verb: Recovery,
  migration: string,
  state: string,
): Promise<Recovered> {
  const words = ['migration', verb, migration, ...(verb === 'rollback' ? ['--yes'] : [])]
  const fault: Fault = faults[test.fault]
  let ending = ''
  if (fault.killsRecovery) {
    const first = new RunningCommand(words, state, { record: recordToDieAt(test), stops: true })
    // Near its end a migration leaves so little to do that a recovery may be over before.
    if (!(await first.reached())) return recoveredBy(verb, '', await first.ended)
    first.kill('SIGKILL')
    ending = `${verb} killed, `
    await first.ended
  }
  const end = await new RunningCommand(words, state).ended
  const killed = brokenEngine(end)
  if (!killed) return recoveredBy(verb, ending, end)
  await restartDaemon(killed === 'alpha' ? lab.alphaFacts : lab.betaFacts)
  ending += `${verb} ${end.exitCode}, engine restarted, `
  return recoveredBy(verb, ending, await new RunningCommand(words, state).ended)
}

/** The engine that an error says has to be restarted: it was killed, and holds a port for nobody. */
function brokenEngine({ exitCode, json }: CommandEnd): string | undefined {
  return exitCode === 5 ? /Restart Docker on wherry-(alpha|beta)/.exec(json?.error?.message)?.[1] : undefined
}

function recoveredBy(verb: Recovery, before: string, end: CommandEnd): Recovered {
  return {
    where: verb === 'resume' ? 'beta' : 'alpha',
    ending: `${before}${verb} ${end.exitCode ?? 'hangs'}`,
    problems: endProblems(verb, end, [0]),
  }
}

/** Which record of its own a recovery dies at: another for each moment, from the first that it may write to a late one. */
function recordToDieAt({ way, moment }: Case): string {
  const index = momentsOf(way).findIndex(({ step, at }) => step === moment.step && at === moment.at)
  return `#${1 + ((index * 3) % 11)}`
}

function migrateWords({ way: { mode, path, isStretched }, moment }: Case): string[] {
  const fromTo = ['--from', 'wherry-alpha', '--to', 'wherry-beta', '--mode', mode, '--path', path]
  const slow = moment.step === 'pre-copy' && moment.at === 'inside' ? ['--limit-rate', '8M'] : []
  const joined = isStretched ? ['--stretch', '--forward'] : []
  return ['migrate', workload.name, ...fromTo, ...slow, ...joined]
}

/** Enough to do for the step that a fault has to strike inside of. */
function workloadFor({ way, moment: { step, at }, fault }: Case): WorkloadOptions {
  const inside = at === 'inside' ? step : ''
  return {
    bulkMegabytes: { 'pre-copy': 16, 'final-round': 200 }[inside] ?? 1,
    rewritesAtStop: inside === 'final-round',
    slowStopMs: inside === 'rest' ? 3000 : 0,
    // An engine that starts again may give two containers each other's address, which it chose itself.
    choosesAddress: !way.isStretched || fault.endsWith('daemon'),
  }
}
