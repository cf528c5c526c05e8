#!/usr/bin/env node
// Runs the commands from the TypeScript sources: needs a Node.js that strips types (24 or newer).
const { run } = await import('../src/cli/run.ts')
await run(process.argv.slice(2), import.meta.url, { development: true })
