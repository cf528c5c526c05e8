/** What a forwarder is told. */
export type ForwardSettings = object

/** Passes on what comes in, until the process ends. */
export function forward(_settings: ForwardSettings): void {
  throw new Error('not built yet')
}
