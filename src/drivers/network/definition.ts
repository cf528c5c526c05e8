import type { NetworkDocument } from '../../model/documents.ts'
import { firstAddress } from './subnets.ts'

/**
 * The body that creates a network again with the same definition: name, subnets, options and labels. Subnets are always
 * spelled out, also where the engine chose them, because only then can containers be given their addresses again.
 */
export function networkRequest(
  network: NetworkDocument,
  labels: Record<string, string>,
): Record<string, unknown> {
  const { Name, Driver, EnableIPv4, EnableIPv6, Internal, Attachable, IPAM, Options, Labels } = network
  return {
    Name,
    Driver,
    // Since API 1.48; older engines know nothing but true.
    ...(EnableIPv4 === false ? { EnableIPv4 } : {}),
    EnableIPv6,
    Internal,
    Attachable,
    IPAM: {
      Driver: IPAM.Driver ?? 'default',
      Options: IPAM.Options ?? {},
      Config: (IPAM.Config ?? []).map((pool) => withoutEmpty(pool)),
    },
    Options: Options ?? {},
    Labels: { ...Labels, ...labels },
  }
}

/** Networks without IPv4 came with this API version (Docker 28). */
const withoutIpv4Since = '1.48'

/**
 * Whether an engine would make another network than asked for: an older one knows nothing of networks without IPv4, and gives them
 * an IPv4 subnet without a word.
 */
export function wouldAddIpv4({ EnableIPv4 }: NetworkDocument, apiVersion: string): boolean {
  return EnableIPv4 === false && apiVersion.localeCompare(withoutIpv4Since, 'en', { numeric: true }) < 0
}

/** What each engine may have of its own in networks that are the same one all the same. */
export interface OwnOfEngine {
  options?: readonly string[]
  gateway?: boolean
}

/** In which parts two definitions differ, in words for a message. Labels do not count. */
export function definitionDifferences(
  a: NetworkDocument,
  b: NetworkDocument,
  own: OwnOfEngine = {},
): string[] {
  const pools = ({ IPAM }: NetworkDocument) =>
    (IPAM.Config ?? []).map(
      ({ Subnet = '', Gateway }) => `${Subnet} ${own.gateway ? '' : Gateway || firstAddress(Subnet)}`,
    )
  const options = ({ Options }: NetworkDocument) =>
    Object.entries(Options ?? {})
      .filter(([key]) => !own.options?.includes(key))
      .map(([key, value]) => `${key}=${value}`)
  const parts: [string, unknown, unknown][] = [
    ['driver', a.Driver, b.Driver],
    ['subnets', pools(a).sort().join(), pools(b).sort().join()],
    ['internal', a.Internal, b.Internal],
    ['IPv6', a.EnableIPv6, b.EnableIPv6],
    ['options', options(a).sort().join(), options(b).sort().join()],
  ]
  return parts.filter(([, left, right]) => left !== right).map(([part]) => part)
}

function withoutEmpty(pool: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== '' && value !== null))
}
