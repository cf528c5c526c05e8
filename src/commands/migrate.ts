import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { fromFlag, toFlag } from '../cli/engine-flags.ts'
import { whatFollowsInMove } from '../cli/interruption.ts'
import { parsePortMappings } from '../cli/port-mapping.ts'
import { describePlan } from '../cli/present/plan.ts'
import { describeResult } from '../cli/present/result.ts'
import { parseMapping, parseRate } from '../cli/values.ts'
import { connectEngine } from '../engine/connect.ts'
import { type MigrateRequest, migrate, planOnly } from '../migrate/migrate.ts'
import type { MigrateResult } from '../migrate/result.ts'
import type { BegunMove } from '../migrate/run.ts'
import type { Plan } from '../model/plan.ts'

export default class Migrate extends BaseCommand {
  static override summary = 'Move running containers, with all their state, to another engine.'
  static override description =
    `The image, the writable layer, the volumes and the network identity move while the container runs; it is stopped only for the last changes. The source copy stays, stopped and fenced. Until the target serves, any failure puts the source back.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> db --to prod-2',
    '<%= config.bin %> <%= command.id %> web db --from ssh://admin@old --to ssh://admin@new',
    '<%= config.bin %> <%= command.id %> db --to prod-2 --dry-run',
    '<%= config.bin %> <%= command.id %> web --to prod-2 --forward',
    '<%= config.bin %> <%= command.id %> web --to prod-2 --map-port 80=8081',
    '<%= config.bin %> <%= command.id %> db --to prod-2 --json --progress none',
  ]
  static override strict = false
  static override args = {
    containers: Args.string({
      description: 'Names or ids; several move together, at one instant.',
      required: true,
      noCacheDefault: true,
    }),
  }
  static override flags = {
    to: toFlag,
    from: fromFlag,
    mode: Flags.option({
      options: ['warm', 'cold'] as const,
      default: 'warm' as const,
      summary: 'warm: copy while it runs, stop for the last changes. cold: stop first.',
    })(),
    consistency: Flags.option({
      options: ['clean', 'crash'] as const,
      default: 'clean' as const,
      summary:
        "clean: stop with the container's own signal. crash: freeze it, for software that recovers from its log.",
    })(),
    'dry-run': Flags.boolean({ summary: 'Show what would be done, and change nothing.' }),
    binds: Flags.option({
      options: ['fail', 'copy', 'keep'] as const,
      default: 'fail' as const,
      summary: 'Bind mounts: refuse, copy them to the same path, or mount what is there.',
    })(),
    'map-network': Flags.string({
      multiple: true,
      summary: 'Use a network that is on the target already.',
      helpValue: 'NETWORK=TARGET_NETWORK',
      default: [],
    }),
    stretch: Flags.boolean({
      summary:
        'Join the networks of both engines: peers that stay, and the container, are reached as before.',
      exclusive: ['leave-peers'],
    }),
    'leave-peers': Flags.boolean({ summary: 'Move although peers that stay lose the container.' }),
    'map-parent': Flags.string({
      multiple: true,
      summary: "The interface of the target's host that a macvlan or ipvlan network lies on there.",
      helpValue: 'NETWORK=INTERFACE',
      default: [],
    }),
    'map-port': Flags.string({
      multiple: true,
      summary:
        'Publish a port of a container on another host port of the target, or range by range: 80=8081, web:53/udp=[::1]:5353, 8000-8010=9000-9010.',
      helpValue: '[CONTAINER:]PORT[/udp]=[HOST_IP:]HOST_PORT',
      default: [],
    }),
    forward: Flags.boolean({
      summary: 'Leave a forwarder on the source: the published ports keep answering there.',
    }),
    'forward-proxy-protocol': Flags.option({
      options: ['v1', 'v2'] as const,
      summary: 'Tell the target over the PROXY protocol who a client of the forwarder is (TCP).',
      dependsOn: ['forward'],
    })(),
    path: Flags.option({
      options: ['auto', 'direct', 'relay'] as const,
      default: 'auto' as const,
      summary: 'How data travels: from engine to engine, through this machine, or whichever works.',
    })(),
    verify: Flags.option({
      options: ['changed', 'full'] as const,
      default: 'changed' as const,
      summary:
        'changed: compare what arrived where it is written. full: also read it back from the disk; that is downtime.',
    })(),
    'max-rounds': Flags.integer({ min: 1, max: 100, default: 8, summary: 'Pre-copy rounds at the most.' }),
    'limit-rate': Flags.string({
      summary: 'Bytes a second for pre-copy rounds, such as 50M.',
      helpValue: 'RATE',
    }),
  }

  async run(): Promise<MigrateResult | Plan> {
    const { flags, argv } = await this.parse(Migrate)
    const limitBytesPerSecond = parseRate(flags['limit-rate'])
    const proxyProtocol = flags['forward-proxy-protocol']
    const mapNetwork = parseMapping(flags['map-network'], 'map-network')
    const mapParent = parseMapping(flags['map-parent'], 'map-parent')
    const mapPort = parsePortMappings(flags['map-port'])
    await using target = await connectEngine(flags.to)
    await using source = await connectEngine(flags.from)
    const request: MigrateRequest = {
      source,
      target,
      names: argv as string[],
      options: {
        mode: flags.mode,
        consistency: flags.consistency,
        binds: flags.binds,
        path: flags.path,
        mapNetwork,
        stretch: flags.stretch,
        leavePeers: flags['leave-peers'],
        mapParent,
        mapPort,
        maxRounds: flags['max-rounds'],
        verify: flags.verify,
        ...(limitBytesPerSecond ? { limitBytesPerSecond } : {}),
        ...(flags.forward ? { forward: proxyProtocol ? { proxyProtocol } : {} } : {}),
      },
      report: this.report,
      signal: this.interrupted,
    }
    if (flags['dry-run']) {
      const plan = await planOnly(request)
      this.endProgress()
      this.log(describePlan(plan, this.colours))
      return plan
    }
    let begun: BegunMove | undefined
    const onBegin = (move: BegunMove) => {
      begun = move
      this.report({ type: 'note', message: `migration ${move.plan.id}` })
    }
    const result = await this.interruptible(() => migrate({ ...request, onBegin }), {
      migration: () => begun?.plan.id,
      whatFollows: () => whatFollowsInMove(begun),
    })
    this.endProgress()
    this.log(describeResult(result, this.colours))
    return result
  }
}
