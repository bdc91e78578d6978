/** `docs/detection.md`: its fixed words, its order, and how a part of it is read back. */

import { fileURLToPath } from "node:url";
import { changesSection } from "./sections/changes.ts";
import { compareSection } from "./sections/compare.ts";
import { delaySection } from "./sections/delays.ts";
import { mainStreams, otherStreams, sizes } from "./sections/false-alarms.ts";
import { flightFaults, flightsSection } from "./sections/flights.ts";
import { nycSection } from "./sections/nyc.ts";
import { rivalDelays, rivalSection } from "./sections/rivals.ts";
import type { Section } from "./sections/section.ts";

/** In the order of the report. */
export const SECTIONS: readonly Section[] = [
  mainStreams,
  otherStreams,
  sizes,
  delaySection,
  rivalSection,
  rivalDelays,
  flightsSection,
  flightFaults,
  nycSection,
  changesSection,
  compareSection,
];

export const REPORT = fileURLToPath(new URL("../../docs/detection.md", import.meta.url));
const QUICK_BEGIN = "<!-- quick: begin -->";
const QUICK_END = "<!-- quick: end -->";

/** The whole report from the texts of its sections and the quick block. */
export function reportOf(texts: ReadonlyMap<string, string>, quick: string): string {
  const parts = SECTIONS.map(({ name, title }) => `## ${title}\n\n${texts.get(name) ?? ""}`);
  return `${HEAD}\n\n${parts.join("\n\n")}\n\n${quickSection(quick)}\n\n${FOOT}\n`;
}

function quickSection(quick: string): string {
  return `## The part that is checked

These numbers, from small worlds, are computed again by the tests: they differ as soon as a rule has changed and this page has not. They prove
nothing else.

${QUICK_BEGIN}

${quick}

${QUICK_END}`;
}

/** The committed quick block, or undefined when the page has none. */
export function quickOf(report: string): string | undefined {
  const [from, to] = [report.indexOf(QUICK_BEGIN), report.indexOf(QUICK_END)];
  return from < 0 || to < from ? undefined : report.slice(from + QUICK_BEGIN.length, to).trim();
}

const HEAD = `# Detection: false alarms and delays

Made by \`npm run detection\`; do not edit. Everything is seeded: the same code writes the same page, byte for byte, on any machine. A false-alarm
budget that is only promised is worth nothing, so here it is measured, next to the rules that other tools publish.

## How it was made

- **driftd** is the real code: bins by its own functions, \`evaluateWindow\` on the counts of every window (1 h every five minutes, 6 h and 24 h every half
  hour), and the alert state machine with its defaults. Nothing else is simulated: no Kafka, no records, only the counts that panes would hold.
- **Streams** are drawn pane by pane of five minutes. Four features of five are normal, one has eight categories of 5 to 30 %, unless a line says
  otherwise. A daily cycle moves each feature's mean by ± .4 sd, at a phase of its own, and the traffic by half; a weekend adds .15 sd.
  Continuous values are drawn on a lattice of some 1,060 points, finer in the tails: four points to a fine bin of driftd's.
- **A month** is 30 days. A reference serves four months (fewer where said), then a new world with a new reference is drawn; its first window length of
  live data is not judged, since windows fill then.
- **Intervals** are two-sided 95 % for the mean number of episodes in 30 days: exact for Poisson counts (Garwood 1936), widened by the dispersion
  between references where they differ by more than chance. \`0 (0–.04)\` is: none seen, and a true rate above .04 would have shown one with 97.5 %.
- **Delay** is from the first faulty record to the first window end at which the faulty feature sustained the severity (3 of the last 4 verdicts).
  A median counts what was not found as longer than everything found. A fault that stays a warning for a day is not waited for to become critical.
- **Other tools' rules are re-implemented from the descriptions of their source and documentation, not run**; counts of distinct values, so their bins
  are exact. What those tools do around a rule (sampling, dashboards, cool-downs) is not judged. Thresholds are their defaults.
- **Seeds**: each line has a number of its own, written in \`test/detection/sections/\`; \`npm run detection -- --only NAME\` prints one section
  (false-alarms, streams, sizes, delays, rivals, rival-delays, flights, flight-faults, renewal, changes, compare).

## How to read it

A rule is worth as much as both of its numbers. A rule that always alarms finds everything at once and says nothing; one that never alarms has no false
alarms. Compare delays only between rules whose false alarms you could live with on a stream like yours, and yours has a cycle.`;

const FOOT = `## Limits

- Simulated features are stationary but for what is said; real ones are not. The budget is promised for the reference's own kind of days: seasons,
  campaigns and releases that the reference has not seen are drift, and may be called so.
- The thresholds of driftd's rule were chosen with flights-3m at hand, and what is left out of a renewal with New York 2013. The tables on them show
  how well it fits there.
- Principal components, outlier scores, quality, volume and records are not simulated here; they have tests of their own.
- A wander that no clock explains is judged by what the reference's own days showed of it. The longer it is correlated, the less fourteen days show.
- Small shifts (+ .25 sd, sd × 1.25) stay below a PSI of .1 and are warnings, not critical, however long they last. That is meant: they are real and
  mostly do not matter. Rules without an effect floor call them what they call everything.
- On i.i.d. streams a plain KS test with a Bonferroni correction finds a shift as soon, at the price of its own false alarms.
- Delays are those of abrupt changes at a random moment in one feature; the others stay as they were.`;
