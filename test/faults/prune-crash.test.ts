import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { cpSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type t as tap } from 'tap'
import { DirectoryRepository } from '../../src/snapshot/repository/directory.ts'
import { readBack, SmallRepository, verifyAll } from '../unit/snapshot/harness.ts'
import { planned, pruneNow } from '../unit/snapshot/pruning.ts'

const runs = 30
const program = join(import.meta.dirname, '../unit/snapshot/pruning.ts')

const small = new SmallRepository()
t.teardown(() => small.remove())

/** Prunes in a process of its own, which is killed so long after it began. Says whether it had come to its end, and when it ended. */
async function killed(path: string, afterMs: number): Promise<{ isDone: boolean; ms: number }> {
  const child = spawn(process.execPath, [program, path, '2'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let said = ''
  child.stdout.on('data', (text) => {
    said += text
  })
  while (!said.includes('begins')) await once(child.stdout, 'data')
  const startedMs = performance.now()
  await Promise.race([delay(afterMs), exited])
  child.kill('SIGKILL')
  await exited
  return { isDone: said.includes('done'), ms: performance.now() - startedMs }
}

async function wasteful() {
  small.write('data', { kept: 70_000, old: 190_000, 'a/b.txt': 'hello' })
  await small.take({ db: ['data'] })
  small.write('data', { old: 10, new: 60_000 })
  const stay = [await small.take({ db: ['data'] })]
  small.write('data', { newer: 90_000 })
  stay.push(await small.take({ db: ['data'] }))
  return new Map(
    await Promise.all(stay.map(async (listed) => [listed.id, await readBack(small.path, listed)] as const)),
  )
}

const wanted = await wasteful()

/** Looks whether a repository is whole, and what it says that it holds is what was put there. Returns how many snapshots. */
async function check(t: Pick<typeof tap, 'strictSame'>, path: string, name: string): Promise<number> {
  const listed = await (await DirectoryRepository.open(path)).list()
  t.strictSame((await verifyAll(path)).damages, [], `${name}: nothing is damaged`)
  for (const [id, files] of wanted) {
    const one = listed.find((snapshot) => snapshot.id === id)
    t.strictSame(one && (await readBack(path, one)), files, `${name}: ${id} reads back`)
  }
  return listed.length
}

/** Prunes, with a copy of the directory from before each call that changes files: what a kill may leave at any moment. */
async function statesOf(path: string, into: string): Promise<string[]> {
  const promises = fs.promises as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const real = { ...promises }
  const states = new Map<string, string>()
  for (const name of ['open', 'rename', 'rm', 'link', 'mkdir']) {
    promises[name] = (...args) => {
      const files = fs.readdirSync(path, { recursive: true }) as string[]
      const state = JSON.stringify(files.map((file) => [file, fs.statSync(join(path, file)).size]))
      if (!states.has(state)) {
        states.set(state, join(into, String(states.size)))
        cpSync(path, states.get(state) ?? '', { recursive: true })
      }
      return (real[name] as () => Promise<unknown>)(...(args as []))
    }
  }
  syncBuiltinESMExports()
  try {
    await pruneNow(path, { last: 2 })
  } finally {
    Object.assign(promises, real)
    syncBuiltinESMExports()
  }
  return [...states.values()]
}

t.test('at every moment of prune, what is listed is whole', async (t) => {
  const path = join(small.directory, 'pruned')
  cpSync(small.path, path, { recursive: true })
  const states = await statesOf(path, join(small.directory, 'states'))
  t.ok(states.length > 20, `${states.length} states`)
  const counts: number[] = []
  for (const [index, state] of states.entries()) counts.push(await check(t, state, `state ${index}`))
  t.strictSame(
    counts.toSorted((a, b) => b - a),
    counts,
    'the list changed once',
  )
  t.strictSame(new Set(counts), new Set([3, 2]))
})

t.test('whenever prune is killed, what is listed is whole', async (t) => {
  const path = join(small.directory, 'killed')
  cpSync(small.path, path, { recursive: true })
  const { ms: wholeMs } = await killed(path, 60_000)
  for (let run = 0; run < runs; run++) {
    rmSync(path, { recursive: true, force: true })
    cpSync(small.path, path, { recursive: true })
    const { isDone } = await killed(path, (run * wholeMs) / runs)
    const count = await check(t, path, `run ${run}`)
    t.comment(`run ${run}: ${isDone ? 'done' : 'killed'}, ${count} snapshots are listed`)
  }
  await pruneNow(path, { last: 2 })
  const rest = await planned(path, { last: 2 })
  t.match(rest, { surplus: [], repack: [], halfWritten: [] }, 'the next one ends what was begun')
})
