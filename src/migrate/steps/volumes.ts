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
      if (there) {
        throw new RefusedError('volume-exists', `A volume named ${name} has appeared on ${target.name}.`)
      }
      await target.volumes.create({ Name: name, Driver: driver, DriverOpts: options, Labels: labels })
    }
    return { created: plan.volumes.map(({ name }) => name) }
  },
  async undo({ plan, target }) {
    for (const { Name } of await target.volumes.list({ labels: [`${migrationLabel}=${plan.id}`] })) {
      await target.volumes.remove(Name)
    }
  },
}
