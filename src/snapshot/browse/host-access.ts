import type { Manifest } from '../../model/manifest.ts'

const namespaces = {
  NetworkMode: 'network',
  PidMode: 'processes',
  IpcMode: 'shared memory',
  UTSMode: 'host name',
  UsernsMode: 'users',
} as const

/** What a container gets of its engine's host, or of other containers there, beyond what every container does, in words. */
export function hostAccess({ hostConfig, mounts }: Pick<Manifest, 'hostConfig' | 'mounts'>): string[] {
  const list = (field: string): unknown[] =>
    Array.isArray(hostConfig[field]) ? (hostConfig[field] as unknown[]) : []
  const binds = list('Binds')
    .map(String)
    .filter((bind) => bind.startsWith('/'))
  const mounted = list('Mounts')
    .map((mount) => mount as { Type?: string; Source?: string; Target?: string })
    .filter(({ Type }) => Type === 'bind')
    .map(({ Source, Target }) => `${Source}:${Target}`)
  const listed = mounts
    .filter(({ kind }) => kind === 'bind')
    .map(({ source, destination }) => `${source}:${destination}`)
  const isNew = (place: string) => ![...binds, ...mounted].some((bind) => bind.startsWith(place))
  return [
    ...(hostConfig.Privileged === true ? ['everything (privileged)'] : []),
    ...Object.entries(namespaces).flatMap(([field, what]) =>
      hostConfig[field] === 'host' ? [`its ${what}`] : [],
    ),
    ...list('CapAdd').map((capability) => `capability ${capability}`),
    ...list('SecurityOpt')
      .map(String)
      .filter((option) => /unconfined|disable/.test(option)),
    ...list('Devices').map((device) => String((device as { PathOnHost?: string } | null)?.PathOnHost)),
    ...list('DeviceCgroupRules').map((rule) => `devices ${rule}`),
    ...(list('DeviceRequests').length > 0 ? ['devices that its engine finds'] : []),
    ...list('VolumesFrom').map((from) => `volumes of ${from}`),
    ...binds,
    ...mounted,
    ...listed.filter(isNew),
  ]
}
