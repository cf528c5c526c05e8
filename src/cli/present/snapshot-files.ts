import type { ChalkInstance } from 'chalk'
import type { FileEntry } from '../../snapshot/browse/entry.ts'

const letters: Record<FileEntry['type'], string> = {
  directory: 'd',
  file: '-',
  symlink: 'l',
  link: 'h',
  character: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
}

/** A file as `ls -l` shows one; `h` is a further name of a file. */
export function describeFile(entry: FileEntry, colours: ChalkInstance): string {
  const { device, mode = '', mtime = '', path, size, target, type, uid = '', gid = '' } = entry
  const extent = device ? `${device.major}, ${device.minor}` : (size ?? '')
  const columns = [
    `${letters[type]}${mode === '' ? '---------' : rights(Number.parseInt(mode, 8))}${entry.attributes ? '+' : ' '}`,
    String(uid).padStart(5),
    String(gid).padStart(5),
    String(extent).padStart(12),
    mtime
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z')
      .padEnd(20),
    `${type === 'directory' ? colours.blue(path) : path}${target === undefined ? '' : `${type === 'link' ? ' = ' : ' -> '}${target}`}`,
  ]
  return columns.join(' ')
}

/** A mode's twelve bits as `rwxr-sr-t`. */
function rights(mode: number): string {
  return [0, 1, 2]
    .map((who) => {
      const bits = mode >> (6 - who * 3)
      const isSpecial = (mode & (0o4000 >> who)) !== 0
      const special = who === 2 ? 't' : 's'
      const run = isSpecial ? (bits & 1 ? special : special.toUpperCase()) : bits & 1 ? 'x' : '-'
      return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${run}`
    })
    .join('')
}
