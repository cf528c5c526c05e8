import { stepsOf } from '../../src/migrate/procedure.ts'
import type { DataPath, Mode, Plan } from '../../src/model/plan.ts'
import type { FaultName } from './faults/index.ts'

export type Recovery = 'resume' | 'rollback'

/** How the migration is done. */
export interface Way {
  mode: Mode
  path: Exclude<DataPath, 'auto'>
  /** With `--stretch --forward`, while a peer stays on the source's network. */
  isStretched?: boolean
}

/** When a fault strikes: right after a record of the journal, or a while into a step. */
export interface Moment {
  step: string
  at: 'intent' | 'inside' | 'done' | 'commit'
}

/** One combination of the matrix. */
export interface Case {
  way: Way
  moment: Moment
  fault: FaultName
  /** What the user does where the migration does not end by itself. */
  recovery: Recovery
}

/** How long a step is let to work before a fault strikes inside it. */
export const insideMs: Readonly<Record<string, number>> = {
  stretch: 2500,
  ghosts: 500,
  'pre-copy': 600,
  takeover: 500,
  rest: 250,
  'final-round': 120,
  start: 400,
  'forward-check': 100,
}

export const ways: readonly Way[] = [
  { mode: 'warm', path: 'direct' },
  { mode: 'warm', path: 'relay' },
  { mode: 'cold', path: 'direct' },
  { mode: 'cold', path: 'relay' },
  { mode: 'warm', path: 'direct', isStretched: true },
]

/** A way as people write it, in words. */
export function wordsOf({ mode, path, isStretched }: Way): string[] {
  return [mode, path, ...(isStretched ? ['stretched'] : [])]
}

/** The names of a migration's steps, in order. */
export function stepNames({ mode, isStretched }: Omit<Way, 'path'>): string[] {
  const plan = {
    options: { mode, ...(isStretched ? { forward: {} } : {}) },
    containers: [],
    networks: isStretched ? [{ action: 'stretch' }] : [],
    ghosts: { onSource: isStretched ? [{}] : [], onTarget: [], givingWay: [] },
  }
  return stepsOf(plan as unknown as Plan).map(({ name }) => name)
}

/** Every moment of a migration, in order. */
export function momentsOf(way: Way): Moment[] {
  return stepNames(way).flatMap((step) => [
    { step, at: 'intent' as const },
    ...(step in insideMs ? [{ step, at: 'inside' as const }] : []),
    { step, at: 'done' as const },
    ...(step === 'commit' ? [{ step, at: 'commit' as const }] : []),
  ])
}

/** Whether the commit record is written by then. */
export function isCommitted(way: Way, { step, at }: Moment): boolean {
  const steps = stepNames(way)
  return at === 'commit' || steps.indexOf(step) > steps.indexOf('commit')
}

/** Whether a fault has anything to strike at that moment. */
export function applies(fault: FaultName, way: Way, moment: Moment): boolean {
  const isBetween = (first: Moment, last: Moment) => {
    const moments = momentsOf(way).map(({ step, at }) => `${step}/${at}`)
    const index = (one: Moment) => moments.indexOf(`${one.step}/${one.at}`)
    return index(moment) >= index(first) && index(moment) <= index(last)
  }
  const agentsUp: Moment = { step: 'agents', at: 'done' }
  switch (fault) {
    case 'source-agent':
    case 'target-agent':
      return isBetween(agentsUp, { step: 'clean-up', at: 'intent' })
    case 'sigint':
    case 'sigint-twice':
      return !isCommitted(way, moment)
    case 'disk':
      // The anonymous volume's directory is made with the container, or fails to be.
      return isBetween({ step: 'images', at: 'done' }, { step: 'clean-up', at: 'done' })
    default:
      return true
  }
}

/** A case as people write it: `warm direct, final-round/inside, sigkill, resume`. */
export function nameOf({ way, moment, fault, recovery }: Case): string {
  return `${wordsOf(way).join(' ')}, ${moment.step}/${moment.at}, ${fault}, ${recovery}`
}

const all: readonly FaultName[] = [
  'sigkill',
  'sigkill-twice',
  'sigint',
  'sigint-twice',
  'source-agent',
  'target-agent',
  'source-daemon',
  'target-daemon',
  'link',
  'disk',
]

/** Every combination there is: what random cases are drawn from. */
export function everyCase(): Case[] {
  return ways.flatMap((way) =>
    momentsOf(way).flatMap((moment) =>
      all
        .filter((fault) => applies(fault, way, moment))
        .flatMap((fault) =>
          (['resume', 'rollback'] as const).map((recovery) => ({ way, moment, fault, recovery })),
        ),
    ),
  )
}
