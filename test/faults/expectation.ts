import { exitCodes } from '../../src/model/errors.ts'
import { type Case, isCommitted, momentsOf } from './matrix.ts'

const { done, rolledBack, needsUser, interrupted } = exitCodes

/** With which exit codes a migration that is not killed may end when a fault strikes at that moment. */
export function allowedExitCodes({ way, moment, fault }: Case): number[] {
  // Committed: the way is forward, by itself or with the user's `resume`.
  if (isCommitted(way, moment)) return [done, needsUser]
  const mayBeDone = isServing({ way, moment }) ? [done] : []
  switch (fault) {
    case 'sigint':
      return [interrupted, ...mayBeDone]
    case 'sigint-twice':
      return [interrupted, needsUser, ...mayBeDone]
    case 'source-daemon':
    case 'target-daemon':
      return [done, rolledBack, needsUser]
    default:
      return [done, rolledBack]
  }
}

/** Whether the target serves by then: from there wherry goes on, also when it is interrupted. */
function isServing({ way, moment }: Pick<Case, 'way' | 'moment'>): boolean {
  const moments = momentsOf(way).map(({ step, at }) => `${step}/${at}`)
  return moments.indexOf(`${moment.step}/${moment.at}`) >= moments.indexOf('start/done')
}
