import { readFile } from 'node:fs/promises'
import { image } from './configurations.ts'
import { docker, type EngineName } from './engines.ts'

const script = await readFile(new URL('../../contracts/peer.py', import.meta.url), 'utf8')

/** One that is told its host's name (`--uts host`) does not start where a file says so. */
const start = 'if [ -e "/refuses-$(hostname)" ]; then exit 7; fi; exec python3 -c "$0" serve'

/** What follows `docker run` and its further options for a container that serves, and asks others, by TCP and UDP. */
export function peerWords(name: string): string[] {
  // It ends at once when it is told to.
  return ['--init', '--name', name, '--stop-timeout', '0', image, 'sh', '-c', start, script]
}

/** Runs such a container. */
export async function startPeer(engine: EngineName, name: string, ...options: string[]): Promise<void> {
  await docker(engine, 'run', '-d', ...options, ...peerWords(name))
}

/** The words by which a container asks another for so many bytes, and gives as many, by TCP and UDP. */
export function askWords(host: string, bytes = 0): string[] {
  // The question for a name that nobody knows may take long to be given up.
  return ['timeout', bytes > 0 ? '100' : '10', 'python3', '-c', script, 'ask', host, String(bytes)]
}

/** Lets one container ask another. */
export async function ask(
  engine: EngineName,
  from: string,
  host: string,
  bytes = 0,
): Promise<{ failure?: string; rates?: string }> {
  try {
    return { rates: await docker(engine, 'exec', from, ...askWords(host, bytes)) }
  } catch (error) {
    return { failure: (error as Error).message.trim().split('\n').at(-1) ?? '' }
  }
}

const caller = await readFile(new URL('./caller.py', import.meta.url), 'utf8')

/** The longest time without an answer, in seconds. */
export interface Gaps {
  tcp: number
  udp: number
}

/** A program in a container that calls another by its name, every 20 ms and each time anew. */
export class Caller {
  readonly #engine: EngineName
  readonly #from: string
  readonly #ended: Promise<string>

  constructor(engine: EngineName, from: string, to: string) {
    this.#engine = engine
    this.#from = from
    this.#ended = docker(engine, 'exec', from, 'python3', '-c', caller, to)
    // Told to whoever stops it.
    this.#ended.catch(() => {})
  }

  async stop(): Promise<Gaps> {
    await docker(this.#engine, 'exec', this.#from, 'touch', '/tmp/enough')
    return JSON.parse(await this.#ended)
  }
}
