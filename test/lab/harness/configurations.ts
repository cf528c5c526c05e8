/** A container as a user would run it. `args` come between `docker run -d --name NAME` and the image. */
export interface Configuration {
  name: string
  args: string[]
  /** Words after the image; without them the container sleeps. */
  command?: string[]
  /** Commands that prepare the engine, each a docker command line. */
  before?: string[][]
  /** Commands that are run once the container is there. */
  after?: string[][]
}

export const image = 'wherry-test-workload:latest'

/** Differently configured containers, each showing one thing that must survive a move. */
export const configurations: Configuration[] = [
  { name: 'plain', args: [] },
  {
    name: 'entrypoint-list',
    args: ['--entrypoint', 'sh'],
    command: ['-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
  },
  {
    name: 'entrypoint-empty',
    args: ['--entrypoint', '', '--stop-timeout', '1'],
    command: ['sleep', 'infinity'],
  },
  {
    name: 'command-odd',
    args: [],
    command: ['sh', '-c', 'echo "a  b" \'$HOME\' "\\n"; exec sleep infinity', 'ärgs', ''],
  },
  {
    name: 'env',
    args: [
      '-e',
      'EMPTY=',
      '-e',
      'QUOTES="a b"',
      '-e',
      'LINES=one\ntwo',
      '-e',
      'EQUALS=a=b=c',
      '-e',
      'UNICODE=žluťoučký ☃',
      '-e',
      'DOLLAR=$PATH',
    ],
  },
  {
    name: 'user',
    args: ['--user', '1000:1000', '--group-add', '44', '--group-add', 'audio', '--workdir', '/tmp'],
  },
  { name: 'ulimits', args: ['--ulimit', 'nofile=1024:2048', '--ulimit', 'core=0'] },
  { name: 'sysctls', args: ['--sysctl', 'net.core.somaxconn=512', '--sysctl', 'net.ipv4.ip_forward=1'] },
  {
    name: 'capabilities',
    args: ['--cap-add', 'NET_ADMIN', '--cap-drop', 'MKNOD', '--security-opt', 'no-new-privileges'],
  },
  {
    name: 'tmpfs',
    args: [
      '--tmpfs',
      '/scratch:rw,size=16m,mode=1770',
      '--mount',
      'type=tmpfs,destination=/scratch2,tmpfs-size=1048576',
    ],
  },
  { name: 'shm', args: ['--shm-size', '128m', '--ipc', 'shareable'] },
  {
    name: 'healthcheck',
    args: [
      '--health-cmd',
      'test -e /etc/hostname',
      '--health-interval',
      '5s',
      '--health-timeout',
      '2s',
      '--health-retries',
      '4',
      '--health-start-period',
      '1s',
    ],
  },
  { name: 'no-healthcheck', args: ['--no-healthcheck'] },
  {
    name: 'log-options',
    args: [
      '--log-driver',
      'json-file',
      '--log-opt',
      'max-size=1m',
      '--log-opt',
      'max-file=3',
      '--log-opt',
      'labels=a,b',
    ],
  },
  { name: 'log-local', args: ['--log-driver', 'local', '--log-opt', 'max-size=2m'] },
  {
    name: 'labels',
    args: [
      '--label',
      'com.example.empty=',
      '--label',
      'com.example.json={"a": [1, 2]}',
      '--label',
      'com.docker.compose.project=shop',
      '--label',
      'com.docker.compose.service=db',
    ],
  },
  {
    name: 'networks',
    before: [
      [
        'network',
        'create',
        '--subnet',
        '10.31.1.0/24',
        '--gateway',
        '10.31.1.254',
        '--label',
        'com.docker.compose.network=front',
        't-front',
      ],
      [
        'network',
        'create',
        '--subnet',
        '10.31.2.0/24',
        '--ip-range',
        '10.31.2.128/25',
        '--internal',
        '-o',
        'com.docker.network.driver.mtu=1400',
        't-back',
      ],
    ],
    args: ['--network', 't-front', '--network-alias', 'shop', '--network-alias', 'store'],
    after: [['network', 'connect', '--alias', 'backend', '--ip', '10.31.2.200', 't-back', 't-networks']],
  },
  { name: 'linked-to', args: [] },
  { name: 'links', args: ['--link', 't-linked-to:db'] },
  {
    name: 'ipv6',
    before: [['network', 'create', '--ipv6', '--subnet', '10.31.3.0/24', '--subnet', 'fd31:3::/64', 't-six']],
    args: ['--network', 't-six', '--ip6', 'fd31:3::77'],
  },
  {
    name: 'static-address',
    before: [['network', 'create', '--subnet', '10.31.4.0/24', 't-static']],
    args: [
      '--network',
      't-static',
      '--ip',
      '10.31.4.44',
      '--mac-address',
      '02:42:0a:1f:04:99',
      '--hostname',
      'static',
      '--domainname',
      'example.test',
    ],
  },
  {
    name: 'second-mac',
    args: ['--network', 'name=t-static', '--network', 'name=t-front,mac-address=02:de:ad:be:ef:01'],
  },
  {
    name: 'bridge-and-more',
    args: [],
    after: [['network', 'connect', '--alias', 'extra', 't-front', 't-bridge-and-more']],
  },
  { name: 'static-mac-default-bridge', args: ['--mac-address', '02:42:ac:11:99:99'] },
  {
    name: 'ports',
    args: [
      '-p',
      '18080:80',
      '-p',
      '127.0.0.1:18081:81',
      '-p',
      '18082:82/udp',
      '-p',
      '18090-18092:90-92',
      '--expose',
      '9999',
    ],
  },
  { name: 'port-range', args: ['-p', '18100-18110:80', '-p', '443'] },
  { name: 'read-only-root', args: ['--read-only', '--tmpfs', '/run'] },
  { name: 'init', args: ['--init', '--pids-limit', '200', '--oom-score-adj', '100'] },
  {
    name: 'stop-settings',
    args: ['--stop-signal', 'SIGINT', '--stop-timeout', '3'],
    command: ['sh', '-c', 'trap "exit 0" INT; while :; do sleep 0.1; done'],
  },
  {
    name: 'devices',
    args: [
      '--device',
      '/dev/null:/dev/blackhole:rw',
      '--device',
      '/dev/zero',
      '--device-cgroup-rule',
      'c 1:3 rwm',
    ],
  },
  {
    name: 'hosts-and-dns',
    args: [
      '--add-host',
      'ledger:10.9.8.7',
      '--add-host',
      'host.docker.internal:host-gateway',
      '--dns',
      '10.1.1.1',
      '--dns-search',
      'example.test',
      '--dns-option',
      'ndots:2',
    ],
  },
  {
    name: 'limits',
    args: [
      '--memory',
      '256m',
      '--memory-reservation',
      '64m',
      '--cpus',
      '0.5',
      '--cpu-shares',
      '512',
      '--cpuset-cpus',
      '0',
    ],
  },
  { name: 'restart-always', args: ['--restart', 'always'] },
  { name: 'restart-on-failure', args: ['--restart', 'on-failure:7'] },
  { name: 'restart-unless-stopped', args: ['--restart', 'unless-stopped'] },
  {
    name: 'volume-options',
    before: [['volume', 'create', '--label', 'com.docker.compose.volume=data', 't-data']],
    args: [
      '-v',
      't-data:/data',
      '--mount',
      'type=volume,source=t-data,destination=/again,readonly,volume-nocopy',
    ],
  },
  {
    name: 'volume-subpath',
    before: [
      [
        'run',
        '--rm',
        '-v',
        't-sub:/v',
        image,
        'sh',
        '-c',
        'mkdir -p /v/inner/dir && echo here > /v/inner/dir/file',
      ],
    ],
    args: ['--mount', 'type=volume,source=t-sub,destination=/sub,volume-subpath=inner/dir'],
  },
  { name: 'anonymous-volumes', args: ['-v', '/anonymous', '--mount', 'type=volume,destination=/anonymous2'] },
  { name: 'auto-remove', args: ['--rm', '-v', '/kept'] },
  { name: 'tty', args: ['-t', '-i', '--stop-signal', 'SIGHUP'], command: ['bash'] },
  { name: 'host-namespaces', args: ['--pid', 'host', '--uts', 'host', '--network', 'host'] },
  { name: 'shared-namespaces', args: ['--network', 'container:t-plain', '--pid', 'container:t-plain'] },
  { name: 'volumes-from', args: ['--volumes-from', 't-volume-options:ro'] },
  { name: 'no-network', args: ['--network', 'none', '--hostname', 'lonely'] },
]
