/**
 * What a bench measures and how it says so. A bench is a program of its own; `run.ts` starts one after another and prints one table.
 * Not here: how to measure.
 */

/** One line of the table. Values are numbers in `unit`; the baseline was measured in the same run, by turns with driftd. */
export type Figure = {
  readonly figure: string;
  readonly unit: string;
  readonly value: number;
  /** What the value is held against, and its own value in the same unit. */
  readonly baseline?: { readonly what: string; readonly value: number };
  /** Value ÷ baseline as the middle of several rounds, each by turns; without it, of the two values above. */
  readonly ratio?: number;
  /** What must be reached: of the value itself, or of value ÷ baseline. */
  readonly target?: { readonly of: "value" | "ratio"; readonly most?: number; readonly least?: number };
  readonly note?: string;
};

/** Hands the figures to `run.ts`; started by hand, a bench prints them itself. */
export function report(figures: readonly Figure[]): void {
  if (process.send !== undefined) process.send({ figures });
  else for (const figure of figures) process.stdout.write(`${cells(figure).join(" | ")}\n`);
}

export const HEADINGS = ["figure", "driftd", "baseline of the same run", "ratio", "target", ""] as const;

/** A line of the table as text. */
export function cells(figure: Figure): string[] {
  const { unit, value, baseline, target, note } = figure;
  const ratio = ratioOf(figure);
  const reached = isReached(figure);
  return [
    figure.figure,
    `${shown(value)} ${unit}`,
    baseline === undefined ? "" : `${shown(baseline.value)} ${unit} (${baseline.what})`,
    ratio === undefined ? "" : ratio.toFixed(2),
    target === undefined ? "" : targetText(figure),
    [reached === undefined ? "" : reached ? "reached" : "MISSED", note ?? ""].filter((part) => part !== "").join("; "),
  ];
}

/** Undefined when there is no target. */
export function isReached(figure: Figure): boolean | undefined {
  const { value, target } = figure;
  if (target === undefined) return undefined;
  const judged = target.of === "value" ? value : (ratioOf(figure) ?? Number.NaN);
  return judged <= (target.most ?? Number.POSITIVE_INFINITY) && judged >= (target.least ?? Number.NEGATIVE_INFINITY);
}

function targetText({ target, unit }: Figure): string {
  const { of, most, least } = target ?? { of: "value" };
  const limit = most === undefined ? `≥ ${shown(least ?? 0)}` : `≤ ${shown(most)}`;
  return of === "ratio" ? `ratio ${limit}` : `${limit} ${unit}`;
}

function ratioOf({ value, baseline, ratio }: Figure): number | undefined {
  return ratio ?? (baseline === undefined ? undefined : value / baseline.value);
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: 0, maximumFractionDigits: Math.abs(value) < 0.1 ? 4 : digits });
}

/** The middle of the values; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** CPU seconds of this process, all threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
