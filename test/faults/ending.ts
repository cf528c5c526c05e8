import type { CommandEnd } from './command.ts'

const engines = /wherry-(alpha|beta)/

/** What is wrong with how a command ended: its exit code has to be one of those documented, and its error has to help. */
export function endProblems(what: string, end: CommandEnd, allowed: readonly number[]): string[] {
  const { exitCode, json, stderr, seconds } = end
  if (exitCode === undefined) return [`${what} did not end within ${Math.round(seconds)} s`]
  const said = JSON.stringify(json?.error ?? json ?? stderr).slice(0, 600)
  if (!allowed.includes(exitCode))
    return [`${what} ended with ${exitCode}, not ${allowed.join(' or ')}: ${said}`]
  if (exitCode === 0) return []
  const { code, message = '', suggestions = [], exitCode: told } = json?.error ?? {}
  const help = [message, ...suggestions].join(' ')
  return [
    ...(told === exitCode ? [] : [`${what} ended with ${exitCode} but says ${told}`]),
    ...(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code) && code !== 'unexpected'
      ? []
      : [`an error without a code: ${said}`]),
    ...(engines.test(help) || exitCode === 5 ? [] : [`an error that names no engine: ${said}`]),
    ...(/^[^:]*timed out\.?$/i.test(message) ? [`an error that only says "timed out": ${said}`] : []),
    ...(exitCode === 5 && !/wherry migration (resume|rollback) \d/.test(help)
      ? [`an error that does not say how to go on: ${said}`]
      : []),
  ]
}
