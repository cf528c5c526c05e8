import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, nothingToLift } from './fault.ts'

/** The CLI dies without a chance to do anything. */
export const sigkill: Fault = {
  title: 'SIGKILL of the CLI',
  kills: true,
  async inject({ command }) {
    command.kill('SIGKILL')
    return nothingToLift
  },
}

/** Ctrl-C. */
export const sigint: Fault = {
  title: 'SIGINT',
  async inject({ command }) {
    command.kill('SIGINT')
    return nothingToLift
  },
}

/** Ctrl-C, and again while everything is being put back. */
export const sigintTwice: Fault = {
  title: 'SIGINT twice',
  async inject({ command }) {
    command.kill('SIGINT')
    setTimeout(() => command.kill('SIGINT'), 150)
    await sleep(0)
    return nothingToLift
  },
}
