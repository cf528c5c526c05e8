import { access, mkdir, readdir, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../../src/platform/process.ts'

/** A program of a Debian package that is not installed: it is unpacked into a temporary directory and touches nothing else. */
export interface UnpackedProgram {
  path: string
  env: Record<string, string>
}

/** Unpacks a package and the libraries that it needs and this machine does not have; what an earlier run unpacked is used. */
export async function unpackedProgram(name: string): Promise<UnpackedProgram> {
  const root = join(tmpdir(), 'wherry-test-packages', name)
  if (!(await isThere(root))) await unpack(name, root)
  const libraries = join(root, 'usr', 'lib')
  const triplets = await readdir(libraries).catch(() => [])
  const directories = triplets
    .filter((entry) => entry.endsWith('-gnu'))
    .map((entry) => join(libraries, entry))
  return { path: join(root, 'usr', 'bin', name), env: { LD_LIBRARY_PATH: directories.join(':') } }
}

async function unpack(name: string, root: string): Promise<void> {
  const making = `${root}.${process.pid}`
  await mkdir(making, { recursive: true })
  if ((await run('apt-get', ['install', '-s', '--no-install-recommends', name])).failure) {
    await must('apt-get', ['update'])
  }
  const planned = await must('apt-get', ['install', '-s', '--no-install-recommends', name])
  const packages = [...planned.matchAll(/^Inst (\S+)/gm)].map(([, found = '']) => found)
  const wanted = packages.filter((found) => found === name || found.startsWith('lib'))
  // Where it is installed there is nothing to install, and its program is in the package all the same.
  await must('apt-get', ['download', ...new Set([name, ...wanted])], making)
  for (const file of await readdir(making)) {
    if (file.endsWith('.deb')) await must('dpkg', ['-x', file, '.'], making)
  }
  // Another test may have been quicker.
  await rename(making, root).catch(async (error) => {
    if (!(await isThere(root))) throw error
  })
}

/** Runs a program and throws with what it said when it fails. @returns its stdout. */
export async function must(file: string, args: string[], cwd?: string, env?: Record<string, string>) {
  const ended = await run(file, args, {
    timeoutMs: 180_000,
    ...(cwd ? { cwd } : {}),
    ...(env ? { env } : {}),
  })
  if (ended.failure) throw new Error(`${ended.failure}\n${ended.stderr}\n${ended.stdout}`)
  return ended.stdout
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
