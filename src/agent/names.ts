/**
 * Names are handled as strings with one character per byte ("latin1"): JavaScript compares these exactly as bytes, which
 * gives the same order on both engines whatever the locale, and no name is damaged by decoding.
 */

/** A name or path for people: printable UTF-8 stays, every other byte is shown as `\xNN`. */
export function displayName(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  if (!text.includes('\ufffd') && !/[\u0000-\u001f\u007f-\u009f\\]/.test(text)) return text
  return bytes.replace(
    /[^\u0020-\u005b\u005d-\u007e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** Whether a name that came over the wire may be used in a directory, without a way out of it. */
export function isSafeName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0')
}
