import type { Fault } from './fault.ts'

/** The CLI dies without a chance to do anything. */
export const sigkill: Fault = {
  title: 'SIGKILL of the CLI',
  kills: true,
  strike: async ({ command }) => command.kill('SIGKILL'),
}

/** The CLI dies, and the recovery as well: it has to be given again. */
export const sigkillTwice: Fault = {
  ...sigkill,
  title: 'SIGKILL of the CLI, and of the recovery as well',
  killsRecovery: true,
}

/** Ctrl-C. */
export const sigint: Fault = {
  title: 'SIGINT',
  strike: async ({ command }) => command.kill('SIGINT'),
}

const secondAfterMs = 150

/** Ctrl-C, and again while everything is being put back. */
export const sigintTwice: Fault = {
  title: `SIGINT, and another ${secondAfterMs} ms later`,
  async strike({ command }) {
    command.kill('SIGINT')
    setTimeout(() => command.kill('SIGINT'), secondAfterMs)
  },
}
