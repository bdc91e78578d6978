/** How often each whole number of steps occurs: exact, in any order, in memory that grows with the range and not with the number of values. */

import { MAX_STEP, NO_STEP } from "./derived.ts";

export type StepHistogram = {
  /** Adds `values[at]`, `values[at + width]` … of the rows whose part has the bit `mask`; `NO_STEP` is no value. */
  readonly add: (values: Int32Array, at: number, width: number, parts: Uint8Array, mask: number) => void;
  /** The counts, and the step of the first of them. */
  readonly read: () => { readonly counts: Uint32Array; readonly first: number; readonly total: number };
};

/** Steps on either side of 0 to begin with: ±8. */
const REACH = 32_768;

/** Nothing counted. */
export function createStepHistogram(): StepHistogram {
  let reach = REACH;
  let counts = new Uint32Array(2 * reach + 1);
  let total = 0;

  function reachTo(step: number): void {
    const before = reach;
    while (Math.abs(step) > reach) reach *= 2;
    reach = Math.min(reach, MAX_STEP);
    const wider = new Uint32Array(2 * reach + 1);
    wider.set(counts, reach - before);
    counts = wider;
  }

  return {
    add: (values, from, width, parts, mask) => {
      for (let i = 0, at = from; at < values.length; i++, at += width) {
        const step = values[at]!;
        if (step === NO_STEP || (parts[i]! & mask) === 0) continue;
        if (step > reach || step < -reach) reachTo(step);
        counts[step + reach]! += 1;
        total++;
      }
    },
    read: () => ({ counts, first: -reach, total }),
  };
}
