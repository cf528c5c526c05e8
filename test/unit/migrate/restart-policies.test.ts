import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { newRun } from '../../../src/migrate/run.ts'
import { restorePolicies } from '../../../src/migrate/steps/finish.ts'
import type { Plan } from '../../../src/model/plan.ts'

/** Sets the policies of a copy that is in the given state; tells what was asked of the engine and what was reported. */
async function restored(policy: string, state: { Running: boolean; ExitCode: number }) {
  const asked: string[] = []
  const reported: string[] = []
  const target = {
    name: 'b',
    containers: {
      list: async () => [{ Id: 'copy' }],
      inspect: async () => ({ Id: 'copy', Name: '/db', State: state }),
      setRestartPolicy: async (_: string, { Name }: { Name: string }) => void asked.push(`policy ${Name}`),
      start: async () => void asked.push('start'),
    },
  } as unknown as Engine
  const container = {
    name: 'db',
    restartPolicy: { Name: policy },
    manifest: { hostConfig: {} },
    stage: 0,
    wasRunning: true,
  }
  const plan = { containers: [container] } as unknown as Plan
  const run = newRun({
    plan,
    source: target,
    target,
    report: (event) => void reported.push(event.type === 'warning' ? event.code : event.type),
    signal: new AbortController().signal,
    locks: [],
  })
  await restorePolicies.do(run)
  return { asked, reported }
}

t.test('a copy that runs gets its policy and nothing else', async (t) => {
  t.strictSame(await restored('always', { Running: true, ExitCode: 0 }), {
    asked: ['policy always'],
    reported: [],
  })
})

t.test('a copy that ended between the commit and its policy is started as the policy says', async (t) => {
  for (const policy of ['always', 'unless-stopped']) {
    const { asked } = await restored(policy, { Running: false, ExitCode: 0 })
    t.strictSame(asked, [`policy ${policy}`, 'start'])
  }
  t.strictSame((await restored('on-failure', { Running: false, ExitCode: 137 })).asked, [
    'policy on-failure',
    'start',
  ])
})

t.test('one that was to end is not started, and the user is told', async (t) => {
  for (const policy of ['no', 'on-failure']) {
    const { asked, reported } = await restored(policy, { Running: false, ExitCode: 0 })
    t.strictSame(asked, [`policy ${policy}`])
    t.strictSame(reported, ['target-ended'])
  }
})
