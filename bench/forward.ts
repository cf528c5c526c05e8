import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { run } from '../src/platform/process.ts'
import { docker, type Engines, image, prefix, succeeded } from './engines.ts'
import { inTurns } from './in-turns.ts'
import { since } from './methods/method.ts'

/** What one kind of traffic achieves: to the target itself, and over the forwarder that its container left on the source. */
export interface Traffic {
  traffic: string
  unit: string
  direct: number
  forwarded: number
  ratio: number
}

const name = `${prefix}traffic`
const port = 18907
const wherry = fileURLToPath(new URL('../bin/run.js', import.meta.url))

/** Moves a server with `--forward` and measures both ways to it, taking turns. */
export async function measureForward({ alpha, beta }: Engines, scale: number): Promise<Traffic[]> {
  const server = await readFile(new URL('data/traffic.py', import.meta.url), 'utf8')
  const command = [image, 'python3', '-c', server]
  await docker('alpha', 'run', '--detach', '--name', name, '--publish', `${port}:7`, ...command)
  const words = ['migrate', name, '--from', alpha.context, '--to', beta.context, '--forward', '--json']
  succeeded('wherry migrate', await run(process.execPath, [wherry, ...words]))
  try {
    const bytes = Math.ceil(scale * 1e9)
    const questions = Math.ceil(scale * 2000)
    return [
      await compare('to the client', 'MB/s', alpha.address, beta.address, (host) => download(host, bytes)),
      await compare('from the client', 'MB/s', alpha.address, beta.address, (host) => upload(host, bytes)),
      await compare('connections', '/s', alpha.address, beta.address, (host) => ask(host, questions)),
    ]
  } finally {
    await run(process.execPath, [wherry, 'forward', 'remove', name, '--on', alpha.context])
  }
}

async function compare(
  traffic: string,
  unit: string,
  source: string,
  target: string,
  measure: (host: string) => Promise<number>,
): Promise<Traffic> {
  const hosts = { direct: target, forwarded: source }
  const { direct, forwarded } = await inTurns('direct', ['forwarded'], (way) => measure(hosts[way]))
  return { traffic, unit, direct: direct.median, forwarded: forwarded.median, ratio: forwarded.ratio }
}

/** Megabytes a second that arrive. */
async function download(host: string, bytes: number): Promise<number> {
  const start = performance.now()
  let arrived = 0
  await new Promise<void>((resolve, reject) => {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(1 << 20),
      callback: (count: number) => {
        arrived += count
        return true
      },
    }
    const socket = connect({ host, port, onread }, () => socket.write(`down ${bytes}\n`))
    socket.once('error', reject)
    socket.once('close', () => resolve())
    socket.resume()
  })
  if (arrived !== bytes) throw new Error(`${arrived} bytes of ${bytes} came from ${host}`)
  return bytes / 1e6 / since(start)
}

/** Megabytes a second, until the server has counted the last. */
async function upload(host: string, bytes: number): Promise<number> {
  const piece = Buffer.alloc(1 << 20)
  const start = performance.now()
  const socket = connect({ host, port, allowHalfOpen: true })
  socket.write('up\n')
  for (let left = bytes; left > 0; left -= piece.length) {
    const isFull = !socket.write(piece.subarray(0, Math.min(left, piece.length)))
    if (isFull) await new Promise((resolve) => socket.once('drain', resolve))
  }
  socket.end()
  let counted = ''
  for await (const chunk of socket) counted += chunk
  if (counted !== String(bytes)) throw new Error(`${host} counted ${counted} bytes of ${bytes}`)
  return bytes / 1e6 / since(start)
}

/** New connections a second, each with one question and its answer, by 20 clients. */
async function ask(host: string, questions: number): Promise<number> {
  const start = performance.now()
  let left = questions
  const client = async () => {
    while (left-- > 0) {
      const socket = connect({ host, port })
      socket.write('ask\n')
      let answer = ''
      for await (const chunk of socket) answer += chunk
      if (answer !== 'ok') throw new Error(`${host} answered "${answer}"`)
    }
  }
  await Promise.all(Array.from({ length: 20 }, client))
  return questions / since(start)
}

/** The rows as a Markdown table. Pure. */
export function forwardTable(rows: readonly Traffic[]): string {
  return [
    '| traffic | direct | forwarded | ratio |',
    '|---|---:|---:|---:|',
    ...rows.map(
      ({ traffic, unit, direct, forwarded, ratio }) =>
        `| ${traffic} | ${direct.toFixed(0)} ${unit} | ${forwarded.toFixed(0)} ${unit} | ${ratio.toFixed(2)} |`,
    ),
  ].join('\n')
}
