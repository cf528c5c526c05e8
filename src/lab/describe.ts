import type { LabEngineStatus, LabStatus } from './status.ts'

/** The lab's status as a person reads it: what is there, and how to reach it. Pure. */
export function describeLab(status: LabStatus): string {
  if (status.state === 'down') return 'The lab is down. Bring it up with `wherry lab up`.'
  const outer = status.outer?.isPrivate ? 'an engine of the lab’s own' : 'the Docker engine that is here'
  const version = status.outer?.version ? ` (${status.outer.version})` : ', which does not answer'
  return [
    status.state === 'up'
      ? `The lab is up (${status.engine}), on ${outer}${version}.`
      : `The lab is not wholly up, on ${outer}${version}. \`wherry lab up\` mends it.`,
    ...status.engines.map(describeEngine),
    '',
    'For ssh:// addresses:',
    `  export WHERRY_SSH_COMMAND="${status.sshCommand}"`,
    'For tcp:// addresses:',
    `  export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="${status.engines[0]?.tlsDirectory}"`,
  ].join('\n')
}

function describeEngine(engine: LabEngineStatus): string {
  const version = engine.version ? `Docker ${engine.version}` : 'does not answer'
  return `
${engine.name}: ${version}
  context  ${engine.context}
  ssh      ${engine.ssh}
  tcp      ${engine.tcp}
  socket   ${engine.unix}`
}
