import type { RegistryClient } from './client.ts'

const pageSize = 1000
/** More pages than any repository has: a registry that goes on for ever is not followed for ever. */
const maxPages = 10_000

/** All tags of a repository (OCI distribution-spec 1.1, "Listing tags"); none where there is no such repository yet. */
export async function listTags(client: RegistryClient): Promise<string[]> {
  const tags = new Set<string>()
  let to: string | URL = `tags/list?n=${pageSize}`
  for (let page = 0; page < maxPages; page++) {
    const { status, headers, body } = await client.request({
      method: 'GET',
      to,
      access: 'pull',
      expected: [200, 404],
    })
    if (status === 404) return [...tags]
    for (const tag of tagsIn(body)) tags.add(tag)
    const next = nextPage(String(headers.link ?? ''))
    if (next === undefined) return [...tags]
    to = client.resolve(next)
  }
  return [...tags]
}

function tagsIn(body: Buffer): string[] {
  try {
    const { tags } = JSON.parse(body.toString()) as { tags?: unknown }
    // A repository without tags has `null`.
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : []
  } catch {
    return []
  }
}

/** The address in `Link: <…>; rel="next"` (RFC 8288). */
export function nextPage(header: string): string | undefined {
  return /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(header)?.[1]
}
