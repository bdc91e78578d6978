/**
 * A small part that takes seconds and is computed again by the tests: when a rule has changed and the report has not, these numbers differ. Small
 * worlds, so they prove nothing by themselves.
 */

import { table } from "../markdown.ts";
import { simulateRivals } from "../rival-months.ts";
import { RULES } from "../rivals/rules.ts";
import { SPANS } from "../rivals/statistics.ts";
import type { ScenarioName } from "../scenarios.ts";
import { simulate, simulateDelays } from "../simulate.ts";

const STREAMS: readonly ScenarioName[] = ["iid", "weekly", "weekly_wander", "heavy_daily"];

/** The block of the report; deterministic. */
export function quickTables(): string {
  const rows = STREAMS.map((scenario, i) => {
    const outcomes = { insufficient_data: 0, no_drift: 0, warning: 0, critical: 0 };
    const world = { scenario, features: 5, rate: 20, seed: 900 + i } as const;
    const { critical, warningOrWorse } = simulate({
      ...world,
      months: 0.5,
      onWindow: (_, { outcomes: found }) => {
        for (const code of found!.codes) outcomes[NAMES[code]!]++;
      },
    });
    const { firstWarningMin, firstCriticalMin } = simulateDelays({ ...world, fault: { kind: "mean", by: 0.25 }, trials: 3, withinDays: 2 });
    const minutes = (values: readonly number[]) => values.map((value) => (Number.isFinite(value) ? String(value) : "–")).join(", ");
    return [
      scenario,
      String(critical),
      String(warningOrWorse),
      ...NAMES.map((name) => String(outcomes[name])),
      minutes(firstWarningMin),
      minutes(firstCriticalMin),
    ];
  });
  const { tallies } = simulateRivals({ scenario: "weekly", features: 5, rate: 20, months: 0.1, seed: 910 }, 0);
  const rivals = RULES.map(({ title }, rule) => [
    title,
    ...SPANS.map((_, span) => {
      const { alarmed, looks } = tallies[rule * SPANS.length + span]!;
      return `${alarmed} of ${looks}`;
    }),
  ]);
  return `${table(["half a month, 5 features", "critical", "episodes", ...NAMES, "+ .25 sd: warning after min", "critical after min"], rows)}

${table(["three days, weekly", ...SPANS], rivals)}`;
}

const NAMES = ["insufficient_data", "no_drift", "warning", "critical"] as const;
