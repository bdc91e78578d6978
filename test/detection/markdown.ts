/** Tables and figures of the report: how a rate with its interval, a delay and a share are written. */

import { chi2Isf } from "../../detectors/index.ts";

/** A table with padded columns, so that it can be read in a terminal as well; numbers' columns are on the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => width(row[column]!))));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell + pad(cell, widths[0]!) : pad(cell, widths[column]!) + cell)).join(" | ")} |`;
  const rule = widths.map((size, column) => (column === 0 ? "-".repeat(size + 2) : `${"-".repeat(size + 1)}:`));
  return [line(head), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}

const width = (text: string): number => [...text].length;
const pad = (text: string, to: number): string => " ".repeat(to - width(text));

/**
 * Mean events a month and its two-sided 95 % interval from events counted in independent runs. Exact for Poisson counts (Garwood 1936); where the
 * runs differ by more than chance, counts are divided by the dispersion (variance over mean of the runs, at least 1) first.
 */
export function rateOf(runs: readonly { readonly months: number; readonly events: number }[]): {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
} {
  const months = runs.reduce((sum, run) => sum + run.months, 0);
  const events = runs.reduce((sum, run) => sum + run.events, 0);
  const mean = events / months;
  let dispersion = 1;
  if (events > 0 && runs.length > 1) {
    const squares = runs.reduce((sum, run) => sum + (run.events - mean * run.months) ** 2 / (mean * run.months), 0);
    dispersion = Math.max(1, squares / (runs.length - 1));
  }
  const count = events / dispersion;
  // Half a chi-square quantile is a gamma quantile; its degrees of freedom need not be whole.
  const low = count === 0 ? 0 : chi2Isf(0.975, 2 * count) / 2;
  const high = chi2Isf(0.025, 2 * count + 2) / 2;
  return { mean, low: (low * dispersion) / months, high: (high * dispersion) / months };
}

/** `.05 (.01–.18)`. */
export function rate(runs: readonly { readonly months: number; readonly events: number }[]): string {
  const { mean, low, high } = rateOf(runs);
  return `${short(mean)} (${short(low)}–${short(high)})`;
}

/** Two decimals without a leading zero: `.05`, `1.30`, `0`. */
export function short(value: number): string {
  if (value === 0) return "0";
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2).replace(/^0\./, ".");
}

/** A share as per cent: `41 %`, `.3 %`, `0`. */
export function percent(share: number): string {
  const value = share * 100;
  if (share === 0) return "0";
  if (value < 0.05) return "< .1 %";
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1).replace(/^0\./, ".")} %`;
}

/** The median of delays, those never found counted as longer than all others; undefined when it is one of these. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(half)]! : (sorted[half - 1]! + sorted[half]!) / 2;
  return Number.isFinite(median) ? median : undefined;
}

/** `45 min`, `5.4 h`, `4.3 d`; with the number found where not all were: `5.4 h (17 of 20)`, `– (3 of 20)`, `never`. */
export function delay(minutes: readonly number[]): string {
  const found = minutes.filter(Number.isFinite).length;
  if (found === 0) return "never";
  const median = medianOf(minutes);
  const text = median === undefined ? "–" : duration(median);
  return found === minutes.length ? text : `${text} (${found} of ${minutes.length})`;
}

function duration(minutes: number): string {
  if (minutes < 120) return `${Math.round(minutes)} min`;
  return minutes < 2880 ? `${Number((minutes / 60).toPrecision(2))} h` : `${(minutes / 1440).toFixed(1)} d`;
}
