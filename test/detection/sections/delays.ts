/** How long driftd takes to find a simulated fault in one of fifty features. */

import { delay, table } from "../markdown.ts";
import type { Pool } from "../pool.ts";
import type { Fault } from "../scenarios.ts";
import { type DelayOptions, type Delays, joinDelays } from "../simulate.ts";
import { part, type Section } from "./section.ts";

const TRIALS_PER_REFERENCE = 5;

export async function delays(pool: Pool, options: Omit<DelayOptions, "policy">): Promise<Delays> {
  const each = options.trialsPerReference ?? TRIALS_PER_REFERENCE;
  const parts = Array.from({ length: Math.ceil(options.trials / each) }, (_, index) =>
    pool.run("simulateOnsets", { ...options, trials: Math.min(each, options.trials - index * each) }, index),
  );
  return joinDelays(await Promise.all(parts));
}

/** The feature of the fault: the first numeric one, or the first categorical one. */
export const NUMERIC = 0;
export const CATEGORY = 4;

const FAULTS: readonly { readonly title: string; readonly fault: Fault; readonly faulty: number }[] = [
  { title: "mean + .1 sd", fault: { kind: "mean", by: 0.1 }, faulty: NUMERIC },
  { title: "mean + .25 sd", fault: { kind: "mean", by: 0.25 }, faulty: NUMERIC },
  { title: "mean + .5 sd", fault: { kind: "mean", by: 0.5 }, faulty: NUMERIC },
  { title: "mean + .05 sd a day", fault: { kind: "ramp", perDay: 0.05 }, faulty: NUMERIC },
  { title: "sd × 1.25", fault: { kind: "sd", factor: 1.25 }, faulty: NUMERIC },
  { title: "sd × .8", fault: { kind: "sd", factor: 0.8 }, faulty: NUMERIC },
  { title: "10 % zeros", fault: { kind: "zeros", share: 0.1 }, faulty: NUMERIC },
  { title: "2 % a new category", fault: { kind: "new_category", share: 0.02 }, faulty: CATEGORY },
  { title: "20 % null (quality: must not be drift)", fault: { kind: "missing", share: 0.2 }, faulty: NUMERIC },
];

const STREAMS = [
  { title: "i.i.d.", options: { scenario: "iid", withinDays: 2 } },
  { title: "daily cycle, 14 d", options: { scenario: "daily" } },
  { title: "daily cycle, 28 d", options: { scenario: "daily", referenceDays: 28 } },
  { title: "and weekend, 28 d", options: { scenario: "weekly", referenceDays: 28 } },
] as const;

export const delaySection: Section = {
  name: "delays",
  title: "Delay: a fault in one of 50 features",
  write: async (pool, share) => {
    const results = await Promise.all(
      FAULTS.map(({ fault, faulty }) =>
        Promise.all(
          STREAMS.map(({ options }, s) => {
            const withinDays = fault.kind === "ramp" ? 14 : fault.kind === "missing" ? 1 : "withinDays" in options ? options.withinDays : 5;
            return delays(pool, { ...options, fault, faulty, trials: part(10, share), withinDays, seed: 200 + s });
          }),
        ),
      ),
    );
    const of = (what: keyof Delays) =>
      table(
        ["fault", ...STREAMS.map(({ title }) => title)],
        FAULTS.map(({ title }, f) => [title, ...results[f]!.map((found) => delay(found[what]))]),
      );
    return `50 records a minute; median of 10 onsets at random times of day and week, in two worlds, the same for every fault; found within 5 days (2 when i.i.d.; a ramp: 14), and critical
within a day after the warning.
Days are those of the reference.

First warning (or worse) of the faulty feature:

${of("firstWarningMin")}

First critical verdict of the faulty feature:

${of("firstCriticalMin")}`;
  },
};
