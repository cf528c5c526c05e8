/** File types as a catalog stores them. */
export const types = {
  directory: 1,
  file: 2,
  symlink: 3,
  /** A further name of something that an earlier entry describes. */
  link: 4,
  character: 5,
  block: 6,
  fifo: 7,
  socket: 8,
} as const

export type EntryType = (typeof types)[keyof typeof types]
