import type { ContainerSummary } from '../model/documents.ts'
import { EngineRequestError } from './failures.ts'

/** How an engine says that it has given a port to somebody else (moby, libnetwork/portallocator). */
const allocated = /:(\d+) failed: port is already allocated/

/**
 * Says what to do where no container has the port that one was not started for. An engine that was killed while it set up a
 * container's ports may hold them after its restart, although that container is gone (Docker 26.1, whose log has "Removing
 * stale endpoint" then). `list` gives the engine's containers.
 */
export async function explainHeldPort(
  error: unknown,
  list: () => Promise<ContainerSummary[]>,
): Promise<unknown> {
  if (!(error instanceof EngineRequestError)) return error
  const port = Number(allocated.exec(error.message)?.[1])
  if (Number.isNaN(port)) return error
  // Without the list nobody can tell who has it: what the engine said stands.
  const containers = await list().catch(() => undefined)
  const isHeld = containers?.some(({ Ports }) => Ports.some(({ PublicPort }) => PublicPort === port)) ?? true
  if (isHeld) return error
  return error.explained(
    (engine) =>
      `No container on ${engine} has port ${port}: the engine itself holds it, as it may after it was killed. Restart Docker on ${engine}, and do this again.`,
  )
}
