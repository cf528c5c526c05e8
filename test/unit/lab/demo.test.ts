import t from 'tap'
import { publishedPorts } from '../../../src/lab/demo/kept.ts'

t.test('the demo says so where no port is published', async (t) => {
  t.equal(publishedPorts({}), 'none')
  t.equal(publishedPorts({ '6379/tcp': null }), 'none', 'one that is only exposed')
  t.equal(publishedPorts({ '80/tcp': [{ HostPort: '8080' }] }), '80/tcp')
})
