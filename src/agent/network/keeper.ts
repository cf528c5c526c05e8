/** What a keeper is told. */
export type StretchSettings = object

/** Keeps a link of a stretched network as it should be, until the process ends. */
export function keepStretched(_settings: StretchSettings): void {
  throw new Error('not built yet')
}
