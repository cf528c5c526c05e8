import { Chalk, type ChalkInstance } from 'chalk'
import type { ProgressEvent, Report } from '../../model/progress.ts'
import { livePresenter } from './live.ts'

/** Draws progress events. `end` takes whatever is live off the screen, and says whether what was under way failed. */
export interface Presenter {
  report: Report
  end(failed?: boolean): void
}

/** The presenter for a `--progress` mode on this stream. */
export function presenterFor(mode: string, stream: NodeJS.WriteStream, noColour: boolean): Presenter {
  const plain = noColour || Boolean(process.env.NO_COLOR) || !stream.isTTY
  const colours = new Chalk(plain ? { level: 0 } : {})
  if (mode === 'none') return { report: () => {}, end: () => {} }
  if (mode === 'json') return jsonPresenter(stream)
  if (mode === 'plain' || !stream.isTTY) return plainPresenter(stream, colours)
  return livePresenter(stream, colours)
}

function jsonPresenter(stream: NodeJS.WriteStream): Presenter {
  return { report: (event) => void stream.write(`${JSON.stringify(event)}\n`), end: () => {} }
}

/** One line a phase; byte counts are left out, so that a log stays short however long the transfer. */
function plainPresenter(stream: NodeJS.WriteStream, colours: ChalkInstance): Presenter {
  const report = (event: ProgressEvent) => {
    const line = permanentLine(event, colours)
    if (line) stream.write(`${line}\n`)
  }
  return { report, end: () => {} }
}

/** The line that an event leaves behind for good, undefined for those that leave none. */
export function permanentLine(event: ProgressEvent, colours: ChalkInstance): string | undefined {
  switch (event.type) {
    case 'phase':
      return `${colours.bold('==>')} ${event.message}`
    case 'note':
      return `    ${event.message}`
    case 'warning':
      return `${colours.yellow('warning:')} ${event.message}`
    case 'bytes':
      return undefined
  }
}
