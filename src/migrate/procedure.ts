import type { Plan } from '../model/plan.ts'
import type { Step } from './run.ts'
import { startAgents } from './steps/agents.ts'
import { makeBindDirectories } from './steps/bind-directories.ts'
import { createContainers } from './steps/containers.ts'
import { cleanUp, commit, restorePolicies } from './steps/finish.ts'
import { endFrozen } from './steps/frozen.ts'
import { placeGhosts, prepareGhosts } from './steps/ghosts.ts'
import { bringImages } from './steps/images.ts'
import { createNetworks } from './steps/networks.ts'
import { bringToRest, fence } from './steps/rest.ts'
import { finalRound, preCopy } from './steps/rounds.ts'
import { startTarget } from './steps/start.ts'
import { stretchNetworks } from './steps/stretch.ts'
import { createVolumes } from './steps/volumes.ts'

/** The steps of a migration, in order. Everything before `commit` can be undone. */
export function stepsOf({ options }: Plan): Step[] {
  return [
    bringImages,
    createNetworks,
    stretchNetworks,
    createVolumes,
    makeBindDirectories,
    createContainers,
    placeGhosts,
    startAgents,
    ...(options.mode === 'warm' ? [preCopy] : []),
    prepareGhosts,
    fence,
    bringToRest,
    finalRound,
    startTarget,
    commit,
    restorePolicies,
    endFrozen,
    cleanUp,
  ]
}
