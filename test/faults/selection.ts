import type { FaultName } from './faults/index.ts'
import { applies, type Case, everyCase, type Moment, momentsOf, type Recovery, type Way } from './matrix.ts'

const recoveries: readonly Recovery[] = ['resume', 'rollback']
const warmDirect: Way = { mode: 'warm', path: 'direct' }
const stretched: Way = { ...warmDirect, isStretched: true }
const daemons: readonly FaultName[] = ['source-daemon', 'target-daemon']
const agents: readonly FaultName[] = ['source-agent', 'target-agent']

const isBoundary = ({ at }: Moment) => at !== 'done'
const isInside = ({ at }: Moment) => at === 'inside'
const isLong = ({ step }: Moment) => /^(agents|pre-copy|final-round|start|clean-up)$/.test(step)
/** Moments at which everything that could go wrong is tried in every way of migrating. */
const isTender = ({ step, at }: Moment) =>
  ['agents/done', 'rest/inside', 'final-round/inside', 'start/inside', 'commit/commit'].includes(
    `${step}/${at}`,
  )
const isCopying = ({ step, at }: Moment) => ['agents/done', 'final-round/inside'].includes(`${step}/${at}`)
/** What a stretched way has more than others. */
const isJoining = ({ step }: Moment) =>
  /^(stretch|ghosts|takeover|rest|forward|start|forward-check|commit)$/.test(step)
/** Moments of those at which much is half done: forwarders are made while other steps go on. */
const isHalfJoined = ({ step, at }: Moment) =>
  isJoining({ step, at }) && (at === 'inside' || at === 'commit' || `${step}/${at}` === 'forward/done')

/** The whole matrix: the CLI killed everywhere, and each other fault wherever it finds another situation. */
export function fullMatrix(): Case[] {
  return [
    ...combined(warmDirect, () => true, ['sigkill'], 'both'),
    ...combined(warmDirect, isBoundary, ['sigint', ...daemons]),
    ...combined(warmDirect, isTender, ['sigint-twice']),
    ...combined(warmDirect, (moment) => isBoundary(moment) && isLong(moment), ['sigkill-twice']),
    ...combined(warmDirect, (moment) => isBoundary(moment) && isLong(moment), [...agents, 'disk']),
    ...combined(warmDirect, (moment) => isInside(moment) || isCopying(moment), ['link']),
    ...otherWays().flatMap((way) => [
      ...combined(way, isTender, ['sigkill'], 'both'),
      ...combined(way, isTender, ['sigint', ...daemons]),
      ...combined(way, isCopying, [...agents, 'link', 'disk']),
    ]),
    ...combined(stretched, isHalfJoined, ['sigkill'], 'both'),
    ...combined(stretched, (moment) => isJoining(moment) && !isHalfJoined(moment), ['sigkill']),
    ...combined(stretched, isHalfJoined, ['sigint', ...daemons, 'sigkill-twice']),
  ]
}

const otherWays = (): Way[] => [
  { mode: 'cold', path: 'direct' },
  { mode: 'warm', path: 'relay' },
]

/** Cases of all moments that suit; where the recovery is seldom needed it alternates instead of being tried both ways. */
function combined(
  way: Way,
  suits: (moment: Moment) => boolean,
  faults: readonly FaultName[],
  recovery: 'both' | 'alternate' = 'alternate',
): Case[] {
  return faults.flatMap((fault) =>
    momentsOf(way)
      .filter((moment) => suits(moment) && applies(fault, way, moment))
      .flatMap((moment, index) => {
        const tried = recovery === 'both' ? recoveries : recoveries.slice(index % 2, (index % 2) + 1)
        return tried.map((each) => ({ way, moment, fault, recovery: each }))
      }),
  )
}

/** A number of cases drawn from all combinations, the same for the same seed. */
export function randomCases(count: number, seed: number): Case[] {
  const all = everyCase()
  const next = generator(seed)
  return Array.from({ length: count }, () => all[Math.floor(next() * all.length)] as Case)
}

/** Numbers from 0 up to 1 (mulberry32, by Tommy Ettinger; in the public domain). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
