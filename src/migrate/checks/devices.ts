import { type Check, findings } from './check.ts'

/** Devices that the containers use are on the target's host. Says nothing until an agent has looked. */
export const checkDevices: Check = ({ manifests, target, targetHost }) => {
  const found = findings()
  for (const { name, hostConfig } of manifests) {
    for (const { PathOnHost: path } of hostConfig.Devices ?? []) {
      if (targetHost?.paths[path]?.kind !== 'missing') continue
      found.refuse(
        'no-device',
        `${name} uses the device ${path}, which ${target.name} does not have.`,
        'Choose a target with that device.',
      )
    }
    if (hostConfig.DeviceRequests?.length) {
      found.warn(
        'device-requests',
        `${name} asks for devices by their abilities (such as GPUs): whether ${target.name} has them shows when it starts.`,
      )
    }
  }
  return found
}
