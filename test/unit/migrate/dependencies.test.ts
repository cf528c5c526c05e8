import t from 'tap'
import { checkDependencies } from '../../../src/migrate/checks/dependencies.ts'
import type { Facts } from '../../../src/migrate/facts.ts'
import type { ContainerSummary, HostConfig } from '../../../src/model/documents.ts'
import type { MigrateOptions } from '../../../src/model/plan.ts'

const usual = { mapNetwork: {}, stretch: false, leavePeers: false } as unknown as MigrateOptions

/** A running container `web` on the network `net`, linked there to others. */
function web(hostConfig: HostConfig, links: string[] = []) {
  return {
    name: 'web',
    id: 'w',
    hostConfig,
    state: { running: true },
    networks: [{ Name: 'net', Driver: 'bridge', Options: {} }],
    endpoints: [{ network: 'net', asked: { links } }],
  }
}

function summary(name: string, parts: Partial<ContainerSummary> = {}) {
  return { Id: `id-of-${name}`, Names: [`/${name}`], State: 'running', ...parts }
}

function found(
  manifests: object[],
  on: { source?: object[]; target?: object[]; stretched?: string[] },
  options: Partial<MigrateOptions> = {},
) {
  const facts = {
    source: { name: 'a' },
    target: { name: 'b' },
    manifests,
    sourceContainers: [summary('web', { Id: 'w' }), ...(on.source ?? [])],
    targetContainers: on.target ?? [],
    targetNetworks: [],
    stretched: on.stretched ?? [],
  } as unknown as Facts
  return checkDependencies(facts, { ...usual, ...options })
}

const codes = (...args: Parameters<typeof found>) => {
  const { refusals, warnings } = found(...args)
  return [...refusals.map(({ code }) => code), ...warnings.map(({ code }) => `${code}?`)]
}

t.test('what a container cannot start without has to move along, or to run there', async (t) => {
  const db = { ...web({}), name: 'db', id: 'd' }
  for (const needs of [{ NetworkMode: 'container:db' }, { Links: ['/db:/web/base'] }]) {
    t.strictSame(codes([web(needs)], { source: [summary('db')] }), ['depends-on-other'])
    t.strictSame(codes([web(needs), db], {}), [])
    t.strictSame(codes([web(needs)], { target: [summary('db')] }), [])
    t.strictSame(codes([web(needs)], { target: [summary('db', { State: 'exited' })] }), ['depends-on-other'])
  }
  const [refusal] = found([web({ NetworkMode: 'container:db' })], {}).refusals
  t.match(refusal, {
    message: /web needs db \(joins its network/,
    suggestions: [/wherry migrate web db --to b/],
  })
  const volumes = web({ VolumesFrom: ['db'] })
  t.strictSame(
    codes([volumes], { target: [summary('db', { State: 'exited' })] }),
    [],
    'volumes need no running',
  )
})

t.test('a link on a network of its own is a name, and leads where that network leads', async (t) => {
  const linked = [web({}, ['db:base'])]
  const stays = { source: [summary('db')] }
  t.strictSame(codes(linked, stays), ['depends-on-other'])
  t.strictSame(codes(linked, stays, { leavePeers: true }), ['link-lost?'])
  t.strictSame(codes(linked, stays, { stretch: true }), [], 'a ghost has the name')
  t.strictSame(codes(linked, { ...stays, stretched: ['net'] }), [], 'stretched before')
  t.strictSame(codes(linked, { ...stays, target: [summary('db')] }), [])
  t.strictSame(codes(linked, {}), [], 'a link to nobody loses nothing')
  t.strictSame(codes(linked, stays, { stretch: true, mapNetwork: { net: 'other' } }), ['depends-on-other'])
})

t.test('those who stay and need the container are named', async (t) => {
  const side = summary('side', { HostConfig: { NetworkMode: 'container:w' } })
  t.strictSame(codes([web({})], { source: [side] }), ['needed-by-other'])
  t.strictSame(codes([web({})], { source: [side] }, { leavePeers: true }), ['needed-by-other?'])
  t.strictSame(codes([web({})], { source: [{ ...side, State: 'exited' }] }), [])
  t.match(found([web({})], { source: [side] }).refusals[0], {
    message: /^side on a shares the network of web/,
  })
  const names = ['/client/api', '/web']
  const client = summary('client')
  const facts = { source: [summary('web', { Id: 'w', Names: names }), client] }
  t.strictSame(codes([web({})], facts), ['needed-by-other'])
  t.match(found([web({})], facts).refusals[0], { message: /^client on a is linked to web/ })
  const both = [web({}), { ...web({}), name: 'client', id: client.Id }]
  t.strictSame(codes(both, facts), [])
})
