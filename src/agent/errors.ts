import { exitCodes, WherryError } from '../model/errors.ts'
import { displayName } from './names.ts'
import { SystemCallError } from './system.ts'

/** Codes of the errors that an agent answers with. They are stable. */
export type AgentErrorCode =
  | 'agent-failed'
  | 'agent-gone'
  | 'aborted'
  | 'bind-exists'
  | 'cannot-freeze'
  | 'changed-while-stopped'
  | 'corrupted-in-transit'
  | 'frozen-by-other'
  | 'link-broken'
  | 'link-not-possible'
  | 'not-carried'
  | 'protocol'
  | 'read-failed'
  | 'target-changed'
  | 'target-disk-full'
  | 'write-failed'

/** What went wrong on an engine's side of a transfer. The same class is thrown in the agent and, rebuilt, in the client. */
export class AgentError extends WherryError {
  constructor(
    code: AgentErrorCode,
    message: string,
    details: ConstructorParameters<typeof WherryError>[3] = {},
  ) {
    super(code, exitCodes.unexpected, message, details)
  }
}

/** The error for something that a round before left on the target and that is no longer so. */
export function changedOnTarget(tree: string, path: string): AgentError {
  return new AgentError(
    'target-changed',
    `${tree}: ${displayName(path)} was changed on the target meanwhile`,
    {
      data: { tree, path: displayName(path) },
      suggestions: ['Find out what else writes there and try again; everything in it will be sent anew.'],
    },
  )
}

/** The error for something that changes in the final round, when nothing should write any more. */
export function changedWhileStopped(tree: string, path: string): AgentError {
  const shown = displayName(path) || '/'
  return new AgentError(
    'changed-while-stopped',
    `${tree}: ${shown} changed while its container was stopped`,
    {
      data: { tree, path: shown },
      suggestions: ['Find out what else writes there, such as another container, and stop it first.'],
    },
  )
}

/** Adds which tree and path it was about to an error, and a code to one of a system call. */
export function locate(error: unknown, side: 'read' | 'write', tree: string, path: string): Error {
  if (error instanceof AgentError) return error
  const where = `${tree}: ${displayName(path) || '/'}`
  const data = { tree, path: displayName(path) }
  if (!(error instanceof SystemCallError)) {
    return new AgentError('agent-failed', `${where}: ${error instanceof Error ? error.message : error}`, {
      data,
      cause: error,
    })
  }
  if (side === 'write' && (error.errno === 'ENOSPC' || error.errno === 'EDQUOT')) {
    return new AgentError('target-disk-full', `The target has no room left for ${where} (${error.message})`, {
      data: { ...data, errno: error.errno },
      suggestions: ['Free space (or inodes) on the target engine and try again.'],
    })
  }
  return new AgentError(`${side}-failed`, `Cannot ${side} ${where} (${error.message})`, {
    data: { ...data, errno: error.errno },
    cause: error,
  })
}
