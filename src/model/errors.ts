/** The process exit codes, documented in docs/reference/exit-codes.md. They are an interface: never renumber. */
export const exitCodes = {
  done: 0,
  unexpected: 1,
  usage: 2,
  refused: 3,
  rolledBack: 4,
  needsUser: 5,
  locked: 6,
  engineUnreachable: 7,
  notVerified: 8,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** What an error carries besides its message. */
export interface ErrorDetails {
  /** What the user can do about it, one imperative line each, most likely first. */
  suggestions?: readonly string[]
  /** Facts for scripts: names, ids, sizes. JSON-safe; sizes in bytes, times in seconds. */
  data?: Readonly<Record<string, unknown>>
  cause?: unknown
}

/**
 * An error that wherry foresaw. `code` is stable and in kebab case; `message` is one line that names the thing;
 * `exitCode` is what the process ends with when nobody handles it.
 */
export class WherryError extends Error {
  readonly code: string
  readonly exitCode: ExitCode
  readonly suggestions: readonly string[]
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: string, exitCode: ExitCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = code
    this.exitCode = exitCode
    this.suggestions = details.suggestions ?? []
    this.data = details.data ?? {}
  }
}

/** Refused before anything changed (exit 3). */
export class RefusedError extends WherryError {
  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(code, exitCodes.refused, message, details)
  }
}

/** An engine that cannot be reached, or that does not let us in (exit 7). */
export class EngineUnreachableError extends WherryError {
  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(code, exitCodes.engineUnreachable, message, details)
  }
}

/** Data on the target is not what left the source (exit 8). */
export class NotVerifiedError extends WherryError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('not-verified', exitCodes.notVerified, message, details)
  }
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
