/**
 * Loaded before every test file that needs a lab. tap numbers what it runs side by side from 0: each such process has a lab
 * that no other one uses (see ../run.ts).
 */
import { sideLab } from './side-lab.ts'

const slot = Number(process.env.TAP_JOB_ID ?? 0)
if (slot > 0) Object.assign(process.env, sideLab(slot))
