/**
 * What work code reports while it runs. Presenters (src/cli/progress) draw these; work code never does.
 * With `--progress json` each event is printed as one line of JSON on stderr.
 */
export type ProgressEvent =
  /** A phase began, such as `pre-copy round 2`. Phases do not nest; a new one ends the one before. */
  | { type: 'phase'; phase: string; message: string }
  /** How far the phase has come. `totalBytes` is an estimate and absent where nothing is known. */
  | { type: 'bytes'; phase: string; bytes: number; totalBytes?: number; files?: number }
  /** One thing that happened and stays on the screen. */
  | { type: 'note'; message: string }
  /** Something the user should know though it stops nothing. */
  | { type: 'warning'; code: string; message: string }

/** Where work code sends its events. */
export type Report = (event: ProgressEvent) => void
