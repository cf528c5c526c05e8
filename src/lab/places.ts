import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RefusedError } from '../model/errors.ts'
import { stateDirectory } from '../platform/directories.ts'

/** The lab's two engines. */
export type LabEngineName = 'alpha' | 'beta'
export const labEngineNames: readonly LabEngineName[] = ['alpha', 'beta']

/** Which engine release the lab runs: Debian's stable or its newest. */
export type LabFlavour = 'stable' | 'latest'

/** Marks the containers, volumes and the network of the lab on the outer engine. */
export const labLabel = 'wherry.lab'

/** The name of an engine as its context and its ssh host have it. */
export const contextName = (name: LabEngineName) => `wherry-${name}`

/** A unix socket's path must fit into sun_path (108 bytes on Linux, 104 on macOS). */
const longestSocketPath = 103

/** Where the lab keeps its files. */
export function labPlaces() {
  const root = join(stateDirectory(), 'lab')
  const id = createHash('sha256').update(root).digest('hex').slice(0, 8)
  // So that labs of several state directories can share one outer engine.
  const suffix = process.env.WHERRY_STATE_DIR ? `-${id}` : ''
  const socketOf = (name: LabEngineName) => join(root, name, 'run', 'docker.sock')
  if (Buffer.byteLength(socketOf('alpha')) > longestSocketPath) {
    throw new RefusedError('lab-path-too-long', `the path of the lab's sockets is too long: ${root}`, {
      suggestions: ['Set WHERRY_STATE_DIR to a shorter path'],
    })
  }
  return {
    root,
    /** Beside the lab's own directory, because `down` removes that. */
    lock: join(stateDirectory(), 'lab.lock'),
    record: join(root, 'lab.json'),
    loaded: join(root, 'loaded-images.json'),
    made: join(root, 'made-images.json'),
    engine: (name: LabEngineName) => join(root, name),
    runDirectory: (name: LabEngineName) => join(root, name, 'run'),
    socket: socketOf,
    /** An engine's container on the outer engine, and the volume with its data root. */
    container: (name: LabEngineName) => `wherry-lab-${name}${suffix}`,
    volume: (name: LabEngineName) => `wherry-lab-${name}${suffix}`,
    /** The network on the outer engine that both engines are on. */
    network: `wherry-lab${suffix}`,
    tls: join(root, 'tls'),
    ssh: join(root, 'ssh'),
    sshConfig: join(root, 'ssh', 'config'),
    /** The cgroup of an engine's containers, where they are not inside the engine's own. */
    cgroup: (name: LabEngineName) => `/wherry-lab-${id}-${name}`,
    outer: privateEnginePlaces(root, id),
  }
}

export type LabPlaces = ReturnType<typeof labPlaces>

/** Where the private outer engine keeps its files. The exec root is under /run: socket paths in it are long. */
function privateEnginePlaces(root: string, id: string) {
  const directory = join(root, 'outer')
  return {
    directory,
    socket: join(directory, 'docker.sock'),
    data: join(directory, 'data'),
    pid: join(directory, 'dockerd.pid'),
    log: join(directory, 'dockerd.log'),
    /** How the machine's firewall and forwarding were before the engine changed them. */
    before: join(directory, 'before.json'),
    exec: `/run/wherry-lab-${id}`,
    /** The cgroup that its containers are in, so that it can be found and removed. */
    cgroup: `/wherry-lab-${id}`,
  }
}

export type PrivateEnginePlaces = LabPlaces['outer']

/** A directory of the package's images/, the same from src/ and from dist/. */
export function imageDirectory(name: string): string {
  return fileURLToPath(new URL(`../../images/${name}`, import.meta.url))
}
