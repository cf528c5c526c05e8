import { readdir, readFile } from 'node:fs/promises'

/** A process of this machine and the words of its command line. */
export interface MachineProcess {
  pid: number
  words: string[]
}

/** The words of a process's command line; empty when there is no such process, or it is a zombie. */
export async function commandLineOf(pid: number): Promise<string[]> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.split('\0').filter((word) => word !== '')
}

/** The daemons that have a path under the directory on their command line, as an engine's helpers have. */
export async function processesOf(directory: string): Promise<MachineProcess[]> {
  return (await allProcesses()).filter(({ words }) => isDaemonOf(words, directory))
}

/** Every process of this machine. */
export async function allProcesses(): Promise<MachineProcess[]> {
  const entries = await readdir('/proc').catch(() => [])
  const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number)
  return Promise.all(pids.map(async (pid) => ({ pid, words: await commandLineOf(pid) })))
}

/** Whether a command line is that of dockerd, containerd or a shim that works in the directory. Pure. */
export function isDaemonOf(words: readonly string[], directory: string): boolean {
  const program = words[0]?.split('/').at(-1) ?? ''
  if (!/^(dockerd|containerd|containerd-shim.*)$/.test(program)) return false
  return words.some((word) => {
    const path = word.slice(word.indexOf('/'))
    return word.includes('/') && (path === directory || path.startsWith(`${directory}/`))
  })
}
