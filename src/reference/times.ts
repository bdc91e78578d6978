/** Times as snapshots write them. */

/** ISO 8601 UTC with `Z`, without milliseconds when there are none. */
export function isoOf(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
