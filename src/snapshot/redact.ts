import { RefusedError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { SnapshotConfig } from './config.ts'

/** A variable whose value a snapshot does not hold. */
export type Redacted = SnapshotConfig['redacted'][number]

/** Leaves out the values of variables whose names match one of the patterns (`*` stands for anything, case does not count). */
export function redactEnvironment(
  manifests: readonly Manifest[],
  patterns: readonly string[],
): { manifests: Manifest[]; redacted: Redacted[] } {
  const expressions = patterns.map(
    (pattern) => new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 'i'),
  )
  const redacted: Redacted[] = []
  const kept = manifests.map((manifest) => {
    const environment = (manifest.config.Env ?? []).filter((entry) => {
      const variable = nameOf(entry)
      if (!expressions.some((expression) => expression.test(variable))) return true
      redacted.push({ container: manifest.name, variable })
      return false
    })
    return { ...manifest, config: { ...manifest.config, Env: environment } }
  })
  return { manifests: kept, redacted }
}

/** Values for variables that were left out. Of all containers where `container` is absent. */
export interface GivenVariable {
  container?: string
  variable: string
  value: string
}

/** Puts values in where they were left out. @throws RefusedError `variables-missing` that names every one without a value. */
export function withVariables(
  manifests: readonly Manifest[],
  redacted: readonly Redacted[],
  given: readonly GivenVariable[],
): Manifest[] {
  const givenFor = ({ container, variable }: Redacted) =>
    given.findLast((one) => one.variable === variable && (one.container ?? container) === container)?.value
  const wanted = redacted.filter(({ container }) => manifests.some(({ name }) => name === container))
  const missing = wanted.filter((one) => givenFor(one) === undefined)
  if (missing.length > 0) {
    throw new RefusedError(
      'variables-missing',
      `The snapshot was made without the values of ${missing.map(({ container, variable }) => `${variable} (${container})`).join(', ')}.`,
      {
        suggestions: [
          `Give them: ${missing.map(({ variable }) => `--env ${variable}=VALUE`).join(' ')}`,
          'Or a file with a line for each: --env-file FILE',
        ],
        data: { missing },
      },
    )
  }
  return manifests.map((manifest) => {
    const values = wanted.filter(({ container }) => container === manifest.name)
    const added = values.map((one) => `${one.variable}=${givenFor(one)}`)
    return { ...manifest, config: { ...manifest.config, Env: [...(manifest.config.Env ?? []), ...added] } }
  })
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? entry
}
