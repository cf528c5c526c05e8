import { connectOuter } from './outer-engine.ts'
import { versionOf } from './ping.ts'
import { type LabFlavour, type LabPlaces, labPlaces } from './places.ts'
import { describeEngines, type LabEngine, readRecord, sshCommand } from './record.ts'

/** One engine of the lab and whether it answers. */
export interface LabEngineStatus extends LabEngine {
  answers: boolean
  /** The engine's version, where it answers. */
  version?: string
}

/** What there is of the lab. */
export interface LabStatus {
  /** `partial`: something of it is there, but an engine or the outer engine does not answer. */
  state: 'up' | 'partial' | 'down'
  engine?: LabFlavour
  /** The engine that the lab's engines are containers of. */
  outer?: { host: string; isPrivate: boolean; version?: string }
  engines: LabEngineStatus[]
  /** What to set WHERRY_SSH_COMMAND to, to reach the engines over ssh. */
  sshCommand?: string
}

/** What there is of the lab. Changes nothing. */
export async function labStatus(): Promise<LabStatus> {
  return statusOf(labPlaces())
}

/** The status of the lab in these places. */
export async function statusOf(places: LabPlaces): Promise<LabStatus> {
  const record = await readRecord(places)
  if (!record) return { state: 'down', engines: [] }
  const outer = await connectOuter(record.outer)
  const engines = await Promise.all(
    describeEngines(places, record).map(async (engine) => {
      const version = await versionOf(places.socket(engine.name))
      return { ...engine, answers: version !== undefined, ...(version ? { version } : {}) }
    }),
  )
  return {
    state: outer && engines.every((engine) => engine.answers) ? 'up' : 'partial',
    engine: record.flavour,
    outer: { ...record.outer, ...(outer ? { version: outer.version } : {}) },
    engines,
    sshCommand: sshCommand(places),
  }
}
