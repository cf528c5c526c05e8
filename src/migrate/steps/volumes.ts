import { RefusedError } from '../../model/errors.ts'
import { migrationLabel } from '../../model/plan.ts'
import type { Step } from '../run.ts'

/** Makes the named volumes, empty, on the target. */
export const createVolumes: Step = {
  name: 'volumes',
  async do({ plan, target }) {
    for (const { name, driver, options, labels } of plan.volumes) {
      // Creating a volume that is there is no error to an engine, but it would be one to its owner.
      const there = await target.volumes.inspect(name)
      if (there?.Labels?.[migrationLabel] === plan.id) continue
      if (there) throw appeared(name, target.name)
      await target.volumes.create({ Name: name, Driver: driver, DriverOpts: options, Labels: labels })
      // Somebody else may have made it between the look and the creation: then the engine gave us theirs.
      const made = await target.volumes.inspect(name)
      if (made && made.Labels?.[migrationLabel] !== plan.id) throw appeared(name, target.name)
    }
    return { created: plan.volumes.map(({ name }) => name) }
  },
  async undo({ plan, target }) {
    for (const { Name } of await target.volumes.list({ labels: [`${migrationLabel}=${plan.id}`] })) {
      await target.volumes.remove(Name)
    }
  },
}

function appeared(name: string, engine: string): RefusedError {
  return new RefusedError('volume-exists', `A volume named ${name} has appeared on ${engine}.`)
}
