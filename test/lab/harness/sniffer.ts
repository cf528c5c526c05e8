import { readFile } from 'node:fs/promises'
import { waitFor } from '../../../src/lab/wait.ts'
import { image } from './configurations.ts'
import { docker, type EngineName } from './engines.ts'

const script = await readFile(new URL('./sniffer.py', import.meta.url), 'utf8')

/** What was seen between the hosts. */
export interface Seen {
  frames: number
  /** Frames in which the word could be read. */
  readable: number
  /** Frames to the UDP port. */
  toPort: number
}

/** Listens between the hosts, on one engine's side, for a word and for a UDP port while something is done. */
export async function listenFor(
  engine: EngineName,
  word: string,
  port: number,
  action: () => Promise<void>,
): Promise<Seen> {
  const name = 't-sniffer'
  await docker(
    engine,
    ...['run', '-d', '--rm', '--init', '--name', name, '--network', 'host', '--cap-add', 'NET_RAW'],
    ...[image, 'sleep', '600'],
  )
  try {
    const ended = docker(engine, 'exec', name, 'python3', '-c', script, 'eth0', word, String(port))
    ended.catch(() => {})
    await waitFor({ what: 'the sniffer', timeoutMs: 20_000 }, async () => {
      await docker(engine, 'exec', name, 'test', '-e', '/tmp/listening')
      return true
    })
    await action()
    await docker(engine, 'exec', name, 'touch', '/tmp/enough')
    return JSON.parse(await ended)
  } finally {
    await docker(engine, 'rm', '-f', name)
  }
}
