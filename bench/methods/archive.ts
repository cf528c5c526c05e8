import { type IncomingMessage, request } from 'node:http'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { LabEngine } from '../../src/lab/record.ts'
import { containerWords, nameOf } from '../data-sets.ts'
import { docker } from '../engines.ts'
import { type Figures, type Job, type Method, since, timed } from './method.ts'

/** The engine's own way to read and write files of a container, which `docker cp` uses. */
export const archive: Method = {
  name: 'archive',
  description: 'docker stop, GET …/archive to PUT …/archive, docker start',
  movesContainer: true,
  needsDataRoots: false,
  run: moveByArchive,
}

async function moveByArchive({ engines: { alpha, beta }, set }: Job): Promise<Figures> {
  const name = nameOf(set)
  const start = performance.now()
  await docker('beta', 'create', ...containerWords(set))
  const stop = performance.now()
  await docker('alpha', 'stop', name)
  const copy = await timed(() => copyArchive(alpha, beta, name))
  await docker('beta', 'start', name)
  return {
    totalSeconds: since(start),
    downtimeSeconds: since(stop),
    copySeconds: copy.seconds,
    bytesMoved: copy.value,
  }
}

/** Pipes the archive from engine to engine; gives its size. */
async function copyArchive(from: LabEngine, to: LabEngine, container: string): Promise<number> {
  const source = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = `/containers/${container}/archive?path=/data`
    request({ socketPath: socketOf(from), path }, resolve)
      .on('error', reject)
      .end()
  })
  if (source.statusCode !== 200) throw new Error(`the archive was refused: ${source.statusCode}`)
  const path = `/containers/${container}/archive?path=/`
  const headers = { 'content-type': 'application/x-tar' }
  const sink = request({ socketPath: socketOf(to), path, method: 'PUT', headers })
  const answered = new Promise<number | undefined>((resolve, reject) => {
    sink.on('error', reject).on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
  })
  let bytes = 0
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done(null, chunk)
    },
  })
  const [status] = await Promise.all([answered, pipeline(source, count, sink)])
  if (status !== 200) throw new Error(`the archive was not taken: ${status}`)
  return bytes
}

const socketOf = ({ unix }: LabEngine) => unix.replace('unix://', '')
