import type { Engine } from '../engine/engine.ts'
import { startAgent, treePath } from '../launch/agent.ts'
import { agentImageReference, ensureAgentImage } from '../launch/image.ts'
import { messageOf } from '../model/errors.ts'
import { roleLabel } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import { checkCheckpoint, checkFreeSpace, checkStorageDriver, checkStretch, checkVersion } from './checks.ts'
import type { Finding, HostAbilities } from './findings.ts'

const criuPaths = ['/usr/sbin/criu', '/usr/bin/criu', '/usr/local/sbin/criu', '/usr/local/bin/criu']

/** What an engine can and cannot do. */
export interface Examination {
  engine: string
  url: string
  findings: Finding[]
}

/**
 * Examines one engine. Puts wherry's agent image there where it is missing, because only an agent sees the host; apart from that
 * nothing stays. A finding that needs an agent is left out where none could be started.
 */
export async function examine(
  engine: Engine,
  others: readonly Engine[],
  report: Report,
): Promise<Examination> {
  report({ type: 'phase', phase: 'doctor', message: `examining ${engine.name}` })
  const findings = [checkVersion(engine.version, engine.apiVersion), checkStorageDriver(engine.info)]
  const reference = await agentImageReference()
  try {
    const { brought } = await ensureAgentImage(engine, others, report)
    const message = `${reference} ${brought ? 'was put there' : 'is there'}`
    const host = await lookAt(engine, reference)
    findings.push(
      checkFreeSpace(engine.info, host),
      { check: 'agent-image', status: 'ok', message },
      checkCheckpoint(engine.info, host),
      checkStretch(host),
    )
  } catch (error) {
    findings.push({
      check: 'agent-image',
      status: 'missing',
      message: messageOf(error),
      fix: 'Without a registry: docker save the image on an engine that has it, and docker load it here.',
    })
  }
  return { engine: engine.name, url: engine.address.url.href, findings }
}

async function lookAt(engine: Engine, image: string): Promise<HostAbilities> {
  const agent = await startAgent(engine, {
    image,
    name: `wherry-doctor-${process.pid}-${Date.now().toString(36)}`,
    labels: { [roleLabel]: 'agent' },
    mounts: [{ kind: 'host', path: '/', readOnly: true }],
  })
  try {
    const answer = await agent.client.request('probe', {
      root: treePath(0),
      statfs: [engine.info.DockerRootDir],
      exist: [...criuPaths],
      modules: ['wireguard'],
    })
    const disk = answer.fileSystems[0]
    return {
      freeBytes: disk?.freeBytes ?? 0,
      totalBytes: disk?.totalBytes ?? 0,
      hasCriu: answer.paths.some(({ kind }) => kind === 'file'),
      hasVxlan: answer.modules.vxlan === true,
      hasWireguard: answer.modules.wireguard,
    }
  } finally {
    await agent.remove()
  }
}
