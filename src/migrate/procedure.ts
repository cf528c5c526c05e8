import type { Plan } from '../model/plan.ts'
import type { Step } from './run.ts'
import { startAgents } from './steps/agents.ts'
import { makeBindDirectories } from './steps/bind-directories.ts'
import { createContainers } from './steps/containers.ts'
import { cleanUp, commit, restorePolicies } from './steps/finish.ts'
import { checkForwarders, setForwardersAside, startForwarders } from './steps/forward.ts'
import { endFrozen } from './steps/frozen.ts'
import { bringImages } from './steps/images.ts'
import { createNetworks } from './steps/networks.ts'
import { bringToRest, fence } from './steps/rest.ts'
import { finalRound, preCopy } from './steps/rounds.ts'
import { startTarget } from './steps/start.ts'
import { createVolumes } from './steps/volumes.ts'

/** The steps of a migration, in order. Everything before `commit` can be undone. */
export function stepsOf({ options, setAside }: Plan): Step[] {
  return [
    bringImages,
    createNetworks,
    createVolumes,
    makeBindDirectories,
    createContainers,
    startAgents,
    ...(options.mode === 'warm' ? [preCopy] : []),
    fence,
    bringToRest,
    ...(options.forward ? [startForwarders] : []),
    ...(setAside ? [setForwardersAside] : []),
    finalRound,
    startTarget,
    ...(options.forward ? [checkForwarders] : []),
    commit,
    restorePolicies,
    endFrozen,
    cleanUp,
  ]
}
