import { type Case, everyCase, nameOf } from './matrix.ts'

/** A few minutes' worth: each fault where it does most harm, each way of migrating, each recovery. */
const names = `
warm direct stretched, stretch/inside, target-daemon, rollback
warm direct stretched, rest/inside, sigkill, rollback
warm direct stretched, start/inside, sigkill, resume
warm direct, agents/done, sigkill, resume
warm direct, pre-copy/inside, sigkill, rollback
warm direct, fence/done, sigkill, rollback
warm direct, rest/inside, sigkill, resume
warm relay, final-round/inside, sigkill, resume
cold direct, final-round/done, sigkill, rollback
cold relay, start/inside, sigkill, resume
warm direct, start/inside, sigkill, rollback
warm direct, commit/commit, sigkill, rollback
warm direct, clean-up/intent, sigkill, resume
warm direct, start/inside, sigkill-twice, rollback
warm direct, final-round/inside, sigkill-twice, resume
warm direct, pre-copy/inside, sigint, resume
cold direct, start/inside, sigint, rollback
warm direct, final-round/inside, sigint-twice, rollback
warm relay, pre-copy/inside, source-agent, resume
warm direct, final-round/inside, target-agent, resume
warm direct, pre-copy/inside, source-daemon, rollback
warm direct, rest/inside, source-daemon, resume
cold direct, final-round/inside, target-daemon, rollback
warm direct, start/inside, target-daemon, resume
warm direct, commit/commit, target-daemon, resume
warm direct, clean-up/intent, source-daemon, resume
warm direct, pre-copy/inside, link, resume
warm direct, final-round/inside, link, rollback
warm direct, pre-copy/inside, disk, resume
cold relay, final-round/inside, disk, rollback
`

/** The cases of the spread. Throws where one of them is no longer a case. */
export function spread(): Case[] {
  const all = everyCase()
  return names
    .trim()
    .split('\n')
    .map((name) => {
      const found = all.find((one) => nameOf(one) === name)
      if (!found) throw new Error(`there is no case "${name}"`)
      return found
    })
}
