import type { Plan } from '../model/plan.ts'
import type { Step } from './run.ts'
import { startAgents } from './steps/agents.ts'
import { makeBindDirectories } from './steps/bind-directories.ts'
import { createContainers } from './steps/containers.ts'
import { cleanUp, commit, restorePolicies } from './steps/finish.ts'
import { checkForwarders, setForwardersAside, startForwarders } from './steps/forward.ts'
import { endFrozen } from './steps/frozen.ts'
import { hasGhosts, letGhostsGiveWay, placeGhosts, prepareGhosts } from './steps/ghosts.ts'
import { holdAddresses, holdsAddresses } from './steps/hold.ts'
import { bringImages } from './steps/images.ts'
import { createNetworks } from './steps/networks.ts'
import { bringToRest, fence } from './steps/rest.ts'
import { finalRound, preCopy } from './steps/rounds.ts'
import { startTarget } from './steps/start.ts'
import { stretchNetworks } from './steps/stretch.ts'
import { createVolumes } from './steps/volumes.ts'

/** The steps of a migration, in order. Everything before `commit` can be undone. */
export function stepsOf(plan: Plan): Step[] {
  return [
    bringImages,
    createNetworks,
    ...(isStretched(plan) ? [stretchNetworks] : []),
    createVolumes,
    makeBindDirectories,
    createContainers,
    ...(hasGhosts(plan) ? [placeGhosts] : []),
    startAgents,
    ...(plan.options.mode === 'warm' ? [preCopy] : []),
    ...(plan.ghosts.givingWay.length > 0 ? [letGhostsGiveWay] : []),
    ...(hasGhosts(plan) ? [prepareGhosts] : []),
    fence,
    bringToRest,
    ...(holdsAddresses(plan) ? [holdAddresses] : []),
    ...(plan.options.forward ? [startForwarders] : []),
    ...(plan.setAside ? [setForwardersAside] : []),
    finalRound,
    startTarget,
    ...(plan.options.forward ? [checkForwarders] : []),
    commit,
    restorePolicies,
    endFrozen,
    cleanUp,
  ]
}

function isStretched({ networks }: Plan): boolean {
  return networks.some(({ action }) => action === 'stretch')
}
