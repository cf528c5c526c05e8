import type { Manifest } from '../../model/manifest.ts'

const namespaces = {
  NetworkMode: 'network',
  PidMode: 'processes',
  IpcMode: 'shared memory',
  UTSMode: 'host name',
} as const

/** What a container gets of its engine's host beyond what every container does, in words. */
export function hostAccess({ hostConfig, mounts }: Pick<Manifest, 'hostConfig' | 'mounts'>): string[] {
  const settings = hostConfig as Record<string, unknown>
  const list = (field: string) => (Array.isArray(settings[field]) ? (settings[field] as unknown[]) : [])
  const devices = list('Devices').map((device) => (device as { PathOnHost?: string }).PathOnHost)
  return [
    ...(settings.Privileged === true ? ['everything (privileged)'] : []),
    ...Object.entries(namespaces).flatMap(([field, what]) =>
      settings[field] === 'host' ? [`its ${what}`] : [],
    ),
    ...list('CapAdd').map((capability) => `capability ${capability}`),
    ...list('SecurityOpt')
      .filter((option) => /unconfined|disable/.test(String(option)))
      .map(String),
    ...devices.flatMap((device) => (device === undefined ? [] : [device])),
    ...mounts
      .filter(({ kind }) => kind === 'bind')
      .map(({ source, destination }) => `${source} at ${destination}`),
  ]
}
