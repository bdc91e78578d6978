/** Published rules of other tools on the streams that driftd gets. */

import { delay, percent, short, table } from "../markdown.ts";
import type { Pool } from "../pool.ts";
import type { RivalTallies } from "../rival-months.ts";
import { RULES } from "../rivals/rules.ts";
import { SPANS } from "../rivals/statistics.ts";
import type { Fault, ScenarioName } from "../scenarios.ts";
import type { DelayOptions, MonthsOptions, MonthsResult } from "../simulate.ts";
import { CATEGORY, delays, NUMERIC } from "./delays.ts";
import { months } from "./false-alarms.ts";
import { part, type Section } from "./section.ts";

const HEAD = ["rule", ...SPANS.flatMap((span) => [`${span}: looks alarmed`, "episodes per 30 d"])];
const DRIFTD = ["driftd, critical", "driftd, warning or worse"] as const;

/** The table of one stream: driftd's own lines, then every rule. */
export function rulesTable(driftd: readonly (readonly string[])[], parts: readonly RivalTallies[]): string {
  const total = parts.reduce((sum, part) => sum + part.months, 0);
  const rows = RULES.map(({ title }, rule) => [
    title,
    ...SPANS.flatMap((_, span) => {
      const tallies = parts.map((part) => part.tallies[rule * SPANS.length + span]!);
      const sum = (field: "looks" | "alarmed" | "episodes") => tallies.reduce((count, tally) => count + tally[field], 0);
      const share = sum("alarmed") / sum("looks");
      return [percent(share), share > ALWAYS ? "always" : short(sum("episodes") / total)];
    }),
  ]);
  return table(HEAD, [...driftd, ...rows]);
}

/** Where more looks alarm than this, there is one episode without end, and its number means nothing. */
const ALWAYS = 0.5;

function driftdRows(result: MonthsResult): string[][] {
  const line = (title: string, hours: number, episodes: number) => [
    title,
    percent(hours / result.hours),
    short(episodes / result.months),
    "",
    "",
  ];
  return [line(DRIFTD[0], result.criticalHours, result.critical), line(DRIFTD[1], result.alarmedHours, result.warningOrWorse)];
}

async function stream(pool: Pool, all: MonthsOptions & { readonly scenario: ScenarioName }, share: number): Promise<string> {
  const each = part(2, share, 0.25);
  const options = { ...all, months: Math.max(each, part(all.months, share, 0.25)) };
  const worlds = Array.from({ length: Math.round(options.months / each) }, (_, index) => index);
  const [driftd, rivals] = await Promise.all([
    months(pool, { ...options, monthsPerReference: each, fineBins: true }),
    Promise.all(worlds.map((index) => pool.run("simulateRivals", { ...options, months: each }, index))),
  ]);
  return rulesTable(driftdRows(driftd), rivals);
}

export const rivalSection: Section = {
  name: "rivals",
  title: "Other tools' rules: false alarms",
  write: async (pool, share) => {
    const streams: readonly { readonly title: string; readonly options: MonthsOptions & { readonly scenario: ScenarioName } }[] = [
      { title: "i.i.d., 50 records a minute", options: { scenario: "iid", months: 4, seed: 300 } },
      { title: "i.i.d., 2 records a minute", options: { scenario: "iid", rate: 2, months: 4, seed: 301 } },
      { title: "Daily cycle and weekend, 50 records a minute", options: { scenario: "weekly", months: 4, seed: 302 } },
      { title: "Heavy tails with a daily cycle, 50 records a minute", options: { scenario: "heavy_daily", months: 2, seed: 303 } },
      { title: "Slow wander (.05 sd), 50 records a minute", options: { scenario: "wander", months: 2, seed: 304 } },
    ];
    const written = await Promise.all(streams.map(async ({ title, options }) => `${title}:\n\n${await stream(pool, options, share)}`));
    return `50 features, 14 days of reference, four months each (two for the last two). A rule is applied at every full hour to the last hour and to the
last 24 hours; any feature's alarm is the model's, unless the rule says otherwise. An episode ends after 24 hours without an alarm; "always": more
than half of all looks alarm. The shares of driftd are hours at whose end some window of its ladder sustained that severity.

${written.join("\n\n")}`;
  },
};

export const rivalDelays: Section = {
  name: "rival-delays",
  title: "Other tools' rules: delay",
  write: async (pool, share) => {
    const cases: readonly { readonly title: string; readonly scenario: ScenarioName; readonly fault: Fault; readonly faulty: number }[] = [
      { title: "i.i.d.: mean + .25 sd", scenario: "iid", fault: { kind: "mean", by: 0.25 }, faulty: NUMERIC },
      { title: "sd × 1.25", scenario: "iid", fault: { kind: "sd", factor: 1.25 }, faulty: NUMERIC },
      { title: "2 % a new category", scenario: "iid", fault: { kind: "new_category", share: 0.02 }, faulty: CATEGORY },
      { title: "daily cycle: mean + .25 sd", scenario: "daily", fault: { kind: "mean", by: 0.25 }, faulty: NUMERIC },
      { title: "2 % a new category", scenario: "daily", fault: { kind: "new_category", share: 0.02 }, faulty: CATEGORY },
    ];
    const healthyMonths = Promise.all(
      (["iid", "daily"] as const).map((scenario) => pool.run("simulateRivals", { scenario, months: part(1, share, 0.25), seed: 330 }, 0)),
    );
    const found = await Promise.all(
      cases.map(async ({ scenario, fault, faulty }, i) => {
        const options: DelayOptions = {
          scenario,
          fault,
          faulty,
          trials: part(10, share, 2),
          withinDays: 2,
          trialsPerReference: part(5, share),
          seed: 320 + i,
        };
        const [own, ...rivals] = await Promise.all([
          delays(pool, { ...options, fineBins: true }),
          ...[0, 1].map((index) => pool.run("simulateRivalOnsets", { ...options, trials: part(5, share) }, index)),
        ]);
        return { own, rivals: RULES.flatMap((_, rule) => SPANS.map((__, s) => rivals.flatMap((part) => part[rule * SPANS.length + s]!))) };
      }),
    );
    const healthy = await healthyMonths;
    const always = (scenario: ScenarioName, at: number): boolean => {
      const { alarmed, looks } = healthy[scenario === "iid" ? 0 : 1]!.tallies[at]!;
      return alarmed / looks > TENTH;
    };
    const rows = [
      ["driftd, first warning", ...found.map(({ own }) => delay(own.firstWarningMin))],
      ["driftd, first critical", ...found.map(({ own }) => delay(own.firstCriticalMin))],
      ...RULES.flatMap(({ title }, rule) =>
        SPANS.map((span, s) => [
          `${title}; ${span}`,
          ...found.map(({ rivals }, i) => {
            const at = rule * SPANS.length + s;
            return `${always(cases[i]!.scenario, at) ? "† " : ""}${delay(rivals[at]!)}`;
          }),
        ]),
      ),
    ];
    return `The faulty feature's first alarm after the onset (the model's, for a rule of the whole), within two days; median of 10 onsets; the rule looks at each
full hour, driftd every five minutes. † marks rules whose model alarms in more than a tenth of the healthy looks of that stream: a short delay is worth
nothing there.

${table(["rule", ...cases.map(({ title }) => title)], rows)}`;
  },
};

const TENTH = 0.1;
