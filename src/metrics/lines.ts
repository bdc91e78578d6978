/**
 * Metric families whose labels hold text of users, kept as ready-made `name{labels}` strings. Two reasons not to leave them to prom-client:
 * it joins label values without escaping, so that distinct feature names can fall together, and it renders six times slower.
 */

import { DriftdError } from "../lib/errors.ts";
import type { MetricRow } from "./catalog.ts";
import type { Labels } from "./metrics.ts";

/** One series. `owner` is the value of the first label (a model, a topic or a target): with it, or with its version or feature, the series goes. */
export type Series = {
  readonly key: string;
  value: number;
  readonly owner: string;
  readonly version: string | undefined;
  readonly feature: string | undefined;
};

/** The series of one family by their rendered key, in order of birth. */
export type LineFamily = WritableRow & { readonly series: Map<string, Series> };

const NEEDS_ESCAPE = /[\\"\n]/;
const ESCAPED: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

/**
 * Text that survives UTF-8: a lone surrogate becomes U+FFFD and its hex digits, so that two different ones stay different
 * (both alone would become U+FFFD, and a page with one series twice is refused as a whole).
 */
export function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  return Array.from(text, (character) => (character.isWellFormed() ? character : `\uFFFD${character.charCodeAt(0).toString(16)}`)).join("");
}

/** A label value as the text format wants it between the quotes. Distinct well-formed texts give distinct results. */
function escapeLabelValue(value: string): string {
  const text = wellFormed(value);
  return NEEDS_ESCAPE.test(text) ? text.replace(/[\\"\n]/g, (character) => ESCAPED[character]!) : text;
}

/** A row made ready for writing: what stands before each label's value on the line, and the values that it may have. */
export type WritableRow = {
  readonly row: MetricRow;
  readonly labels: readonly string[];
  readonly before: readonly string[];
  readonly closed: readonly (ReadonlySet<string> | undefined)[];
};

/** Compiles a row of the catalog. */
export function writableRow(row: MetricRow): WritableRow {
  const labels = Object.keys(row.labels);
  return {
    row,
    labels,
    before: labels.map((label, i) => (i === 0 ? `${row.name}{${label}="` : `",${label}="`)),
    closed: Object.values(row.labels).map((values) => (typeof values === "object" ? new Set(values) : undefined)),
  };
}

/**
 * The rendered key of a series: `name{a="x",b="y"}` in the catalog's label order.
 * Throws METRICS_MISUSE when the labels are not exactly the row's, or a value is not of its closed list: our bug.
 */
export function seriesKey({ row, labels: names, before, closed }: WritableRow, labels: Labels): string {
  if (Object.keys(labels).length !== names.length) {
    throw misuse(`${row.name}: has the labels (${names.join(", ")}), got (${Object.keys(labels).join(", ")})`);
  }
  if (names.length === 0) return row.name;
  let key = "";
  for (let i = 0; i < names.length; i++) {
    const given = labels[names[i]!];
    if (given === undefined) throw misuse(`${row.name}: label ${names[i]} is not given`);
    const value = typeof given === "string" ? given : String(given);
    const allowed = closed[i];
    if (allowed !== undefined && !allowed.has(value)) {
      throw misuse(`${row.name}: ${names[i]}=${JSON.stringify(value)} is not one of ${[...allowed].join(", ")}`);
    }
    key += before[i] + escapeLabelValue(value);
  }
  return `${key}"}`;
}

/** The error of a write that cannot be right. */
export function misuse(message: string): DriftdError {
  return new DriftdError("METRICS_MISUSE", message, { hint: "the metric table is src/metrics/catalog.ts" });
}

/** A new series of the row with value 0; the caller puts it into the map. */
export function newSeries(row: MetricRow, key: string, labels: Labels): Series {
  const text = (label: string) => (labels[label] === undefined ? undefined : String(labels[label]));
  return { key, value: 0, owner: String(labels[firstLabel(row)]), version: text("version"), feature: text("feature") };
}

/** The label by which a family's series are removed: `model`, `topic` or `target`. */
export function firstLabel(row: MetricRow): string {
  for (const label in row.labels) return label;
  return "";
}

/** The HELP and TYPE lines of a family. */
export function header(row: MetricRow): string {
  return `# HELP ${row.name} ${row.help}\n# TYPE ${row.name} ${row.type}\n`;
}

/** Sample lines of `series[from, to)`. */
export function sampleLines(series: readonly Series[], from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += `${series[i]!.key} ${series[i]!.value}\n`;
  return text;
}
