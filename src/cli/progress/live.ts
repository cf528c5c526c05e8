import type { ChalkInstance } from 'chalk'
import { createLogUpdate } from 'log-update'
import prettyBytes from 'pretty-bytes'
import type { ProgressEvent } from '../../model/progress.ts'
import type { Presenter } from './presenter.ts'

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const barWidth = 24

interface LivePhase {
  name: string
  message: string
  startedAt: number
  bytes: number
  totalBytes: number | undefined
}

/** One live line for the phase under way, finished phases above it with the time that each took. */
export function livePresenter(stream: NodeJS.WriteStream, colours: ChalkInstance): Presenter {
  const update = createLogUpdate(stream)
  let phase: LivePhase | undefined
  let frame = 0
  const draw = () => {
    if (phase)
      update(`${colours.cyan(frames[frame++ % frames.length])} ${liveLine(phase, stream.columns || 80)}`)
  }
  const persist = (line: string) => {
    update.clear()
    stream.write(`${line}\n`)
    draw()
  }
  const finishPhase = (failed: boolean) => {
    if (!phase) return
    const line = `${failed ? colours.red('✘') : colours.green('✔')} ${phase.message}${colours.dim(summary(phase))}`
    phase = undefined
    persist(line)
  }
  const timer = setInterval(draw, 100)
  timer.unref()
  const report = (event: ProgressEvent) => {
    if (event.type === 'phase') {
      // A rollback begins because the phase before it failed.
      finishPhase(event.phase === 'rollback')
      phase = {
        name: event.phase,
        message: event.message,
        startedAt: Date.now(),
        bytes: 0,
        totalBytes: undefined,
      }
    } else if (event.type === 'bytes') {
      if (phase) Object.assign(phase, { bytes: event.bytes, totalBytes: event.totalBytes })
    } else if (event.type === 'warning') {
      persist(`${colours.yellow('!')} ${event.message}`)
    } else persist(`  ${event.message}`)
  }
  const end = (failed = false) => {
    clearInterval(timer)
    // What a rollback was to put back has been put back, whatever made it necessary.
    finishPhase(failed && phase?.name !== 'rollback')
    update.clear()
    update.done()
  }
  return { report, end }
}

function summary({ startedAt, bytes }: LivePhase): string {
  const seconds = (Date.now() - startedAt) / 1000
  return ` (${bytes > 0 ? `${prettyBytes(bytes)}, ` : ''}${seconds.toFixed(1)} s)`
}

/** Message, bar, bytes, rate and time left, as far as they are known and fit. */
function liveLine({ message, startedAt, bytes, totalBytes }: LivePhase, columns: number): string {
  if (bytes === 0) return message.slice(0, columns - 3)
  const bytesPerSecond = bytes / Math.max(0.1, (Date.now() - startedAt) / 1000)
  const parts = [message]
  if (totalBytes && totalBytes >= bytes) {
    const filled = Math.round((bytes / totalBytes) * barWidth)
    parts.push(`${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`)
    parts.push(`${prettyBytes(bytes)} of ${prettyBytes(totalBytes)}`)
    parts.push(`${prettyBytes(bytesPerSecond)}/s`)
    parts.push(`${Math.ceil((totalBytes - bytes) / bytesPerSecond)} s left`)
  } else parts.push(prettyBytes(bytes), `${prettyBytes(bytesPerSecond)}/s`)
  return parts.join('  ').slice(0, columns - 3)
}
