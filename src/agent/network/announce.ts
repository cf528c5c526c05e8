import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import { check } from '../system.ts'
import { announcementsOf } from './announcement.ts'

const libc = koffi.load(null)
const socket = libc.func('socket', 'int', ['int', 'int', 'int'])
const sendto = libc.func('sendto', 'int64', ['int', 'void *', 'size_t', 'int', 'void *', 'uint32'])
const close = libc.func('close', 'int', ['int'])

/** From linux/socket.h; the same on every architecture that Node runs on. */
const packetFamily = 17
const rawSocket = 3
/** `struct sockaddr_ll` of packet(7): family and interface in the machine's order, 20 bytes in all. */
const linkAddressBytes = 20

/**
 * How often, and how far apart: again in case that a frame was lost, and within what RFC 4861 section 7.2.6 allows (three
 * times at most, a second apart).
 */
const rounds = 2
const intervalMs = 1000

/** What is announced: addresses of this network namespace. */
export interface AnnounceSettings {
  addresses: string[]
}

/**
 * Tells the neighbours of this network namespace where these addresses are now, at once and again after a second. Says so on
 * stdout. Needs NET_RAW. @throws SystemCallError, or Error when no interface has one of the addresses
 */
export async function announce({ addresses }: AnnounceSettings): Promise<void> {
  const placed = addresses.map(placeOf)
  const descriptor = check('socket', socket(packetFamily, rawSocket, 0))
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const { index, frames } of placed)
        for (const frame of frames) {
          const to = linkAddress(index)
          check('sendto', Number(sendto(descriptor, frame, frame.length, 0, to, to.length)))
        }
      if (round === 1) process.stdout.write('announced\n')
      if (round < rounds) await sleep(intervalMs)
    }
  } finally {
    close(descriptor)
  }
}

function placeOf(address: string): { index: number; frames: Buffer[] } {
  for (const [name, places] of Object.entries(networkInterfaces())) {
    const place = places?.find((candidate) => candidate.address === address)
    if (!place) continue
    const index = Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'latin1'))
    return { index, frames: announcementsOf(place.mac, address) }
  }
  throw new Error(`No interface here has the address ${address}.`)
}

/** Where a raw frame goes: its own header says to whom, this only through which interface. */
function linkAddress(index: number): Buffer {
  const address = Buffer.alloc(linkAddressBytes)
  address.writeUInt16LE(packetFamily, 0)
  address.writeInt32LE(index, 4)
  return address
}
