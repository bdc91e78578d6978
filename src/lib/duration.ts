/** Durations as people write them (`250ms`, `5m`, `1h30m`, `35d`): text to milliseconds and back. No fractions: `1h30m`, not `1.5h`. */

/** What a duration looks like, largest unit first, each unit at most once: also the `pattern` of the JSON Schema. */
export const durationPattern = /^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;

const unitsMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** Turns `1h30m` into 5,400,000 ms. Returns undefined when the text is no duration or is beyond 2^53 ms. */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) totalMs += Number(amount) * unitsMs[unit as keyof typeof unitsMs];
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** Turns milliseconds (a whole number, at least 0) into the shortest text that `parseDuration` gives back: 5,400,000 → `1h30m`, 0 → `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let rest = ms;
  let text = "";
  for (const [unit, unitMs] of Object.entries(unitsMs)) {
    const amount = Math.floor(rest / unitMs);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * unitMs;
  }
  return text;
}
