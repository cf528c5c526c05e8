import prettyBytes from 'pretty-bytes'
import type { EngineInfo } from '../engine/engine.ts'
import type { Finding, HostAbilities } from './findings.ts'

/** The oldest engine that wherry is tried on: API 1.41. */
const oldestApi = 41
/** Below this much free space a finding says so; whether a move fits is checked when it is planned. */
const littleBytes = 1024 ** 3

/** The engine speaks a version of the API that wherry knows. */
export function checkVersion(version: string, apiVersion: string): Finding {
  const minor = Number(apiVersion.split('.')[1])
  const message = `Docker Engine ${version}, API ${apiVersion}`
  return minor >= oldestApi
    ? { check: 'version', status: 'ok', message }
    : { check: 'version', status: 'missing', message, fix: 'Upgrade to Docker Engine 20.10 or newer.' }
}

/** Writable layers can be carried: they lie in directories of their own. */
export function checkStorageDriver({ Driver }: Pick<EngineInfo, 'Driver'>): Finding {
  return Driver === 'overlay2'
    ? { check: 'storage-driver', status: 'ok', message: 'overlay2: writable layers can be carried' }
    : {
        check: 'storage-driver',
        status: 'missing',
        message: `${Driver}: volumes can be carried, changes in writable layers cannot`,
        fix: 'Use the overlay2 storage driver, or keep data in volumes only.',
      }
}

export function checkFreeSpace(
  { DockerRootDir }: Pick<EngineInfo, 'DockerRootDir'>,
  host: HostAbilities,
): Finding {
  const message = `${prettyBytes(host.freeBytes)} of ${prettyBytes(host.totalBytes)} free in ${DockerRootDir}`
  return host.freeBytes >= littleBytes
    ? { check: 'free-space', status: 'ok', message }
    : {
        check: 'free-space',
        status: 'missing',
        message,
        fix: 'Make room: docker system df shows what can go.',
      }
}

/** The engine's own checkpoint and restore needs its experimental mode and CRIU on its host. */
export function checkCheckpoint(
  { ExperimentalBuild }: Pick<EngineInfo, 'ExperimentalBuild'>,
  host: HostAbilities,
): Finding {
  const missing = [
    ...(ExperimentalBuild ? [] : ['"experimental": true in /etc/docker/daemon.json']),
    ...(host.hasCriu ? [] : ['the criu program on the host (4.2 or newer for kernels from 6.18 on)']),
  ]
  return missing.length === 0
    ? { check: 'checkpoint', status: 'ok', message: 'experimental mode is on, and criu is there' }
    : {
        check: 'checkpoint',
        status: 'missing',
        message: 'memory cannot be carried (--mode warm and cold do not need it)',
        fix: `Add ${missing.join(' and ')}, and restart the daemon.`,
      }
}

/** One network across engines needs VXLAN in the host's kernel. */
export function checkStretch(host: HostAbilities): Finding {
  return host.hasVxlan
    ? {
        check: 'stretch',
        status: 'ok',
        message: `the kernel has vxlan${wireguardNote(host)}`,
      }
    : {
        check: 'stretch',
        status: 'missing',
        message: 'the kernel has no vxlan: networks cannot be stretched across engines',
        fix: 'Load it on the host: modprobe vxlan. Virtual machines of Docker Desktop may lack it.',
      }
}

/** It is told only where it is for certain: a module that could be loaded is not always to be seen. */
function wireguardNote({ hasWireguard }: HostAbilities): string {
  if (hasWireguard === undefined) return ''
  return hasWireguard
    ? ' and wireguard: what crosses stretched networks is encrypted'
    : '; without wireguard what crosses stretched networks is not encrypted'
}
