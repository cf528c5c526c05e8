#!/usr/bin/env node
// The one file that must also load on an old Node: it says which version wherry needs.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `wherry needs Node.js 22.15 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a current Node.js, or in a checkout run it as an npm script: npm run lab -- status\n',
  )
  process.exit(1)
}
const [{ mkdirSync }, { enableCompileCache }, { cacheDirectory }] = await Promise.all([
  import('node:fs'),
  import('node:module'),
  import('../dist/platform/directories.js'),
])
// What was compiled once is kept, where nobody else can write. Where that cannot be, nothing is lost but time.
try {
  const compiled = `${cacheDirectory()}/compiled`
  mkdirSync(compiled, { recursive: true, mode: 0o700 })
  enableCompileCache(compiled)
} catch {}
const { run } = await import('../dist/cli/run.js')
await run(process.argv.slice(2), import.meta.url)
