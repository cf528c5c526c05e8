import type { Lab } from '../lab/harness/engines.ts'
import { docker } from '../lab/harness/engines.ts'
import { image } from './bench.ts'
import { RecordClient } from './client.ts'
import { type Acknowledgement, recordProblems } from './records.ts'

/** How the container is configured; what is here must be the same wherever it ends. */
export const workload = {
  name: 't-records',
  network: 't-records',
  volume: 't-records',
  port: 17070,
  subnet: '10.31.70.0/24',
  address: '10.31.70.7',
  alias: 'ledger',
}

/** What makes a workload harder to move. */
export interface WorkloadOptions {
  /** Data besides the records. */
  bulkMegabytes: number
  /** Writes all of that anew when it is stopped, so that the final round is a long one. */
  rewritesAtStop: boolean
  /** How long the process takes to end after SIGTERM; it serves meanwhile. */
  slowStopMs: number
  /** Its network has a subnet of the user's choice, and it an address; otherwise both are the engine's choice. */
  choosesAddress: boolean
}

/** Starts the workload on alpha and a client of it, and waits until some records are acknowledged. */
export async function startWorkload(
  lab: Lab,
  { bulkMegabytes, rewritesAtStop, slowStopMs, choosesAddress }: WorkloadOptions,
): Promise<RecordClient> {
  const { name, network, volume, port, subnet, address, alias } = workload
  await lab.alpha.networks.create({
    Name: network,
    ...(choosesAddress ? { IPAM: { Config: [{ Subnet: subnet }] } } : {}),
  })
  const asked = choosesAddress ? { IPAMConfig: { IPv4Address: address } } : {}
  const id = await lab.alpha.containers.create(name, {
    Image: image,
    Hostname: 'records',
    Env: [
      `BULK_MEGABYTES=${bulkMegabytes}`,
      `REWRITE_AT_STOP=${rewritesAtStop ? 1 : 0}`,
      `SLOW_STOP_MS=${slowStopMs}`,
    ],
    HostConfig: {
      NetworkMode: network,
      RestartPolicy: { Name: 'always' },
      Mounts: [{ Type: 'volume', Source: volume, Target: '/data' }],
      PortBindings: { '7070/tcp': [{ HostPort: String(port) }] },
    },
    NetworkingConfig: {
      EndpointsConfig: { [network]: { ...asked, Aliases: [alias] } },
    },
  })
  await lab.alpha.containers.start(id)
  const client = new RecordClient([lab.alphaFacts.address, lab.betaFacts.address], port)
  try {
    await client.hear(5)
    return client
  } catch (error) {
    await client.stop()
    throw error
  }
}

/** What is wrong with the records in the copy that runs on an engine: on each of the three kinds of storage. */
export async function lostRecords(
  engine: 'alpha' | 'beta',
  acknowledged: readonly Acknowledgement[],
): Promise<string[]> {
  const files = ['/data/records', '/anonymous/records', '/layer/records']
  const separator = '-- end of file --\n'
  const script = files.map((file) => `cat ${file}; echo '${separator.trim()}'`).join('; ')
  const contents = (await docker(engine, 'exec', workload.name, 'sh', '-c', script)).split(separator.trim())
  return files.flatMap((file, index) =>
    recordProblems((contents[index] ?? '').trimStart(), acknowledged).map((problem) => `${file}: ${problem}`),
  )
}
