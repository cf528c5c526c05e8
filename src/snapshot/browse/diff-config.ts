/** A field of a configuration that differs; absent where it is not there. */
export interface FieldChange {
  /** Such as `config.Env.PGDATA`. */
  path: string
  before?: unknown
  after?: unknown
}

type Fields = Record<string, unknown>

/** Which field tells the items of a list apart. */
const keys = ['destination', 'network', 'Name', 'name', 'id']

/** Where two configurations differ, field by field. */
export function diffFields(before: unknown, after: unknown, path = ''): FieldChange[] {
  const [a, b] = [fieldsOf(before), fieldsOf(after)]
  if (isNothing(before) && isNothing(after)) return []
  if (!a || !b) {
    if (JSON.stringify(before) === JSON.stringify(after)) return []
    return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }]
  }
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
  return names.flatMap((name) => diffFields(a[name], b[name], path === '' ? name : `${path}.${name}`))
}

/** Engines write nothing, null or an empty list for the same. */
function isNothing(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0)
  )
}

/** What is compared field by field: an object, or a list whose items have names. */
function fieldsOf(value: unknown): Fields | undefined {
  if (value === null) return {}
  if (typeof value !== 'object') return undefined
  if (!Array.isArray(value)) return value as Fields
  const named = value.map((item) => [nameOf(item), item] as const)
  const isNamed =
    named.every(([name]) => name !== undefined) && new Set(named.map(([name]) => name)).size === value.length
  if (!isNamed) return undefined
  return Object.fromEntries(
    named.map(([name, item]) => [name, typeof item === 'string' ? item.slice(item.indexOf('=') + 1) : item]),
  )
}

/** An item's name: the variable of `NAME=VALUE`, or the field that tells such items apart. */
function nameOf(item: unknown): string | undefined {
  if (typeof item === 'string') return /^([^=\s]+)=/.exec(item)?.[1]
  if (typeof item !== 'object' || item === null) return undefined
  const key = keys.find((name) => typeof (item as Fields)[name] === 'string')
  return key === undefined ? undefined : ((item as Fields)[key] as string)
}
