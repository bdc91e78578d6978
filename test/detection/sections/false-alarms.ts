/** False alarms of driftd on healthy simulated streams. */

import { percent, rate, table } from "../markdown.ts";
import type { Pool } from "../pool.ts";
import { SCENARIOS, type ScenarioName } from "../scenarios.ts";
import { type MonthsOptions, type MonthsResult, sumRuns } from "../simulate.ts";
import { eventsOf, part, type Section } from "./section.ts";

const MONTHS_PER_REFERENCE = 4;

/** Runs of at most four months after a reference each. */
export async function months(pool: Pool, options: Omit<MonthsOptions, "policy" | "onWindow">): Promise<MonthsResult> {
  const each = options.monthsPerReference ?? MONTHS_PER_REFERENCE;
  const runs = Array.from({ length: Math.ceil(options.months / each) }, (_, index) =>
    pool.run("simulateRun", { ...options, months: Math.min(each, options.months - index * each) }, index),
  );
  return sumRuns(await Promise.all(runs));
}

const HEAD = ["stream", "months", "critical per 30 d", "warning or worse per 30 d", "hours in alarm"];

function row(title: string, result: MonthsResult): string[] {
  return [
    title,
    String(result.months),
    rate(eventsOf(result.runs, "critical")),
    rate(eventsOf(result.runs, "warningOrWorse")),
    percent(result.alarmedHours / result.hours),
  ];
}

type Line = { readonly title?: string; readonly options: { readonly scenario: ScenarioName } & Omit<MonthsOptions, "scenario"> };

async function lines(pool: Pool, share: number, all: readonly Line[]): Promise<string> {
  const rows = await Promise.all(
    all.map(async ({ title, options }) =>
      row(title ?? SCENARIOS[options.scenario].title, await months(pool, { ...options, months: part(options.months, share) })),
    ),
  );
  return table(HEAD, rows);
}

export const mainStreams: Section = {
  name: "false-alarms",
  title: "False alarms: the three promised streams",
  write: async (pool, share) =>
    `50 features, 50 records a minute, reference of 14 days, default configuration (budget: 1 false alarm per model in 30 days).

${await lines(
  pool,
  share,
  (["iid", "daily", "weekly"] as const).map((scenario, i) => ({ options: { scenario, months: 100, seed: 100 + i } })),
)}`,
};

export const otherStreams: Section = {
  name: "streams",
  title: "False alarms: other streams",
  write: async (pool, share) =>
    `As above, but for what the line says. A wander is a change that no clock explains: it is noise to whoever calls it so, and drift to others.

${await lines(pool, share, [
  { title: "daily cycle and weekend, reference of 28 days", options: { scenario: "weekly", months: 8, referenceDays: 28, seed: 110 } },
  { options: { scenario: "wander", months: 4, seed: 111 } },
  { options: { scenario: "weekly_wander", months: 4, seed: 112 } },
  { options: { scenario: "strong_wander", months: 4, seed: 113 } },
  { options: { scenario: "heavy", months: 4, seed: 114 } },
  { options: { scenario: "heavy_daily", months: 4, seed: 115 } },
  { options: { scenario: "zeros", months: 4, seed: 116 } },
  { options: { scenario: "zeros_daily", months: 4, seed: 117 } },
  { title: "20,000 categories (Zipf 1.2), 10 features", options: { scenario: "zipf", features: 10, months: 4, seed: 118 } },
  { options: { scenario: "correlated", months: 4, seed: 119 } },
  { options: { scenario: "correlated_daily", months: 4, seed: 120 } },
  { options: { scenario: "copies", months: 4, seed: 121 } },
  { options: { scenario: "copies_weekly", months: 4, seed: 122 } },
])}`,
};

export const sizes: Section = {
  name: "sizes",
  title: "False alarms: number of features, and traffic",
  write: async (pool, share) =>
    `Daily cycle and weekend, reference of 14 days. Traffic swings by half of its mean over the day.

${await lines(pool, share, [
  { title: "500 features", options: { scenario: "weekly", features: 500, months: 2, monthsPerReference: 1, seed: 130 } },
  { title: "200 features", options: { scenario: "weekly", features: 200, months: 2, monthsPerReference: 1, seed: 131 } },
  { title: "10 features", options: { scenario: "weekly", features: 10, months: 24, seed: 132 } },
  { title: "1 feature", options: { scenario: "weekly", features: 1, months: 48, seed: 133 } },
  { title: "50 features, 2 records a minute", options: { scenario: "weekly", rate: 2, months: 8, seed: 134 } },
  { title: "50 features, 10 records a minute", options: { scenario: "weekly", rate: 10, months: 8, seed: 135 } },
  { title: "10 features, 1,000 records a minute", options: { scenario: "weekly", features: 10, rate: 1000, months: 4, seed: 136 } },
])}`,
};
