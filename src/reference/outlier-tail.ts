/** The upper tail of the reference's outlier scores, and the limit that a share of its records lies above: what makes a record one of the worst. */

import { STEPS } from "./derived.ts";
import type { DerivedOutlier } from "./snapshot.ts";
import type { StepHistogram } from "./step-histogram.ts";

type Tail = DerivedOutlier["tail"];

/** Shares kept: 1 to 9 in each power of ten from one half down to a single record, then 0. */
function sharesOf(total: number): number[] {
  const shares: number[] = [];
  for (let power = 1; 10 ** (1 - power) * total >= 1; power++) {
    for (let digit = power === 1 ? 5 : 9; digit >= 1; digit--) {
      const share = Number(`${digit}e-${power}`);
      if (share * total >= 1) shares.push(share);
    }
  }
  return [...shares, 0];
}

/** The tail of scores counted by step. O(steps). */
export function tailOf({ counts, first, total }: ReturnType<StepHistogram["read"]>): Tail {
  const tail: { share: number; limit: number }[] = [];
  const ascending = sharesOf(total).reverse();
  let above = 0;
  let next = 0;
  for (let i = counts.length - 1; i >= 0 && next < ascending.length; i--) {
    if (counts[i] === 0) continue;
    // With the values of this step among those above, the limit would have to be lower.
    while (next < ascending.length && above + counts[i]! > ascending[next]! * total)
      tail.push({ share: ascending[next++]!, limit: (i + first) / STEPS });
    above += counts[i]!;
  }
  return tail.reverse();
}

/** The limit above which at most `share` of the reference's records lie; of shares that are not kept the next smaller one. */
export function limitOf(tail: Tail, share: number): number {
  return (tail.find((point) => point.share <= share) ?? tail.at(-1))?.limit ?? Number.POSITIVE_INFINITY;
}
