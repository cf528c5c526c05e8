import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Chalk } from 'chalk'
import t from 'tap'
import { describeMigrations } from '../../../src/cli/present/recovery.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { planIn, planLabels, wayBackIn, wayBackLabels } from '../../../src/migrate/plan-label.ts'
import { findMigration } from '../../../src/migrate/recovery/engines.ts'
import { contentOfCopy, findByCopy } from '../../../src/migrate/recovery/from-labels.ts'
import { findAllPieces } from '../../../src/migrate/recovery/pieces.ts'
import { resume } from '../../../src/migrate/recovery/resume.ts'
import { newRun } from '../../../src/migrate/run.ts'
import { stateOf } from '../../../src/migrate/state.ts'
import { createContainers } from '../../../src/migrate/steps/containers.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import { type Plan, planVersion } from '../../../src/model/plan.ts'

process.env.WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-unit-'))

const manifest = {
  name: 'db',
  config: { Image: 'db', Env: ['PASSWORD=secret'], StopTimeout: 90, Labels: { app: 'x' } },
  hostConfig: { AutoRemove: true, Memory: 1 },
  image: { id: 'i', config: { Env: ['PASSWORD=secret'] } },
  mounts: [{ source: 'data' }],
} as unknown as Manifest
const plan = {
  id: 'm',
  version: planVersion,
  createdAt: '2026-01-01',
  source: { engine: 'a', id: 'A' },
  target: { engine: 'b', id: 'B' },
  options: { mode: 'warm' },
  containers: [
    {
      name: 'db',
      sourceId: 's1',
      stage: 0,
      wasRunning: true,
      rest: 'stop',
      restartPolicy: { Name: 'always' },
      image: { id: 'i', reference: 'db', action: 'transfer', createFrom: 'db' },
      manifest,
      request: { Env: ['PASSWORD=secret'], Labels: { app: 'x', 'wherry.migration': 'm' } },
      connections: [{ network: 'n', endpoint: {} }],
    },
  ],
  networks: [{ name: 'n', action: 'create', request: {} }],
  volumes: [{ name: 'data', driver: 'local', options: {}, labels: { 'wherry.migration': 'm' } }],
  trees: [{ id: 'volume:data', kind: 'volume', container: 'db', destination: '/data', source: 'data' }],
  ghosts: { onSource: [], onTarget: [], givingWay: [] },
  warnings: [],
} as unknown as Plan
const copyLabels = { 'wherry.migration': 'm', 'wherry.role': 'target', ...wayBackLabels(plan) }

interface Listed {
  Id: string
  Names: string[]
  Labels: Record<string, string>
  State: string
}

/** An engine that lists these containers, and inspects those of `here`. */
function engine(name: string, listed: Listed[], here: object[] = [], created: unknown[] = []): Engine {
  return {
    name,
    info: { ID: name.toUpperCase() },
    containers: {
      list: async ({ labels = [] as string[] } = {}) =>
        listed.filter(
          ({ Labels }) => !labels.includes('wherry.role=lock') || Labels['wherry.role'] === 'lock',
        ),
      inspect: async (id: string) => here.find((one) => (one as { Id: string }).Id === id),
      create: async (_: string, request: unknown) => created.push(request) && 't1',
    },
    networks: { list: async () => [], connect: async () => {} },
    volumes: { list: async () => [] },
  } as unknown as Engine
}

const moved: Listed = { Id: 't1', Names: ['/db'], Labels: copyLabels, State: 'running' }
const target = () => engine('b', [moved])
const source = () => engine('a', [], [{ Id: 's1', Name: '/db', State: { Status: 'exited' } }])

t.test('a copy carries the way back: all that a rollback needs, and no environment', async (t) => {
  const created: { Labels: Record<string, string> }[] = []
  const run = newRun({
    plan,
    source: source(),
    target: engine('b', [], [], created),
    report: () => {},
    signal: new AbortController().signal,
    locks: [],
  })
  await createContainers.do(run)
  const labels = created[0]?.Labels ?? {}
  t.match(labels, { app: 'x', 'wherry.migration': 'm' })
  const back = wayBackIn(labels)
  t.match(back, {
    id: 'm',
    source: plan.source,
    target: plan.target,
    trees: plan.trees,
    volumes: [{ name: 'data' }],
    containers: [
      {
        name: 'db',
        sourceId: 's1',
        wasRunning: true,
        restartPolicy: { Name: 'always' },
        manifest: { config: { StopTimeout: 90 }, hostConfig: { AutoRemove: true } },
      },
    ],
  })
  t.notMatch(JSON.stringify(back), /secret/)
  t.equal(planIn(labels), undefined, 'and is no whole plan')
})

t.test('a migration that is known by its copy counts as complete: going back is asked about', async (t) => {
  const content = await findByCopy(target(), 'm')
  t.equal(content?.plan.id, 'm')
  t.strictSame((await findByCopy(target(), 'db'))?.plan, content?.plan)
  const state = stateOf(content?.records ?? [])
  t.match(state, { committed: true, status: 'completed' })
  t.ok(state.begun.has('start') && state.begun.has('fence'))
  t.equal(await findByCopy(target(), 'other'), undefined)
})

t.test('a copy that does not tell its way back: what to type by hand', async (t) => {
  const Labels = { 'wherry.migration': 'm', 'wherry.role': 'target' }
  await t.rejects(findByCopy(engine('b', [{ ...moved, Labels }]), 'm'), {
    code: 'no-way-back',
    exitCode: 3,
    suggestions: [
      /WHERRY_STATE_DIR/,
      /lose what it wrote on b: docker --context b stop db; .*docker --context SOURCE start db/,
      /docker --context SOURCE rm db/,
    ],
  })
})

t.test('what neither a journal nor an engine knows: what to type by hand', async (t) => {
  process.env.DOCKER_HOST = 'unix:///nowhere.sock'
  await t.rejects(findMigration('nonesuch'), {
    code: 'unknown-migration',
    suggestions: [
      /migration list$/,
      /--from ENGINE.*--to ENGINE/,
      /list ENGINE ENGINE/,
      /docker --context SOURCE start NAME/,
    ],
  })
})

t.test('list finds both copies of a complete migration, and what can follow', async (t) => {
  const pieces = await findAllPieces([source(), target()])
  t.match(pieces, [
    { engine: 'b', migration: 'm', role: 'target', name: 'db', state: 'running' },
    { engine: 'a', migration: 'm', role: 'source', name: 'db', state: 'exited' },
  ])
  const said = describeMigrations([], pieces, new Chalk({ level: 0 }))
  t.match(said, 'a: container db (source, exited)')
  t.match(said, '→ wherry migration finish m --from a --to b')
  t.match(said, '→ wherry migration rollback m --from a --to b')
  const half = describeMigrations([], await findAllPieces([target()]), new Chalk({ level: 0 }))
  t.match(half, /name the engine that it came from too/)
})

t.test('with only the way back nothing is created anew', async (t) => {
  const back = contentOfCopy(copyLabels)
  if (!back) throw new Error('no way back')
  const request = {
    content: { plan: back.plan, records: [] },
    source: source(),
    target: target(),
    report: () => {},
    signal: new AbortController().signal,
  }
  await t.rejects(resume(request), { code: 'plan-incomplete', exitCode: 3 })
  t.strictSame(planIn(planLabels(back.plan)), back.plan, 'a lock can hold it')
})
