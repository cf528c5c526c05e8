import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../platform/files.ts'
import { run } from '../platform/process.ts'
import { contextName, type LabEngineName, type LabPlaces, labEngineNames } from './places.ts'
import { labFailure } from './wait.ts'

/** Makes the lab's own ssh keys: one for the user, one for each engine's host. Nothing in ~/.ssh is touched. */
export async function ensureSshKeys(places: LabPlaces): Promise<void> {
  await mkdir(places.ssh, { recursive: true, mode: 0o700 })
  await ensureKey(join(places.ssh, 'id_ed25519'))
  for (const name of labEngineNames) {
    const directory = join(places.engine(name), 'ssh')
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await ensureKey(join(directory, 'host_key'))
    await copyFile(join(places.ssh, 'id_ed25519.pub'), join(directory, 'authorized_keys'))
  }
}

/** Writes the ssh configuration and the known hosts for the ports at which the engines' sshd are published. */
export async function writeSshConfig(
  places: LabPlaces,
  ports: Readonly<Record<LabEngineName, number>>,
): Promise<void> {
  const hostKeys = await Promise.all(
    labEngineNames.map(async (name) => {
      const key = await readFile(join(places.engine(name), 'ssh', 'host_key.pub'), 'utf8')
      return knownHostLine(name, key)
    }),
  )
  await writeFileAtomically(join(places.ssh, 'known_hosts'), hostKeys.join(''))
  await writeFileAtomically(places.sshConfig, sshConfig(places.ssh, ports))
}

/** One line of known_hosts, under the alias that the configuration gives the host. Pure. */
export function knownHostLine(name: LabEngineName, publicKey: string): string {
  const [type, key] = publicKey.trim().split(' ')
  return `${contextName(name)} ${type} ${key}\n`
}

/** The lab's ssh_config(5): nothing of the user's own keys, agent or known hosts is used. Pure. */
export function sshConfig(directory: string, ports: Readonly<Record<LabEngineName, number>>): string {
  const hosts = labEngineNames.map(
    (name) => `Host ${contextName(name)}
  HostName 127.0.0.1
  Port ${ports[name]}
  HostKeyAlias ${contextName(name)}
`,
  )
  return `${hosts.join('\n')}
Host *
  User root
  IdentityFile "${join(directory, 'id_ed25519')}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${join(directory, 'known_hosts')}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  CheckHostIP no
  BatchMode yes
  LogLevel ERROR
`
}

async function ensureKey(file: string): Promise<void> {
  if (await readFile(`${file}.pub`).catch(() => undefined)) return
  const result = await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'wherry-lab', '-f', file], {
    input: 'y\n',
    timeoutMs: 30_000,
  })
  if (result.failure) throw labFailure('lab-ssh-keygen-failed', 'ssh-keygen failed', result.stderr)
}
