import type { Manifest } from '../../model/manifest.ts'
import type { MigrateOptions, Refusal, Warning } from '../../model/plan.ts'
import type { Facts } from '../facts.ts'

/** What one check found. Both lists empty means: nothing to say. */
export interface Findings {
  refusals: Refusal[]
  warnings: Warning[]
}

/** A check looks at facts alone and changes nothing. */
export type Check = (facts: Facts, options: MigrateOptions) => Findings

/** Findings that are being made. */
export interface Finder extends Findings {
  refuse(code: string, message: string, ...suggestions: string[]): void
  warn(code: string, message: string): void
}

/** Collects findings in the order in which they are made. */
export function findings(): Finder {
  const refusals: Refusal[] = []
  const warnings: Warning[] = []
  return {
    refusals,
    warnings,
    refuse: (code, message, ...suggestions) => void refusals.push({ code, message, suggestions }),
    warn: (code, message) => void warnings.push({ code, message }),
  }
}

/** Whether a container is among those that move, by name or id. */
export function inGroup(manifests: readonly Manifest[], nameOrId: string): boolean {
  return manifests.some(({ name, id }) => name === nameOrId || id === nameOrId)
}

/** How to call the Docker CLI for an engine, by its context or its URL. */
export function dockerFor(engine: string): string {
  return engine.includes('://') ? `docker -H ${engine}` : `docker --context ${engine}`
}
