import { gunzipSync, gzipSync } from 'node:zlib'
import { type Plan, planVersion } from '../model/plan.ts'

/** The label of a lock that holds the plan: with it a rollback needs no journal. */
const planLabel = 'wherry.plan'

/** The plan as a label: JSON, compressed, base64. */
export function planLabels(plan: Plan): Record<string, string> {
  return { [planLabel]: gzipSync(JSON.stringify(plan)).toString('base64') }
}

/** The plan in a lock's labels; undefined where it cannot be read. */
export function planIn(labels: Readonly<Record<string, string>>): Plan | undefined {
  const text = labels[planLabel]
  if (!text) return undefined
  try {
    const plan = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as Plan
    return plan.version === planVersion ? plan : undefined
  } catch {
    return undefined
  }
}
