import { run } from './commands.ts'

const defaultMtuBytes = 1500

/** The MTU of the interface through which an address is reached. */
export async function hostMtu(address: string): Promise<number> {
  const [route] = JSON.parse(await run('ip', ['-json', 'route', 'get', address])) as { dev: string }[]
  const shown = await run('ip', ['-json', 'link', 'show', 'dev', route?.dev ?? ''])
  const [link] = JSON.parse(shown) as { mtu: number }[]
  return link?.mtu ?? defaultMtuBytes
}
