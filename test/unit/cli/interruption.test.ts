import type { Config } from '@oclif/core'
import t from 'tap'
import { BaseCommand } from '../../../src/cli/base.ts'
import { leftStandingStill, leftUnfinished, whatFollowsInMove } from '../../../src/cli/interruption.ts'
import { stateOf } from '../../../src/migrate/state.ts'
import type { Plan } from '../../../src/model/plan.ts'
import type { ProgressEvent, Report } from '../../../src/model/progress.ts'

const plan = { id: 'm', containers: [{ name: 'db' }], target: { engine: 'b' } } as unknown as Plan

/** A command that is interrupted at once, and before the end of its move when `commits`. */
class Moving extends BaseCommand {
  readonly said: ProgressEvent[] = []

  protected override get report(): Report {
    return (event) => this.said.push(event)
  }

  async run(commits = false): Promise<boolean> {
    const move = { plan, state: stateOf([]) }
    return this.interruptible(
      async () => {
        move.state.committed = commits
        process.emit('SIGINT', 'SIGINT')
        return this.interrupted.aborted
      },
      { whatFollows: () => whatFollowsInMove(move) },
    )
  }
}

t.test('the first signal says what is true when it comes', async (t) => {
  for (const [commits, message] of [
    [false, /^SIGINT: stopping and putting everything back/],
    [true, /^SIGINT: the move is committed: db stays on b, and nothing is put back.*migration resume m$/],
  ] as const) {
    const command = new Moving([], {} as Config)
    t.equal(await command.run(commits), true)
    t.match(command.said, [{ code: 'interrupted', message }])
    t.equal(command.said.length, 1)
  }
  t.match(whatFollowsInMove(undefined), /nothing has been changed/)
})

t.test('the second signal says how far it had come, and what can follow', async (t) => {
  const summary = {
    id: 'm',
    createdAt: '',
    status: 'interrupted',
    step: 'clean-up',
    containers: ['db'],
    source: 'a',
    target: 'b',
    next: ['wherry migration resume m'],
  } as const
  const error = (committed: boolean) =>
    leftUnfinished('SIGINT', { ...summary, committed, containers: ['db'], next: [...summary.next] })
  t.match(error(true), {
    message: /of db from a to b, which is committed, was left as it is, at "clean-up"/,
    exitCode: 5,
    suggestions: ['wherry migration resume m'],
  })
  t.match(error(false).message, /of db from a to b was left as it is/)
})

t.test('a second signal tells what stands still', async (t) => {
  const after = new Map([['db', 'unlock']])
  t.equal(
    leftStandingStill('alpha', ['db'], 'pause', new Map()),
    undefined,
    'frozen ones go on by themselves',
  )
  t.match(leftStandingStill('alpha', ['db'], 'memory', new Map()), {
    exitCode: 5,
    suggestions: [/docker --context alpha unpause db$/],
  })
  t.match(leftStandingStill('alpha', ['db', 'web'], 'stop', after), {
    exitCode: 5,
    suggestions: [/docker --context alpha start db web$/, /docker --context alpha exec db sh -c 'unlock'$/],
  })
})
