import type { LabEngine } from '../../../src/lab/record.ts'
import { inEngine } from '../../lab/harness/engines.ts'
import type { Fault } from './fault.ts'

/** Nothing passes between the engines any more, without a word to either. */
export const link: Fault = {
  title: 'cut of the link between the engines',
  async inject({ lab: { alphaFacts, betaFacts } }) {
    await firewall(alphaFacts, '-I', betaFacts.address)
    let isCut = true
    return async () => {
      if (isCut) await firewall(alphaFacts, '-D', betaFacts.address)
      isCut = false
    }
  },
}

async function firewall(engine: LabEngine, action: '-I' | '-D', other: string): Promise<void> {
  const script = `iptables ${action} INPUT -s ${other} -j DROP && iptables ${action} OUTPUT -d ${other} -j DROP`
  await inEngine(engine, 'sh', '-c', script)
}
