/** The answer of `driftd compare`: the document of the public contract, and the same as text for a terminal. Pure. */

import type { Severity, Verdict } from "../decide/alert.ts";
import type { FeatureEvaluation, VerdictReason } from "../evaluate/evaluation.ts";
import { printable } from "./columns.ts";
import type { Degraded } from "./compare-notes.ts";
import { drawShape, drawTable, paint, type Row, type Shape, type Tone, type View } from "./compare-table.ts";

/** A column of the reference that is not judged, with the reason of `driftd reference build`. */
export type SkippedColumn = { readonly feature: string; readonly reason: string; readonly note?: string };

/** What `--format json` prints. */
export type CompareDocument = {
  readonly schema: "driftd/compare/v1";
  readonly verdict: Verdict;
  readonly reason: VerdictReason;
  readonly severity?: Severity;
  readonly reference: { readonly source: string; readonly records: number; readonly digest: string };
  readonly current: { readonly source: string; readonly records: number };
  readonly policy: { readonly thresholds: "auto"; readonly false_alarm: number; readonly alpha?: number; readonly digest: string };
  readonly skipped: readonly SkippedColumn[];
  /** Judged columns that the current table lacks, and columns of it that the reference lacks. */
  readonly only_in_reference: readonly string[];
  readonly only_in_current: readonly string[];
  readonly features: readonly JudgedColumn[];
};

/** A column's evaluation; `role` only of a derived feature, which is no column, `degraded` where it was judged less well than it could be. */
export type JudgedColumn = FeatureEvaluation & { readonly role?: "derived"; readonly degraded?: readonly Degraded[] };

/** In words; a closed list like the reasons themselves. */
export const REASONS: Readonly<Record<VerdictReason, string>> = {
  shift: "distribution has shifted",
  bin: "one bin has moved",
  out_of_range: "values beyond the reference's range",
  gap: "values between those of the reference",
  unseen: "categories that the reference never saw",
  location: "values have moved up or down",
  threshold: "a fixed threshold is reached",
  slow: "moved far from the first reference, slowly",
  within_noise: "within noise",
  below_effect_floor: "real, but too small to matter",
  no_reference: "no reference",
  too_few_values: "too few values",
  thin_window: "far fewer values than usual",
  low_coverage: "window mostly empty",
  empty_reference: "no values in the reference",
  reference_changed: "bins have changed",
  source_stalled: "source stalled",
  overflow: "counts too large",
};

const BAR_WIDTH = 10;
/** PSI at which the bar is full: far beyond critical. */
const FULL_PSI = 0.5;

/** Places of the table's columns that a narrow terminal does without, in this order: both counts, KS, the bar. */
const SPARE = [5, 6, 4, 3];

/** A table for a terminal, the worst first, with the shapes of some columns, and a line of what it means. */
export function compareText(document: CompareDocument, view: View = { colour: false }, shapes: readonly Shape[] = []): string {
  const older = olderNumbers(document.features);
  const rows = ranked(document.features).map(
    (feature): Row => ({
      cells: [
        feature.feature,
        feature.verdict === "drift" ? `DRIFT ${feature.severity}` : feature.verdict === "no_drift" ? "no drift" : "cannot tell",
        number(feature.statistics.psi?.value),
        bar(feature.statistics.psi?.excess),
        number(feature.statistics.ks?.value),
        count(feature.reference_count),
        count(feature.current_count),
        ...older.map(({ cell }) => cell(feature)),
        why(feature),
      ],
      tone: toneOf(feature),
    }),
  );
  const drifting = document.features.filter(({ verdict }) => verdict === "drift").length;
  const unjudged = document.features.filter(({ verdict }) => verdict === "insufficient_data").length;
  const lines = [
    `reference  ${printable(document.reference.source)}  ${count(document.reference.records)} records`,
    `current    ${printable(document.current.source)}  ${count(document.current.records)} records`,
    "",
  ];
  const head = ["column", "verdict", "PSI", "", "KS", "reference", "current", ...older.map(({ title }) => title), "why"];
  const table = drawTable([{ cells: head, tone: "plain" }, ...rows], SPARE, view);
  const drawn = shapes.map((shape) => `\n${drawShape(shape, view)}`).join("");
  const summary = [
    "",
    `${paint(headline(document), toneOf(document), view)}: ${drifting} of ${document.features.length} columns drift${unjudged > 0 ? `, ${unjudged} cannot be judged` : ""} (false alarms: ${document.policy.false_alarm} per comparison)`,
    ...document.skipped.map(({ feature, reason }) => `left out: ${printable(feature)} (${reason})`),
    ...document.features.flatMap(({ feature, degraded = [] }) => degraded.map(({ note }) => `note: ${printable(`${feature}: ${note}`)}`)),
  ];
  return `${lines.join("\n")}\n${table}${drawn}${summary.join("\n")}\n`;
}

function toneOf({ verdict, severity }: Pick<FeatureEvaluation, "verdict" | "severity">): Tone {
  return severity ?? (verdict === "no_drift" ? "fine" : "plain");
}

type Older = { readonly title: string; readonly cell: (feature: JudgedColumn) => string };

/** A column for each of the older tools' numbers; `~` before one that is not exact. */
function olderNumbers(features: readonly JudgedColumn[]): Older[] {
  const titles: Readonly<Record<"psi" | "kl" | "jensen_shannon", string>> = {
    psi: "their PSI",
    kl: "their KL",
    jensen_shannon: "their JS",
  };
  return (Object.keys(titles) as (keyof typeof titles)[])
    .filter((name) => features.some(({ compat }) => compat?.[name] !== undefined))
    .map((name) => ({
      title: titles[name],
      cell: ({ compat }) => `${compat?.[name]?.exact === false ? "~" : ""}${number(compat?.[name]?.value)}`,
    }));
}

/** The verdict of the whole in words. */
export function headline({ verdict, severity }: CompareDocument): string {
  return verdict === "drift" ? `DRIFT (${severity})` : verdict === "no_drift" ? "NO DRIFT" : "CANNOT TELL";
}

/** Worst first: critical, warning, what cannot be judged, the rest; by PSI inside. */
export function ranked(features: readonly FeatureEvaluation[]): FeatureEvaluation[] {
  const rank = ({ verdict, severity }: FeatureEvaluation): number =>
    severity === "critical" ? 0 : severity === "warning" ? 1 : verdict === "insufficient_data" ? 2 : 3;
  return features.toSorted((a, b) => rank(a) - rank(b) || (b.statistics.psi?.excess ?? 0) - (a.statistics.psi?.excess ?? 0));
}

/** The reason in words, with the quality checks that have grown. */
export function why({ reason, bin, quality }: FeatureEvaluation): string {
  const checks = quality
    .filter(({ verdict }) => verdict === "drift")
    .map(
      ({ check, reference_share, current_share }) =>
        `${check} ${reference_share === undefined ? "" : `${percent(reference_share)} -> `}${percent(current_share)}`,
    );
  return [`${REASONS[reason]}${bin === undefined || reason !== "bin" ? "" : `: ${bin}`}`, ...checks].join("; ");
}

/** A share in per cent, short. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** A statistic to three digits; `-` where there is none. */
export function number(value: number | undefined): string {
  return value === undefined ? "-" : Math.abs(value) < 0.0005 ? "0" : String(Number(value.toPrecision(3)));
}

function bar(excess: number | undefined): string {
  const filled = Math.round(BAR_WIDTH * Math.min(1, Math.max(0, excess ?? 0) / FULL_PSI));
  return `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}
