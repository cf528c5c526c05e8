import { gunzipSync, gzipSync } from 'node:zlib'
import type { Manifest } from '../model/manifest.ts'
import { type ContainerPlan, type Plan, planVersion } from '../model/plan.ts'

/** The label of a lock that holds the plan: with it a rollback needs no journal. */
const planLabel = 'wherry.plan'
/** The label of a copy on the target that holds the way back: a complete migration has no lock any more. */
const wayBackLabel = 'wherry.way-back'

type Labels = Readonly<Record<string, string>>

/** The plan as a label: JSON, compressed, base64. */
export function planLabels(plan: Plan): Record<string, string> {
  return { [planLabel]: packed(plan) }
}

/** The plan in a lock's labels; undefined where it cannot be read. */
export function planIn(labels: Labels): Plan | undefined {
  return unpacked(labels[planLabel])
}

/**
 * What of the plan it takes to take a complete migration back, or to finish it, as a label. It stays on the container for good
 * and others show it, so it is small and holds no environment; going on is not possible with it.
 */
export function wayBackLabels(plan: Plan): Record<string, string> {
  // What was restored came from no engine.
  if (plan.snapshot) return {}
  return { [wayBackLabel]: packed(wayBack(plan)) }
}

/** The way back in a copy's labels; undefined where it cannot be read. */
export function wayBackIn(labels: Labels): Plan | undefined {
  return unpacked(labels[wayBackLabel])
}

/** Whether a plan is whole. One that is only the way back cannot be gone on with. */
export function isWhole({ containers }: Plan): boolean {
  return containers.every(({ request }) => Object.keys(request).length > 0)
}

function wayBack(plan: Plan): Plan {
  const { containers, networks, volumes } = plan
  return {
    ...plan,
    networks: networks
      .filter(({ action }) => action === 'stretch')
      .map((network) => ({ ...network, request: {} })),
    warnings: [],
    volumes: volumes.map(({ name, driver }) => ({ name, driver, options: {}, labels: {} })),
    containers: containers.map(
      (container): ContainerPlan => ({
        ...container,
        manifest: wayBackOf(container.manifest),
        image: { ...container.image, repoDigests: [], layers: [] },
        request: {},
        connections: [],
      }),
    ),
  }
}

/** What stopping, starting and a health check depend on. */
function wayBackOf(manifest: Manifest): Manifest {
  const { Image, StopTimeout, Healthcheck, Shell } = manifest.config
  return {
    ...manifest,
    config: {
      Image,
      ...(StopTimeout === undefined ? {} : { StopTimeout }),
      ...(Healthcheck ? { Healthcheck } : {}),
      ...(Shell ? { Shell } : {}),
    },
    hostConfig: manifest.hostConfig.AutoRemove ? { AutoRemove: true } : {},
    image: { ...manifest.image, repoDigests: [], layers: [], config: null },
    mounts: [],
    endpoints: [],
    networks: [],
    ports: {},
  }
}

function packed(plan: Plan): string {
  return gzipSync(JSON.stringify(plan)).toString('base64')
}

function unpacked(text: string | undefined): Plan | undefined {
  if (!text) return undefined
  try {
    const plan = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as Plan
    return plan.version === planVersion ? plan : undefined
  } catch {
    return undefined
  }
}
