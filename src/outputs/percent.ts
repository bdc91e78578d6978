/** Percent-encoding that never throws: half a surrogate pair, which a name from a record may hold, becomes the replacement character. Pure. */

/** `encodeURIComponent` of any text. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** A part of a URL as it was meant, or as it stands when it is no encoding at all. */
export function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
