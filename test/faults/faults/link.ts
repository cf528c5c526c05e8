import type { LabEngine } from '../../../src/lab/record.ts'
import { inEngine } from '../../lab/harness/engines.ts'
import type { Fault } from './fault.ts'

const chain = 'WHERRY-FAULTS'
const tables = ['iptables', 'ip6tables']

/** Nothing passes between the engines any more, without a word to either. */
export const link: Fault = {
  title: 'cut of the link between the engines',
  async strike({ lab: { alphaFacts, betaFacts } }) {
    const addresses = (await inEngine(betaFacts, 'hostname', '--all-ip-addresses')).trim().split(/\s+/)
    const drops = addresses.flatMap((address) => {
      const table = address.includes(':') ? 'ip6tables' : 'iptables'
      return [`${table} -A ${chain} -s ${address} -j DROP`, `${table} -A ${chain} -d ${address} -j DROP`]
    })
    // Only on the way out: inside, both engines have networks with the same addresses.
    const jumps = tables.flatMap((table) => [
      `${table} -I INPUT -i eth0 -j ${chain}`,
      `${table} -I OUTPUT -o eth0 -j ${chain}`,
    ])
    const script = [...tables.map((table) => `${table} -N ${chain}`), ...drops, ...jumps]
    await inEngine(alphaFacts, 'sh', '-c', script.join(' && '))
  },
  lift: ({ alphaFacts }) => mend(alphaFacts),
}

async function mend(engine: LabEngine): Promise<void> {
  const script = tables.flatMap((table) => [
    `${table} -D INPUT -i eth0 -j ${chain}`,
    `${table} -D OUTPUT -o eth0 -j ${chain}`,
    `${table} -F ${chain}`,
    `${table} -X ${chain}`,
  ])
  await inEngine(engine, 'sh', '-c', `{ ${script.join('; ')}; } 2> /dev/null; true`)
}
