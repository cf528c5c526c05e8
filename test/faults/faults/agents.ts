import { docker } from '../../lab/harness/engines.ts'
import type { Fault } from './fault.ts'

/** The source's agent is killed. */
export const sourceAgent: Fault = {
  title: 'kill of the source agent',
  strike: ({ migration }) => killAgent('alpha', migration),
}

/** The target's agent is killed. */
export const targetAgent: Fault = {
  title: 'kill of the target agent',
  strike: ({ migration }) => killAgent('beta', migration),
}

async function killAgent(engine: 'alpha' | 'beta', migration: string): Promise<void> {
  const filters = ['--filter', `label=wherry.migration=${migration}`, '--filter', 'label=wherry.role=agent']
  const agents = (await docker(engine, 'ps', '--quiet', ...filters)).split('\n').filter(Boolean)
  if (agents.length === 0) throw new Error(`there is no agent on ${engine} to be killed`)
  await docker(engine, 'kill', ...agents)
}
