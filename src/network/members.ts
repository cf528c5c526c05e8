import { connectEngine } from '../engine/connect.ts'
import type { Engine } from '../engine/engine.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import { type Membership, membershipsOn, type RecordedMember } from './membership.ts'

/** A stretched network as its members have it on record. */
export interface KnownNetwork {
  network: string
  memberships: Membership[]
  /** Members that answer, also those that have lost their keeper. */
  engines: Engine[]
  /** Members without a keeper that could be seen, and why. */
  missing: MissingMember[]
}

/** A member of which only the others' records are known. */
export interface MissingMember extends RecordedMember {
  reason: string
  /** It cannot be reached; else it has lost its keeper. */
  isAbsent: boolean
}

/**
 * Finds the stretched networks that engines are members of, and looks at their other members too, under the names they have on
 * record. Engines that it had to connect to are added to `opened`: the caller closes them.
 */
export async function findStretched(
  engines: readonly Engine[],
  opened: Engine[],
  network?: string,
): Promise<KnownNetwork[]> {
  const all = [...engines]
  const found = (await Promise.all(engines.map((engine) => membershipsOn(engine, network)))).flat()
  const known: KnownNetwork[] = []
  for (const name of [...new Set(found.map((one) => one.network))].sort()) {
    const memberships = found.filter((one) => one.network === name)
    const present = memberships.map(({ engine }) => engine)
    const missing: KnownNetwork['missing'] = []
    for (const member of membersOnRecord(memberships)) {
      if (memberships.some(({ engine }) => engine.info.ID === member.id)) continue
      try {
        const engine = await findEngine(member, all, opened)
        const [membership] = await membershipsOn(engine, name)
        present.push(engine)
        if (membership) memberships.push(membership)
        else missing.push({ ...member, reason: 'it has no keeper of this network', isAbsent: false })
      } catch (error) {
        missing.push({ ...member, reason: messageOf(error), isAbsent: true })
      }
    }
    known.push({ network: name, memberships, engines: present, missing })
  }
  return known
}

/** Does something with two engines and the further members that a network has already. */
export async function withMembers<T>(
  source: Engine,
  target: Engine,
  network: string,
  action: (engines: Engine[]) => Promise<T>,
): Promise<T> {
  const opened: Engine[] = []
  try {
    const [known] = await findStretched([source, target], opened, network)
    return await action([...new Set([source, target, ...(known?.engines ?? [])])])
  } finally {
    for (const engine of opened) await engine.close()
  }
}

/** @throws RefusedError `not-stretched` where no engine knows the network. */
export function theOnly(
  known: readonly KnownNetwork[],
  network: string,
  engines: readonly Engine[],
): KnownNetwork {
  const [one] = known
  if (one) return one
  const names = engines.map(({ name }) => name).join(', ')
  throw new RefusedError('not-stretched', `${network} is not stretched on ${names}.`, {
    suggestions: ['wherry network list shows what is.'],
  })
}

function membersOnRecord(memberships: readonly Membership[]): RecordedMember[] {
  const all = memberships.flatMap(({ record }) => record.members)
  return all.filter(({ id }, index) => all.findIndex((other) => other.id === id) === index)
}

async function findEngine(
  { engine: name, id }: RecordedMember,
  all: Engine[],
  opened: Engine[],
): Promise<Engine> {
  const there = all.find(({ info }) => info.ID === id)
  if (there) return there
  const engine = await connectEngine(name)
  opened.push(engine)
  all.push(engine)
  if (engine.info.ID === id) return engine
  throw new WherryError('other-engine', exitCodes.unexpected, `${name} is another engine now.`)
}
