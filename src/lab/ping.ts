import { get } from 'node:http'
import { text } from 'node:stream/consumers'

const timeoutMs = 2000

/** Whether an engine answers on a unix socket, within 2 seconds. */
export async function answers(socketPath: string): Promise<boolean> {
  return (await ask(socketPath, '/_ping')) !== undefined
}

/** The version of the engine at a unix socket, undefined where none answers within 2 seconds. */
export async function versionOf(socketPath: string): Promise<string | undefined> {
  const answer = await ask(socketPath, '/version')
  return answer === undefined ? undefined : (JSON.parse(answer) as { Version: string }).Version
}

/** One question to the Docker API; a process of its own for each, as the CLI needs, would be too slow for a status. */
function ask(socketPath: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asking = get({ socketPath, path, agent: false, timeout: timeoutMs }, (response) => {
      text(response).then(
        (body) => resolve(response.statusCode === 200 ? body : undefined),
        () => resolve(undefined),
      )
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer')))
    asking.on('error', () => resolve(undefined))
  })
}
