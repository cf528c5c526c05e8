import { existsSync, lstatSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, release, totalmem } from 'node:os'
import { fileSystemName } from './file-system.ts'
import { hostAddresses } from './host-addresses.ts'
import { inside, resolveHostPath } from './host-path.ts'
import { interfaceNames } from './network/interfaces.ts'
import { type ListeningPort, parsePorts, parseRoutes, type Route } from './probe-network.ts'

/** What to look at. Nothing is changed. */
export interface ProbeParams {
  /** Where the host's root is mounted: the paths are the host's. Without it they are this process's own. */
  root?: string
  /** Paths whose file systems are described. */
  statfs?: string[]
  /** Paths that are looked for: files, directories, devices. */
  exist?: string[]
  /** Also list the ports that are taken, and routes, in the agent's own network namespace. */
  networkNamespacePorts?: boolean
  /** Kernel modules that are looked for, beside vxlan. */
  modules?: string[]
}

export interface FileSystemFacts {
  path: string
  error?: string
  type?: string
  totalBytes?: number
  freeBytes?: number
  totalInodes?: number
  freeInodes?: number
}

export interface PathFacts {
  path: string
  /** Of what the path leads to, through symlinks. `dead-end`: through something that leads nowhere. */
  kind: 'missing' | 'directory' | 'file' | 'device' | 'other' | 'dead-end'
  /** The path without symlinks, one character per byte: equal for equal places. */
  real: string
  /** Directories only. */
  isEmpty?: boolean
}

/** Facts about an engine's host, for preflight. */
export interface Probe {
  kernel: string
  cpus: number
  memoryBytes: number
  fileSystems: FileSystemFacts[]
  paths: PathFacts[]
  /** True also for what is built into the kernel or could be loaded; undefined when it cannot be told. */
  modules: Record<string, boolean | undefined>
  /** The best to be reached at first. */
  addresses: string[]
  /** Those of them that are on a VPN's interface. */
  vpnAddresses: string[]
  /** Names of the network interfaces, the loopback one left out. */
  interfaces: string[]
  ports?: ListeningPort[]
  routes?: Route[]
}

/** Looks at the host. Never throws for a thing that is missing. */
export function probe(params: ProbeParams): Probe {
  const { root = '' } = params
  const { all, vpn } = hostAddresses()
  return {
    kernel: release(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    fileSystems: (params.statfs ?? []).map((path) => describeFileSystem(root, path)),
    paths: (params.exist ?? []).map((path) => describePath(root, path)),
    modules: Object.fromEntries(
      ['vxlan', ...(params.modules ?? [])].map((name) => [name, hasModule(root, name)]),
    ),
    addresses: all,
    vpnAddresses: vpn,
    interfaces: interfaceNames(),
    ...(params.networkNamespacePorts
      ? { ports: parsePorts(readProc), routes: parseRoutes(readProc('route')) }
      : {}),
  }
}

function readProc(name: string): string {
  return readText(`/proc/net/${name}`)
}

function describeFileSystem(root: string, path: string): FileSystemFacts {
  try {
    const { names, missing } = resolveHostPath(root, path)
    const facts = statfsSync(inside(root, [...names, ...missing]))
    return {
      path,
      type: fileSystemName(facts.type),
      totalBytes: facts.blocks * facts.bsize,
      freeBytes: facts.bavail * facts.bsize,
      totalInodes: facts.files,
      freeInodes: facts.ffree,
    }
  } catch (error) {
    return { path, error: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}

function describePath(root: string, path: string): PathFacts {
  const { names, missing, isDeadEnd } = resolveHostPath(root, path)
  const real = `/${[...names, ...missing].join('/')}`
  if (isDeadEnd) return { path, real, kind: 'dead-end' }
  if (missing.length > 0) return { path, real, kind: 'missing' }
  try {
    const stat = lstatSync(inside(root, names))
    if (stat.isDirectory()) return { path, real, kind: 'directory', isEmpty: isEmpty(inside(root, names)) }
    if (stat.isBlockDevice() || stat.isCharacterDevice()) return { path, real, kind: 'device' }
    return { path, real, kind: stat.isFile() ? 'file' : 'other' }
  } catch {
    return { path, real, kind: 'missing' }
  }
}

/** A directory that cannot be read may hold anything. */
function isEmpty(path: Buffer): boolean {
  try {
    return readdirSync(path).length === 0
  } catch {
    return false
  }
}

/**
 * Whether the kernel has a module. Loaded or built in: known for certain, by the functions that the kernel names
 * (/proc/kallsyms). One that could be loaded is found only where the host's /lib/modules is to be seen, unless the kernel
 * loads none at all: then it has no /proc/modules (proc(5)).
 */
function hasModule(root: string, name: string): boolean | undefined {
  if (existsSync(`/sys/module/${name}`)) return true
  const functions = readText('/proc/kallsyms')
  if (functions.includes(` ${name}_init_module`)) return true
  if (functions !== '' && !existsSync('/proc/modules')) return false
  for (const top of new Set([root, ''])) {
    const list = readText(`${top}/lib/modules/${release()}/modules.dep`)
    if (list !== '') return list.includes(`/${name}.ko`)
  }
  return undefined
}

/** The text of a file, empty where it cannot be read. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
