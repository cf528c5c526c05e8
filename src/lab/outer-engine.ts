import { EngineUnreachableError, RefusedError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { type ProcessOptions, type ProcessResult, run } from '../platform/process.ts'
import { contextName, type LabPlaces, labEngineNames } from './places.ts'
import { startPrivateEngine } from './private-engine.ts'
import { labFailure } from './wait.ts'

/** The engine that the lab's two engines are containers of. */
export interface OuterEngine {
  /** Its URL, as `docker --host` takes it. */
  host: string
  /** True for one that the lab started itself. */
  isPrivate: boolean
  /** The server's version. */
  version: string
  /** Runs the Docker CLI on it. Never throws: look at `failure`. */
  try(args: readonly string[], options?: ProcessOptions): Promise<ProcessResult>
  /** Runs the Docker CLI on it and gives its trimmed stdout. Throws `lab-docker-failed`. */
  docker(args: readonly string[], options?: ProcessOptions): Promise<string>
}

/** Where the outer engine is, as the lab's record keeps it. */
export interface OuterAddress {
  host: string
  isPrivate: boolean
}

/** The engine at an address, undefined where it does not answer within 30 seconds. */
export async function connectOuter(address: OuterAddress): Promise<OuterEngine | undefined> {
  const attempt = (args: readonly string[], options?: ProcessOptions) =>
    run('docker', ['--host', address.host, ...args], options)
  const version = await attempt(['version', '--format', '{{.Server.Version}}'], { timeoutMs: 30_000 })
  if (version.failure) return undefined
  return {
    ...address,
    version: version.stdout.trim(),
    try: attempt,
    async docker(args, options) {
      const result = await attempt(args, options)
      if (!result.failure) return result.stdout.trim()
      throw labFailure(
        'lab-docker-failed',
        `docker ${args.slice(0, 2).join(' ')} failed on ${address.host}`,
        result.stderr || result.stdout || result.failure,
      )
    },
  }
}

/** The engine that the docker CLI uses by default, unless that is one of the lab's own. */
export async function findOuterAddress(): Promise<OuterAddress | undefined> {
  if (process.env.DOCKER_HOST) return { host: process.env.DOCKER_HOST, isPrivate: false }
  const current = await run('docker', ['context', 'show'], { timeoutMs: 10_000 })
  const ours = labEngineNames.map(contextName)
  const context = current.failure || ours.includes(current.stdout.trim()) ? 'default' : current.stdout.trim()
  const host = await run('docker', ['context', 'inspect', context, '--format', '{{.Endpoints.docker.Host}}'])
  return host.failure ? undefined : { host: host.stdout.trim(), isPrivate: false }
}

/**
 * The recorded outer engine, else the one that is there, else a private one that is started now.
 * @throws RefusedError `lab-needs-engine` where there is none and none can be started.
 */
export async function ensureOuterEngine(
  places: LabPlaces,
  recorded: OuterAddress | undefined,
  report: Report,
): Promise<OuterEngine> {
  const candidates = [recorded, await findOuterAddress(), privateAddress(places)]
  for (const address of candidates) {
    const engine = address && (await connectOuter(address))
    if (engine) return engine
  }
  refuseWithoutRoot()
  await startPrivateEngine(places.outer, report)
  const engine = await connectOuter(privateAddress(places))
  if (engine) return engine
  throw new EngineUnreachableError(
    'lab-engine-silent',
    'the lab started a Docker engine that does not answer',
    {
      data: { log: places.outer.log },
    },
  )
}

/** The address that the private engine has while it runs. */
export function privateAddress(places: LabPlaces): OuterAddress {
  return { host: `unix://${places.outer.socket}`, isPrivate: true }
}

function refuseWithoutRoot(): void {
  if (process.platform === 'linux' && process.getuid?.() === 0) return
  throw new RefusedError('lab-needs-engine', 'the lab needs a Docker engine, and none answers here', {
    suggestions: [
      'Start Docker (Docker Desktop, or `sudo systemctl start docker`) and check with `docker version`',
      'Or run `wherry lab up` as root on a Debian-like Linux: it then brings an engine of its own',
    ],
  })
}
