/**
 * What runs in the agent's image: without arguments the agent (`agent.ts`), else one of the helpers, with its settings
 * as JSON.
 */
const [service, settings = '{}'] = process.argv.slice(2)

switch (service) {
  case undefined:
    await import('./agent.ts')
    break
  case 'ghost':
    ;(await import('./network/ghost.ts')).haunt()
    break
  case 'silence':
    ;(await import('./network/ghost.ts')).goSilent()
    break
  case 'announce':
    await (await import('./network/announce.ts')).announce(JSON.parse(settings))
    break
  case 'stretch':
    await (await import('./network/keeper.ts')).keepStretched(JSON.parse(settings))
    break
  case 'unstretch':
    await (await import('./network/keeper.ts')).unstretch(JSON.parse(settings))
    break
  case 'forward':
    await (await import('./forward/forward.ts')).forward(JSON.parse(settings))
    break
  case 'reach':
    await (await import('./forward/reach.ts')).reach(JSON.parse(settings))
    break
  default:
    process.stderr.write(`There is no service named ${service} in this image.\n`)
    process.exitCode = 2
}
