import koffi from 'koffi'
import { interfaceNames, setDown } from './interfaces.ts'

const libc = koffi.load(null)
const execv = libc.func('execv', 'int', ['str', 'char **'])

/**
 * Sets down every interface of this namespace: the engine goes on answering the names with the addresses and keeps the
 * addresses taken, but nobody here answers for them, so that packets find the container that really has them.
 */
export function goSilent(): void {
  for (const name of interfaceNames()) setDown(name)
}

/** A ghost: goes silent and stays, as a process that needs next to no memory. Does not return. */
export function haunt(): void {
  goSilent()
  execv('/bin/sleep', ['sleep', 'infinity', null])
  throw new Error(`sleep could not be started: ${koffi.errno()}`)
}
