import { tmpdir } from 'node:os'
import { FrameStream } from './frames.ts'
import { AgentServer } from './server.ts'
import { stdout } from './stdio.ts'

/**
 * The agent: answers requests on stdin and stdout until stdin ends, so that a CLI that dies leaves no agent behind.
 * `WHERRY_AGENT_DIR` says where catalogs are kept. Everything for people goes to stderr.
 */
process.umask(0)
const stream = new FrameStream(process.stdin, stdout(), {
  control: () => undefined,
  data: () => undefined,
  end: () => undefined,
})
const server = new AgentServer(stream, process.env.WHERRY_AGENT_DIR || tmpdir())
process.on('exit', () => server.letGo())
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => process.exit(0))
const { end } = stream.handlers
stream.handlers.end = (error) => {
  end(error)
  process.exit(0)
}
