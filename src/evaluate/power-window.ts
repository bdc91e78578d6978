/** The windows that the power report draws: how much traffic comes when, and which shares the reference expects then. Pure. */

import type { Snapshot } from "../reference/snapshot.ts";
import type { PreparedReference } from "./calibrate.ts";
import type { WindowCounts } from "./evaluation.ts";

const BLOCK_MS = 30 * 60_000;
const BLOCKS_A_DAY = 48;

/** Traffic by half hour of the day, as a multiple of its mean: of the reference's own days, or even where they are not known. */
export function profileOf(calibration: Snapshot["calibration"], feature: string): Float64Array {
  const profile = new Float64Array(BLOCKS_A_DAY);
  const slots = calibration !== undefined && Object.hasOwn(calibration.slots, feature) ? calibration.slots[feature]! : [];
  const from = calibration === undefined ? 0 : Math.round(Date.parse(calibration.from) / BLOCK_MS);
  let total = 0;
  for (const [i, slot] of slots.entries()) {
    for (const count of slot) {
      profile[(from + i) % BLOCKS_A_DAY]! += count;
      total += count;
    }
  }
  return total === 0 ? profile.fill(1) : profile.map((count) => (count * BLOCKS_A_DAY) / total);
}

/** Half hours of a window with the values of one feature; `valuesIn` gives those of a half hour of the day. */
export function blocksOf(
  startMs: number,
  endMs: number,
  valuesIn: (block: number) => number,
  feature: number,
  features: number,
): WindowCounts["blocks"] {
  const blocks: { startMs: number; values: Uint32Array }[] = [];
  for (let atMs = Math.floor(startMs / BLOCK_MS) * BLOCK_MS; atMs < endMs; atMs += BLOCK_MS) {
    const part = (Math.min(endMs, atMs + BLOCK_MS) - Math.max(startMs, atMs)) / BLOCK_MS;
    const block = (((atMs / BLOCK_MS) % BLOCKS_A_DAY) + BLOCKS_A_DAY) % BLOCKS_A_DAY;
    const values = new Uint32Array(features);
    values[feature] = Math.round(valuesIn(block) * part);
    blocks.push({ startMs: atMs, values });
  }
  return blocks;
}

/** The reference's shares as expected at the window's hours: of the fine bins, and how many reference values stand behind each coarse bin. */
export function sharesOf(
  { expected }: { readonly expected: { readonly counts: Float64Array; readonly total: number } },
  prepared: PreparedReference["features"][number],
  bins: number,
): { readonly fine: Float64Array; readonly coarse: Float64Array } {
  const fine = new Float64Array(bins);
  const coarse = expected.counts.slice();
  let total = 0;
  for (let j = 0; j < bins; j++) {
    const bin = prepared.coarse[j]!;
    // Infinities and unnamed categories have no fine bin; they are few and left out.
    const ofBin = prepared.counts[bin]!;
    fine[j] = ofBin === 0 ? 0 : (prepared.feature.counts[j]! / ofBin) * (expected.counts[bin]! / expected.total);
    total += fine[j]!;
  }
  if (total > 0) for (let j = 0; j < bins; j++) fine[j] = fine[j]! / total;
  return { fine, coarse };
}

/** Mean and standard deviation of a numeric feature, in its own unit; zeros where they are not known. */
export function momentsOf(feature: PreparedReference["features"][number]["feature"]): {
  readonly mean: number;
  readonly deviation: number;
} {
  if (feature.kind !== "numeric" || feature.moments.count < 2) return { mean: 0, deviation: 0 };
  return { mean: feature.moments.mean, deviation: Math.sqrt(feature.moments.m2 / (feature.moments.count - 1)) };
}
