import { type Check, dockerFor, findings } from './check.ts'

/** The containers can be taken as they are, and their names are free. */
export const checkContainers: Check = ({ manifests, source, target, targetContainers }, options) => {
  const found = findings()
  for (const manifest of manifests) {
    const { name, state, hostConfig } = manifest
    const taken = targetContainers.find(({ Names }) => Names.includes(`/${name}`))
    if (taken) {
      found.refuse(
        'name-taken',
        `${target.name} already has a container named ${name} (${taken.State}).`,
        `Rename or remove it there: ${dockerFor(target.name)} rename ${name} ${name}-old`,
      )
    }
    if (state.paused || ['restarting', 'removing', 'dead'].includes(state.status)) {
      found.refuse(
        'container-state',
        `${name} is ${state.status}; it must be running or stopped.`,
        state.paused ? `docker unpause ${name}` : 'Wait until it has settled, or stop it.',
      )
    }
    if (hostConfig.AutoRemove && state.running) {
      found.warn(
        'auto-remove',
        `${name} was started with --rm: it would vanish with its anonymous volumes when it ends. It is frozen instead, like with --consistency crash, and its source copy stays frozen. Never unpause it; when you need it no longer, remove it: ${dockerFor(source.name)} rm -fv ${name}`,
      )
    }
  }
  if (options.consistency === 'crash') {
    found.warn(
      'crash-consistency',
      'The containers are frozen, not stopped: their software recovers as after a power cut. After the move the source copies are killed.',
    )
  }
  return found
}
