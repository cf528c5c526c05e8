import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { tableText } from '../../../../src/agent/network/filter.ts'
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
    *"address show dev wherryt"*) test -e ${log}.tunnel && cat ${log}.tunnel;;
    *"route show dev wherryt"*) cat ${log}.routes 2>/dev/null || echo '[]';;
    *"link show dev wherryt"*) test -n "$KEEPS_DEVICE";;
    *"-details link show"*) test -z "$KEEPS_DEVICE" || echo '[{"mtu":1500,"flags":[]}]'; test -n "$KEEPS_DEVICE";;
  esac`,
  wg: `${begin}case "$*" in *syncconf*) cat "$3" >> ${log}.wg;; *dump*) cat ${log}.dump;; esac`,
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

const [key, publicKey] = [`${'K'.repeat(43)}=`, `${'P'.repeat(43)}=`]
const encrypted: StretchSettings = {
  ...settings,
  tunnel: { address: '198.18.0.1', port: 14790 },
  peers: [{ address: '10.0.0.2', from: '10.0.0.2', tunnel: { address: '198.18.0.2', publicKey } }],
}

t.test('with a tunnel the filters come first, and the device lies on the tunnel', async (t) => {
  const lines = await changes(() => ensureLink(encrypted, key))
  t.strictSame(lines, [
    'nft -f -',
    'ip link add',
    'wg syncconf wherryt9000000',
    'ip address replace',
    'ip link set',
    'ip route replace',
    'ip route replace',
    'ip link add',
    'bridge fdb append',
    'ip link set',
  ])
  const text = await readFile(log, 'utf8')
  t.match(text, /ip link add dev wherryt9000000 type wireguard\n/)
  t.match(text, /ip link set dev wherryt9000000 mtu 1550 up\n/, 'a VXLAN of 1500 fits on it')
  t.match(text, /ip route replace blackhole 198\.18\.0\.2\/32 metric 4000000000\n/)
  t.match(text, /ip route replace 198\.18\.0\.2\/32 dev wherryt9000000 src 198\.18\.0\.1 mtu 1440\n/)
  t.match(text, / remote 198\.18\.0\.2 local 198\.18\.0\.1 dev wherryt9000000 /)
  t.match(
    text,
    /bridge fdb append 00:00:00:00:00:00 dev wherry9000000 dst 198\.18\.0\.2 via wherryt9000000\n/,
  )
  t.notMatch(text, key, 'the key is in no command that others on the host could see')
  t.equal(
    await readFile(`${log}.wg`, 'utf8'),
    `[Interface]
PrivateKey = ${key}
ListenPort = 14790

[Peer]
PublicKey = ${publicKey}
AllowedIPs = 198.18.0.2/32
Endpoint = 10.0.0.2:14790
PersistentKeepalive = 25
`,
  )
})

t.test('a tunnel that is as it should be is left alone, and one that is not is mended', async (t) => {
  const there = {
    tunnel: '[{"flags":["UP"],"addr_info":[{"local":"198.18.0.1","prefixlen":32}]}]',
    routes: '[{"dst":"198.18.0.2"}]',
    dump: `${key}\t(own)\t14790\toff\n${publicKey}\t(none)\t10.0.0.2:14790\t198.18.0.2/32\t0\t0\t0\t25\n`,
  }
  const withTunnel = async (parts: Partial<typeof there>) => {
    for (const [file, text] of Object.entries({ ...there, ...parts })) await writeFile(`${log}.${file}`, text)
    const lines = await changes(() => ensureLink(encrypted, key))
    return lines.filter((line) => !/^(nft|bridge|ip link)/.test(line))
  }
  t.strictSame(await withTunnel({}), [])
  t.strictSame(await withTunnel({ dump: there.dump.replace('14790', '14791') }), [
    'wg syncconf wherryt9000000',
  ])
  t.strictSame(await withTunnel({ dump: there.dump.replace('198.18.0.2/32', '(none)') }), [
    'wg syncconf wherryt9000000',
  ])
  t.strictSame(await withTunnel({ routes: '[{"dst":"198.18.0.9"}]' }), [
    'ip route replace',
    'ip route replace',
    'ip route delete',
    'ip route delete',
  ])
  t.strictSame(await withTunnel({ tunnel: there.tunnel.replace('"UP"', '') }), ['ip address replace'])
})

t.test('a tunnel goes with its link', async (t) => {
  t.strictSame(await changes(() => removeLink(encrypted)), [
    'ip link delete',
    'ip link delete',
    'ip route delete',
    'nft delete table',
    'nft delete table',
  ])
})

t.test('with a tunnel nothing of the network goes or comes beside it', async (t) => {
  const text = tableText('wherry9000000', encrypted, 1500)
  t.match(text, /hook output .* udp dport 14789 @th,96,24 9000000 oifname != "wherryt9000000" drop/)
  t.match(text, /hook input .* udp dport 14789 @th,96,24 9000000 iifname != "wherryt9000000" drop/)
  t.match(text, /ip saddr != { 198\.18\.0\.2 } drop/)
  t.match(text, /maxseg size set 1330\n/, '1500 less 60 of WireGuard, 50 of VXLAN and 60 within')
  t.notMatch(tableText('wherry9000000', settings, 1500), /beside/)
})
