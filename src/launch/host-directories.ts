import type { Engine } from '../engine/engine.ts'
import { exitCodes, WherryError } from '../model/errors.ts'

/** What to do with one directory on an engine's host. */
export interface HostDirectory {
  path: string
  /** It was there, empty, before wherry came: then it stays when its content is taken away. */
  existed: boolean
}

/** Makes directories on an engine's host. The engine itself does, for a container that mounts them. */
export async function makeHostDirectories(
  engine: Engine,
  image: string,
  labels: Record<string, string>,
  directories: readonly HostDirectory[],
): Promise<void> {
  const binds = directories.map(({ path }, index) => `${path}:/made/${index}`)
  await runOnce(engine, image, labels, binds, '')
}

/** Empties directories on an engine's host, and removes those that were not there before. */
export async function removeHostDirectories(
  engine: Engine,
  image: string,
  labels: Record<string, string>,
  directories: readonly HostDirectory[],
): Promise<void> {
  const program = `
    const { existsSync, readdirSync, rmSync } = require('node:fs')
    for (const { path, existed } of ${JSON.stringify(directories)}) {
      const inside = '/host' + path
      if (!existsSync(inside)) continue
      for (const name of readdirSync(inside, { encoding: 'buffer' })) {
        rmSync(Buffer.concat([Buffer.from(inside + '/'), name]), { recursive: true, force: true })
      }
      if (!existed) rmSync(inside, { recursive: true, force: true })
    }`
  await runOnce(engine, image, labels, ['/:/host'], program)
}

async function runOnce(
  engine: Engine,
  image: string,
  labels: Record<string, string>,
  binds: readonly string[],
  program: string,
): Promise<void> {
  const id = await engine.containers.create(`wherry-directories-${Date.now().toString(36)}`, {
    Image: image,
    Labels: labels,
    User: '0:0',
    Entrypoint: ['node', '-e', program],
    HostConfig: { Binds: binds, NetworkMode: 'none', UsernsMode: 'host', SecurityOpt: ['label=disable'] },
  })
  try {
    await engine.containers.start(id)
    const exitCode = await engine.containers.wait(id)
    if (exitCode === 0) return
    const said = await engine.containers.logs(id, 5)
    throw new WherryError(
      'host-directories',
      exitCodes.unexpected,
      `Directories on ${engine.name}: ${said.trim()}`,
    )
  } finally {
    await engine.containers.remove(id)
  }
}
