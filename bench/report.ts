import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { docker, pipeline } from './engines.ts'
import type { Measurement } from './measure.ts'

/** A row of the table: a measurement, or why there is none. */
export type Row = Measurement | { set: string; method: string; error: string }

/** What a run's figures depend on. */
export interface Circumstances {
  date: string
  wherry: string
  node: string
  engines: { alpha: string; beta: string }
  tools: string[]
  kernel: string
  cores: number
  processor: string
  memoryBytes: number
  /** Above the number of cores at the start, something else was busy. */
  loadAtStart: number
}

/** Looks at this machine and the lab. */
export async function circumstances(): Promise<Circumstances> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const serverVersion = ['version', '--format', '{{.Server.Version}}']
  const tools = await pipeline('{ tar --version | head -n 1; rsync --version | head -n 1; } >&2 || true')
  return {
    date: new Date().toISOString(),
    wherry: version,
    node: process.versions.node,
    engines: { alpha: await docker('alpha', ...serverVersion), beta: await docker('beta', ...serverVersion) },
    tools: tools.trim().split('\n'),
    kernel: release(),
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    loadAtStart: loadavg()[0] ?? 0,
  }
}

const headings = [
  'set',
  'method',
  'total s',
  'downtime s',
  'copy s',
  'ratio to tar',
  'sync s',
  'MB moved',
  'CLI MB',
  'agents MB',
]

/** The rows as a Markdown table, with columns in line. Pure. */
export function table(rows: readonly Row[]): string {
  const cells = [headings, ...rows.map((row) => cellsOf(row, rows))]
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => `${'-'.repeat(width + 1)}${column < 2 ? '-' : ':'}`).join('|')}|`
  const [head = [], ...body] = cells
  return [line(head), rule, ...body.map(line)].join('\n')
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)}`

function cellsOf(row: Row, rows: readonly Row[]): string[] {
  if ('error' in row) return [row.set, row.method, 'FAILED', ...headings.slice(3).map(() => '')]
  const { memory } = row
  return [
    row.set,
    row.method,
    row.totalSeconds.toFixed(2),
    row.downtimeSeconds?.toFixed(2) ?? '',
    row.copySeconds.toFixed(2),
    ratioToTar(row, rows)?.toFixed(2) ?? '',
    row.syncSeconds.toFixed(2),
    megabytes(row.bytesMoved),
    memory ? megabytes(memory.cli) : '',
    memory ? `${megabytes(memory.sourceAgent)} + ${megabytes(memory.targetAgent)}` : '',
  ]
}

/** How fast a method copies everything once, compared with the bare tar: 1 is as fast, 0.5 takes twice as long. Pure. */
export function ratioToTar(row: Measurement, rows: readonly Row[]): number | undefined {
  const tar = rows.find(({ set, method }) => set === row.set && method === 'tar')
  return tar && !('error' in tar) ? tar.copySeconds / row.copySeconds : undefined
}

/** Writes a run's document to bench/results; gives its path. */
export async function writeResults(
  document: Record<string, unknown> & { circumstances: Circumstances },
): Promise<string> {
  const directory = fileURLToPath(new URL('results', import.meta.url))
  await mkdir(directory, { recursive: true })
  const stamp = document.circumstances.date.slice(0, 19).replaceAll(':', '')
  const path = `${directory}/${stamp}.json`
  await writeFile(path, `${JSON.stringify(document, undefined, 2)}\n`)
  return path
}
