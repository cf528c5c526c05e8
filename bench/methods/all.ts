import { archive } from './archive.ts'
import type { Method } from './method.ts'
import { rsync } from './rsync.ts'
import { tar, tarExec } from './tar.ts'
import { wherryDirect, wherryRelay } from './wherry.ts'

/** All methods, in the order in which they run: the yardstick first. */
export const methods: Method[] = [tar, wherryDirect, wherryRelay, tarExec, archive, rsync]
