import { join } from 'node:path'
import { labPlaces } from '../../../src/lab/places.ts'

/** What makes a process use a further lab, beside that of this process: files, contexts and journals of its own. */
export function sideLab(number: number): { WHERRY_STATE_DIR: string; DOCKER_CONFIG: string } {
  const root = join(labPlaces().root, `side-${number}`)
  return { WHERRY_STATE_DIR: root, DOCKER_CONFIG: join(root, 'docker') }
}
