import t from 'tap'
import type { CommandEnd } from '../../faults/command.ts'
import { endProblems } from '../../faults/ending.ts'

const good = {
  code: 'target-disk-full',
  message: 'The target has no room left. Everything is back as it was: db on wherry-alpha.',
  exitCode: 4,
  suggestions: ['Free space and try again.'],
}

function ended(error: object | undefined, exitCode: number | undefined = 4): CommandEnd {
  return { exitCode, seconds: 1, stderr: 'oh', json: error && { error } }
}

t.test('an error that helps is fine, and so is success', async (t) => {
  t.strictSame(endProblems('migrate', ended(good), [0, 4]), [])
  t.strictSame(endProblems('migrate', ended(undefined, 0), [0, 4]), [])
})

t.test('what does not help is found', async (t) => {
  const found = (error: object | undefined, exitCode = 4) =>
    endProblems('migrate', ended(error, exitCode), [4, 5])
  t.match(found(good, 1), [/ended with 1, not 4 or 5/])
  t.match(found({ ...good, exitCode: 1 }), [/ended with 4 but says 1/])
  t.match(found({ ...good, code: 'unexpected' }), [/without a code/])
  t.match(found({ ...good, message: 'No room left.' }), [/names no engine/])
  t.match(found({ ...good, message: 'timed out', suggestions: ['Look at wherry-beta.'] }), [
    /only says "timed out"/,
  ])
  t.match(found({ ...good, exitCode: 5 }, 5), [/does not say how to go on/])
  t.ok(found(undefined).length > 1, 'an end without a document')
  t.match(endProblems('migrate', { ...ended(good), exitCode: undefined }, [4]), [/did not end within 1 s/])
})
