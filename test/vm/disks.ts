import { host } from './host.ts'

const virtualSize = '30G'

/** Makes a disk image with an ext4 file system of what is in a directory. It takes up what is in it. */
export async function makeDisk(directory: string, file: string): Promise<void> {
  await host('truncate', ['-s', virtualSize, file])
  await host('mkfs.ext4', ['-q', '-F', '-d', directory, file])
}
