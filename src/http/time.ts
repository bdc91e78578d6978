/** Times of the public JSON: ISO 8601 UTC with `Z`, without a fraction where it is zero. */

/** Epoch milliseconds as text. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}

/** Epoch milliseconds or null as text or null. */
export function isoTimeOrNull(epochMs: number | null | undefined): string | null {
  return epochMs === null || epochMs === undefined ? null : isoTime(epochMs);
}
