import { mkdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RefusedError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { writeFileAtomically } from '../platform/files.ts'
import { run } from '../platform/process.ts'
import { rememberMachine } from './machine-state.ts'
import { answers } from './ping.ts'
import type { PrivateEnginePlaces } from './places.ts'
import { allProcesses, commandLineOf, processesOf } from './processes.ts'
import { ensurePrograms } from './system-packages.ts'
import { labFailure, waitFor } from './wait.ts'

/**
 * Starts an engine of the lab's own on a private socket, detached so that it outlives this process, and waits up to
 * 60 s until it answers. What a killed one left behind is cleared first; its containers and images stay.
 * @throws WherryError `lab-timeout` with the end of the engine's log.
 */
export async function startPrivateEngine(places: PrivateEnginePlaces, report: Report): Promise<void> {
  report({ type: 'phase', phase: 'outer', message: 'starting a Docker engine for the lab' })
  await ensurePrograms(['dockerd', 'docker', 'iptables'], report)
  await refuseSecondLab(places)
  if (await answersAfterAll(places)) return
  await clearRemains(places)
  await mkdir(places.directory, { recursive: true, mode: 0o700 })
  await rememberMachine(places.before)
  await launch(places)
  const log = () => readFile(places.log, 'utf8')
  const started = Date.now()
  const up = await waitFor(
    { what: 'the lab’s own Docker engine to answer', timeoutMs: 60_000, log },
    async () => {
      if (await answers(places.socket)) return true
      const dead = Date.now() - started > 1000 && (await processesOf(places.directory)).length === 0
      return dead ? false : undefined
    },
  )
  if (!up) throw labFailure('lab-engine-failed', 'the lab’s own Docker engine did not start', await log())
}

/** `setsid --fork` returns at once and leaves the daemon without a parent and without our terminal. */
async function launch(places: PrivateEnginePlaces): Promise<void> {
  // An empty configuration of its own: the machine's /etc/docker/daemon.json is for another engine.
  const config = join(places.directory, 'daemon.json')
  await writeFileAtomically(config, '{}')
  const daemon = [
    'dockerd',
    `--config-file=${config}`,
    `--host=unix://${places.socket}`,
    `--data-root=${places.data}`,
    `--exec-root=${places.exec}`,
    `--pidfile=${places.pid}`,
    `--cgroup-parent=${places.cgroup}`,
    '--bridge=none',
    '--log-level=warn',
  ]
  const script = 'log=$1; shift; exec setsid --fork "$@" > "$log" 2>&1 < /dev/null'
  const started = await run('sh', ['-c', script, 'sh', places.log, ...daemon], {
    env: { PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` },
  })
  if (started.failure) throw labFailure('lab-engine-failed', started.failure, started.stderr)
}

/** The pid of the running private engine, checked against its command line. */
export async function enginePid(places: PrivateEnginePlaces): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(places.pid, 'utf8').catch(() => ''), 10)
  if (!Number.isInteger(pid)) return undefined
  const words = await commandLineOf(pid)
  return words.includes(`--pidfile=${places.pid}`) ? pid : undefined
}

/** A daemon on a busy machine may only be slow: it is given 20 s before it is taken for dead. */
async function answersAfterAll(places: PrivateEnginePlaces): Promise<boolean> {
  for (let i = 0; i < 10 && (await enginePid(places)); i++) {
    if (await answers(places.socket)) return true
    await sleep(2000)
  }
  return false
}

/** Two private engines in one network namespace would fight over bridges and firewall rules. */
async function refuseSecondLab(places: PrivateEnginePlaces): Promise<void> {
  const networkOf = (pid: number | 'self') => readlink(`/proc/${pid}/ns/net`).catch(() => '')
  const own = await networkOf('self')
  for (const { pid, words } of await allProcesses()) {
    const isLab = words.some((word) => word.startsWith('--cgroup-parent=/wherry-lab'))
    if (!isLab || words.includes(`--pidfile=${places.pid}`) || (await networkOf(pid)) !== own) continue
    const root = words.find((word) => word.startsWith('--data-root='))?.slice('--data-root='.length)
    if (!root) continue
    throw new RefusedError('lab-elsewhere', `there is another lab on this machine, in ${root}`, {
      suggestions: ['Use that one, with its WHERRY_STATE_DIR', 'Or take that one down first'],
    })
  }
}

/** Ends a daemon that no longer answers and its containerd, and removes their pid files and sockets. */
async function clearRemains(places: PrivateEnginePlaces): Promise<void> {
  const dockerd = await enginePid(places)
  if (dockerd) await endProcess(dockerd)
  // containerd first: shims stay, with the containers in them, for the next containerd to find.
  for (const { pid, words } of await processesOf(places.exec)) {
    if (words[0]?.endsWith('containerd')) await endProcess(pid)
  }
  await rm(places.pid, { force: true })
  await rm(places.socket, { force: true })
  await rm(`${places.exec}/containerd/containerd.pid`, { force: true })
}

/** Asks a process to end, and after 15 s ends it. */
export async function endProcess(pid: number): Promise<void> {
  const before = (await commandLineOf(pid)).join(' ')
  signal(pid, 'SIGTERM')
  for (let i = 0; i < 150; i++) {
    await sleep(100)
    if ((await commandLineOf(pid)).join(' ') !== before) return
  }
  signal(pid, 'SIGKILL')
  await sleep(200)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself.
  }
}
