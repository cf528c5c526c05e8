import { readdirSync, readFileSync } from 'node:fs'

/**
 * Sends SIGKILL to every process of a container, by the container's id in their control groups. Asked of an agent in the
 * host's PID namespace. Engines signal the first process alone and thaw the rest before that has ended.
 */
export function killContainer(id: string): { killed: number } {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && belongs(name, id))
  for (const process of processes) kill(Number(process))
  return { killed: processes.length }
}

function belongs(process: string, id: string): boolean {
  try {
    return readFileSync(`/proc/${process}/cgroup`, 'latin1').includes(id)
  } catch {
    return false
  }
}

function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
