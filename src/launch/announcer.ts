import { once } from 'node:events'
import type { Engine } from '../engine/engine.ts'

/** A helper that tells the neighbours of a container where its addresses are now (src/agent/network/announce.ts). */
export interface AnnouncerRequest {
  image: string
  name: string
  labels: Record<string, string>
  /** The container whose network namespace it joins; it need not run yet. */
  container: string
  addresses: readonly string[]
}

/** Creates an announcer, not started: what can be done before the container starts is done before. Gives its id. */
export function createAnnouncer(engine: Engine, request: AnnouncerRequest): Promise<string> {
  const { image, name, labels, container, addresses } = request
  return engine.containers.create(name, {
    Image: image,
    Cmd: ['announce', JSON.stringify({ addresses })],
    Labels: labels,
    User: '0:0',
    StopSignal: 'SIGKILL',
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      AutoRemove: true,
      NetworkMode: `container:${container}`,
      CapDrop: ['ALL'],
      CapAdd: ['NET_RAW'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
    },
  })
}

/** Far more than one needs. */
const patienceMs = 30_000

/**
 * Starts an announcer in a running container's namespace, and waits until it has ended: it announces at once, and again a
 * second later. @throws Error with its words when it fails
 */
export async function letAnnounce(engine: Engine, announcer: string): Promise<void> {
  const { stdin, stdout, stderr } = await engine.containers.attach(announcer)
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
  const said = { out: '', error: '' }
  stdout.on('data', (chunk: Buffer) => {
    said.out += chunk
  })
  stderr.on('data', (chunk: Buffer) => {
    said.error += chunk
  })
  const ended = once(stdout, 'close', { signal: AbortSignal.timeout(patienceMs) })
  // Where the start fails, nobody waits for the end any more.
  ended.catch(() => {})
  await engine.containers.start(announcer)
  await ended
  if (said.out === '') throw new Error(said.error.trim() || 'it ended without a word')
}
