import { Flags } from '@oclif/core'

/** `--from`, shared by every command that reads from an engine. */
export const fromFlag = Flags.string({
  summary: 'Engine to take from: a Docker context or a unix://, tcp:// or ssh:// URL.',
  description:
    'Without it, the engine that the Docker CLI would use: DOCKER_HOST, DOCKER_CONTEXT or the current context.',
  helpValue: 'ENGINE',
})

/** `--to`, for commands that need a target. */
export const toFlag = Flags.string({
  summary: 'Engine to move to: a Docker context or a unix://, tcp:// or ssh:// URL.',
  helpValue: 'ENGINE',
  required: true,
})

/** `--on`, for commands that look at what networks have on engines. */
export const onFlag = Flags.string({
  multiple: true,
  default: [],
  summary: 'Engines to look on; without any, the current one. The other members are found from there.',
  helpValue: 'ENGINE',
})
