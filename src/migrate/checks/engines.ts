import { type Check, findings } from './check.ts'

/** The two engines are two, and the target can run what the source runs. */
export const checkEngines: Check = ({ source, target, manifests, layerChanged }) => {
  const found = findings()
  if (source.id === target.id) {
    found.refuse(
      'same-engine',
      `${source.name} and ${target.name} are the same engine.`,
      'Name another engine with --to.',
    )
    return found
  }
  for (const { name, image, hostConfig, id } of manifests) {
    if (image.os !== target.os || image.architecture !== target.architecture) {
      found.refuse(
        'other-architecture',
        `The image of ${name} is for ${image.os}/${image.architecture}; ${target.name} runs ${target.os}/${target.architecture}.`,
        'Choose a target of the same architecture.',
      )
    }
    const { Runtime, LogConfig } = hostConfig
    if (Runtime && !target.runtimes.includes(Runtime)) {
      found.refuse(
        'no-runtime',
        `${name} uses the runtime ${Runtime}, which ${target.name} does not have.`,
        `Install it there. It has: ${target.runtimes.join(', ')}.`,
      )
    }
    if (LogConfig?.Type && !target.logDrivers.includes(LogConfig.Type)) {
      found.refuse(
        'no-log-driver',
        `${name} uses the log driver ${LogConfig.Type}, which ${target.name} does not have.`,
        `Install its plugin there. It has: ${target.logDrivers.join(', ')}.`,
      )
    }
    if (layerChanged[id]) {
      found.refuse(
        'writable-layer',
        `${name} has changes in its writable layer, and they can be carried only between engines with the overlay2 storage driver (${source.name}: ${source.storageDriver}, ${target.name}: ${target.storageDriver}).`,
        'Move these files to a volume, or commit the container to an image and run it from there.',
      )
    }
  }
  return found
}
