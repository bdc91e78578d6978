/** Real traffic: half a year of US flights, as it was and with faults planted. */

import { FLIGHT_FAULTS } from "../flights-jobs.ts";
import { FLIGHTS_FROM } from "../logs.ts";
import { delay, percent, short, table } from "../markdown.ts";
import { DAY } from "../process.ts";
import { RULES } from "../rivals/rules.ts";
import { SPANS } from "../rivals/statistics.ts";
import { rulesTable } from "./rivals.ts";
import { part, type Section } from "./section.ts";

const REFERENCE_DAYS = [14, 28] as const;
/** References of 14 days that begin every other week of the first four months; the rest of the half year follows each. */
const STARTS = Array.from({ length: 8 }, (_, i) => FLIGHTS_FROM + 14 * i * DAY);

const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export const flightsSection: Section = {
  name: "flights",
  title: "Real traffic: flights-3m",
  write: async (pool, share) => {
    const starts = STARTS.slice(0, part(STARTS.length, share));
    const [first, rolling, rivals] = await Promise.all([
      Promise.all(REFERENCE_DAYS.map((days) => pool.run("watchFlights", { fromMs: FLIGHTS_FROM, days }))),
      Promise.all(REFERENCE_DAYS.map((days) => Promise.all(starts.map((fromMs) => pool.run("watchFlights", { fromMs, days }))))),
      Promise.all(REFERENCE_DAYS.map((days) => pool.run("watchFlightsByRivals", { fromMs: FLIGHTS_FROM, days }))),
    ]);
    const per30 = (watched: (typeof first)[number], critical: boolean) =>
      (watched.episodes.filter(({ severity }) => !critical || severity === "critical").length * 30) / watched.days;
    const rows = REFERENCE_DAYS.flatMap((days, i) => {
      const own = first[i]!;
      const all = rolling[i]!;
      const mean = (critical: boolean) => all.reduce((sum, one) => sum + per30(one, critical), 0) / all.length;
      const worst = (critical: boolean) => Math.max(...all.map((one) => per30(one, critical)));
      return [
        [`${days} days from 1 January`, short(per30(own, true)), short(per30(own, false)), percent(own.alarmedHours / own.hours)],
        [`${days} days, mean of ${all.length} starts`, short(mean(true)), short(mean(false)), ""],
        [`${days} days, worst of ${all.length} starts`, short(worst(true)), short(worst(false)), ""],
      ];
    });
    const episodes = first[0]!.episodes.map(({ atMs, severity, features }) => `${dateOf(atMs)} ${severity} (${features.join(", ")})`);
    const driftd = first.map(({ criticalHours, alarmedHours, hours, ...watched }, i) => [
      [`driftd, critical`, percent(criticalHours / hours), short(per30(first[i]!, true)), "", ""],
      [`driftd, warning or worse`, percent(alarmedHours / hours), short((watched.episodes.length * 30) / watched.days), "", ""],
    ]);
    return `Three million flights from 1 January to 30 June 2001 (\`vega-datasets\`): delay, distance, origin (229 airports) and the hour of day, which is
nothing but the cycle. Nothing is planted here; storms and closed airports are in the data.

${table(["reference", "critical per 30 d", "warning or worse per 30 d", "hours in alarm"], rows)}

The episodes after the first 14 days: ${episodes.length === 0 ? "none" : episodes.join("; ")}.

Other tools' rules after the same reference of 14 days, and of 28:

${rulesTable(driftd[0]!, [rivals[0]!])}

${rulesTable(driftd[1]!, [rivals[1]!])}`;
  },
};

/** Faults that other rules are asked for too. */
const RIVAL_FAULTS = ["delay × 1.5, as floats", "10 % of delays are 0", "2 % of origins a new code"] as const;

export const flightFaults: Section = {
  name: "flight-faults",
  title: "Real traffic: faults planted in flights-3m",
  write: async (pool) => {
    const names = Object.keys(FLIGHT_FAULTS);
    const found = await Promise.all(
      names.map((name) => Promise.all(REFERENCE_DAYS.map((days) => pool.run("findFlightFault", name, days)))),
    );
    const rivals = await Promise.all(RIVAL_FAULTS.map((name) => pool.run("findFlightFaultByRivals", name, 28)));
    const rows = names.map((name, i) => [
      name,
      ...REFERENCE_DAYS.flatMap((_, d) => [
        delay(found[i]![d]!.map(({ warningMin }) => warningMin)),
        delay(found[i]![d]!.map(({ criticalMin }) => criticalMin)),
      ]),
    ]);
    const own = RIVAL_FAULTS.map((name) => found[names.indexOf(name)]![1]!);
    const rules = [
      ["driftd, first warning", ...own.map((all) => delay(all.map(({ warningMin }) => warningMin)))],
      ["driftd, first critical", ...own.map((all) => delay(all.map(({ criticalMin }) => criticalMin)))],
      ...RULES.flatMap(({ title }, rule) =>
        SPANS.map((span, s) => [`${title}; ${span}`, ...rivals.map((minutes) => delay(minutes[rule * SPANS.length + s]!))]),
      ),
    ];
    return `Eight onsets (seven after 28 days), twenty days apart, from 06:00 to 20:00; found within 5 days (a ramp: 14). References of 14 and 28 days from
1 January.

${table(["fault", "14 d: warning", "critical", "28 d: warning", "critical"], rows)}

Other tools' rules after 28 days, the faulty feature's first alarm; how often each alarms on healthy traffic is in the section before:

${table(["rule", ...RIVAL_FAULTS], rules)}`;
  },
};
