import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ensureLink, removeLink, type StretchSettings } from '../../../../src/agent/network/vxlan.ts'

const settings: StretchSettings = {
  network: 'net',
  bridge: 'br-1',
  vni: 9000000,
  port: 14789,
  peers: [{ address: '10.0.0.2', from: '10.0.0.2' }],
  mtuBytes: 1500,
}

// Stand-ins for ip, bridge and nft: they write down how they were called, and nft refuses where it is told to.
const directory = t.testdir()
const log = join(directory, 'log')
const begin = `#!/bin/sh\necho "\${0##*/} $*" >> ${log}\n`
const programs = {
  ip: `${begin}case "$*" in
    *"route get"*) echo '[{"dev":"eth0"}]';;
    *"show dev eth0"*) echo '[{"mtu":1500,"flags":[]}]';;
    *"-details link show"*) test -z "$KEEPS_DEVICE" || echo '[{"mtu":1500,"flags":[]}]'; test -n "$KEEPS_DEVICE";;
  esac`,
  bridge: `${begin}case "$*" in *show*) echo '[]';; esac`,
  nft: `${begin}case "$1" in -f) cat > /dev/null; exit \${NFT_FAILS:-0};; list) exit 1;; esac`,
}
for (const [name, text] of Object.entries(programs)) {
  await writeFile(join(directory, name), `${text}\n`)
  await chmod(join(directory, name), 0o755)
}
process.env.PATH = `${directory}:${process.env.PATH}`

/** What was run that changes something. */
async function changes(action: () => Promise<unknown>): Promise<string[]> {
  await writeFile(log, '')
  await action()
  const lines = (await readFile(log, 'utf8')).trim().split('\n')
  return lines
    .filter((line) => !/ show | get | list /.test(line))
    .map((line) => line.split(' ').slice(0, 3).join(' '))
}

t.test('filters come before the device, and the bridge last', async (t) => {
  const lines = await changes(() => ensureLink(settings))
  t.strictSame(lines, ['nft -f -', 'ip link add', 'bridge fdb append', 'ip link set'])
  t.match(await readFile(log, 'utf8'), /ip link set dev wherry9000000 mtu 1500 master br-1 up\n$/)
})

t.test('without its filters the device is in no bridge', async (t) => {
  process.env.NFT_FAILS = '1'
  t.teardown(() => delete process.env.NFT_FAILS)
  const lines = await changes(() => t.rejects(ensureLink(settings), { message: /^nft -f -: / }))
  t.strictSame(lines, ['nft -f -', 'ip link set'])
  t.match(await readFile(log, 'utf8'), /ip link set dev wherry9000000 nomaster\n$/)
})

t.test('a link that is gone is gone, and one that stays is told of', async (t) => {
  t.strictSame(await changes(() => removeLink(settings)), [
    'ip link delete',
    'nft delete table',
    'nft delete table',
  ])
  process.env.KEEPS_DEVICE = '1'
  t.teardown(() => delete process.env.KEEPS_DEVICE)
  await t.rejects(removeLink(settings), { message: /wherry9000000 could not be removed/ })
})
