import { Errors } from '@oclif/core'
import { type ExitCode, exitCodes, messageOf, WherryError } from '../model/errors.ts'

/** A failure as `--json` prints it under `error`. */
export interface ErrorReport {
  code: string
  message: string
  exitCode: ExitCode
  suggestions: readonly string[]
  data: Readonly<Record<string, unknown>>
}

/** Turns whatever was thrown into the one shape that users and scripts see. */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof WherryError) {
    const { code, message, exitCode, suggestions, data } = error
    return { code, message, exitCode, suggestions, data }
  }
  if (error instanceof Errors.CLIError) {
    // oclif raises these for missing arguments, unknown flags and the like; its first line says which.
    const message = error.message.split('\nSee more help')[0]?.trim() ?? error.message
    const command = /^command (\S+) not found$/.exec(message)?.[1]
    if (command !== undefined) return unknownCommand(command)
    return {
      code: 'usage',
      message,
      exitCode: exitCodes.usage,
      suggestions: ['Add --help to see the arguments and flags.'],
      data: {},
    }
  }
  return {
    code: 'unexpected',
    message: messageOf(error),
    exitCode: exitCodes.unexpected,
    suggestions: process.env.WHERRY_DEBUG
      ? []
      : ['Set WHERRY_DEBUG=1 and run it again to see where it happened.'],
    data: {},
  }
}

function unknownCommand(id: string): ErrorReport {
  const command = id.replaceAll(':', ' ')
  return {
    code: 'unknown-command',
    message: `There is no command "${command}".`,
    exitCode: exitCodes.usage,
    suggestions: ['wherry --help lists all commands.'],
    data: { command },
  }
}
