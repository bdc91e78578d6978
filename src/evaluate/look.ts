/**
 * A look: one feature in one window, counted into coarse bins beside what the reference expects there. It is the working state that the rules
 * read and write (`rule.ts`, `thresholds.ts`); who takes looks is `looker.ts`.
 */

import type { PreparedWindow } from "./calibrate.ts";
import type { VerdictReason, WindowCounts } from "./evaluation.ts";
import type { Expected } from "./expected.ts";
import type { PreparedFeature } from "./prepared-feature.ts";

/** Places in `OUTCOMES`. */
export const INSUFFICIENT = 0;
export const NO_DRIFT = 1;
export const WARNING = 2;
export const CRITICAL = 3;

/** What one look sees and finds. All of it is overwritten by the next look of the same looker. */
export type Look = {
  feature: PreparedFeature;
  prepared: PreparedWindow;
  /** Coarse counts of the window, and what the reference expects. */
  current: Float64Array;
  expected: Expected;
  /** Numeric: the window's fine counts, between one bin for −Infinity and one for +Infinity; filled by `fillFine` only. */
  fine: Float64Array;
  /** Values judged. */
  n: number;
  /** The counts, and the first slot of the feature in them; −1 when its bins are others. */
  row: WindowCounts["counts"];
  offset: number;
  /** Place in `OUTCOMES`, reason, and the coarse bin that the verdict rests on, or −1. */
  code: number;
  reason: VerdictReason;
  bin: number;
  /** A comparison's single value or category that has grown, where `bin` joins it with others. */
  label: string | undefined;
  /** Limits of G and of KS, where they decide (else 0). */
  shiftLimit: number;
  locationLimit: number;
};

/** Writes the verdict into the look. */
export function conclude(look: Look, code: number, reason: VerdictReason, bin = -1): Look {
  look.code = code;
  look.reason = reason;
  look.bin = bin;
  return look;
}

/** Fills `look.fine` from the row. */
export function fillFine(look: Look): Float64Array {
  const { fine, row, offset } = look;
  const { bins } = look.feature;
  for (let j = 0; j < bins; j++) fine[j + 1] = row[offset + j]!;
  fine[0] = row[offset + bins + 5]!;
  fine[bins + 1] = row[offset + bins + 4]!;
  return fine;
}
