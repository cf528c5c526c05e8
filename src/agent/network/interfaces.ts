import { readdirSync } from 'node:fs'
import koffi from 'koffi'
import { check, failure, lastErrno } from '../system.ts'

const libc = koffi.load(null)
const socket = libc.func('socket', 'int', ['int', 'int', 'int'])
const ioctl = libc.func('ioctl', 'int', ['int', 'unsigned long', 'void *'])
const close = libc.func('close', 'int', ['int'])

/** From linux/socket.h and linux/sockios.h; the same on every architecture that Node runs on. */
const inet = 2
const datagram = 2
const getFlags = 0x8913
const setFlags = 0x8914
const isUp = 1
/** `struct ifreq`: 16 bytes of name, then a union whose first two bytes are the flags. */
const requestBytes = 40
const flagsAt = 16

/** Names of this network namespace's interfaces, the loopback one left out. */
export function interfaceNames(): string[] {
  return readdirSync('/sys/class/net').filter((name) => name !== 'lo')
}

/** Sets an interface down, netdevice(7); fine if it has gone meanwhile. Needs NET_ADMIN. @throws SystemCallError */
export function setDown(name: string): void {
  const descriptor = check('socket', socket(inet, datagram, 0))
  try {
    const request = Buffer.alloc(requestBytes)
    request.write(name, 0, 15, 'latin1')
    for (const call of [getFlags, setFlags]) {
      if (ioctl(descriptor, call, request) < 0) {
        if (lastErrno() === 'ENODEV') return
        throw failure('ioctl')
      }
      request.writeUInt16LE(request.readUInt16LE(flagsAt) & ~isUp, flagsAt)
    }
  } finally {
    close(descriptor)
  }
}
