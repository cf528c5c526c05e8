import { messageOf } from '../../model/errors.ts'
import { newLog } from './log.ts'
import { type ForwardSettings, place } from './settings.ts'
import { forwardTcp } from './tcp.ts'
import { UdpForwarder } from './udp.ts'

/** Passes on what comes in, until the process ends. One that cannot listen ends it, and the engine tries again. */
export async function forward({ forwards }: ForwardSettings): Promise<void> {
  const log = newLog()
  for (const one of forwards) {
    const { protocol, listen, target } = one
    const where = `${protocol} ${listen.address ? place(listen.address, listen.port) : listen.port}`
    try {
      await (protocol === 'tcp' ? forwardTcp(one, log) : UdpForwarder.open(one, log))
      log(`${where} is passed on to ${target.hosts.map((host) => place(host, target.port)).join(' or ')}`)
    } catch (error) {
      log(`${where}: ${messageOf(error)}`)
      process.exit(1)
    }
  }
}
