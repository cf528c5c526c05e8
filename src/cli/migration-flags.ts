import { Args, Flags } from '@oclif/core'

/** The migration that a command is about. */
export const migrationArg = Args.string({
  description: 'Its id, the beginning of one, or the name of a container: the newest migration of it.',
  required: true,
  noCacheDefault: true,
})

/** Other names for the engines of a migration than those it was begun with. */
export const engineNameFlags = {
  from: Flags.string({
    summary: 'The source, where it is now reached under another name, or the journal is gone.',
    helpValue: 'ENGINE',
  }),
  to: Flags.string({
    summary: 'The target, where it is now reached under another name.',
    helpValue: 'ENGINE',
  }),
}
