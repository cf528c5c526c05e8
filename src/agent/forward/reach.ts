import { messageOf } from '../../model/errors.ts'
import { connectTo } from './dial.ts'
import { type ForwardSettings, place } from './settings.ts'

/**
 * Tries the TCP targets of a forwarder from where it is. What cannot be reached is printed, and makes the exit code 1. A host
 * that refuses a connection was reached: its container may not listen yet, or not on this port. UDP gives no answer.
 */
export async function reach({ forwards }: ForwardSettings): Promise<void> {
  for (const { target } of forwards.filter(({ protocol }) => protocol === 'tcp')) {
    const failures = await Promise.all(target.hosts.map((host) => whyNot(host, target.port)))
    if (failures.includes(undefined)) continue
    process.stdout.write(`${failures.join('; ')}\n`)
    process.exitCode = 1
  }
}

async function whyNot(host: string, port: number): Promise<string | undefined> {
  try {
    ;(await connectTo(host, port)).destroy()
    return undefined
  } catch (error) {
    const isRefused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    return isRefused ? undefined : `${place(host, port)}: ${messageOf(error)}`
  }
}
