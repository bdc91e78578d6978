/** Tables and shapes of `driftd compare` as a terminal of some width shows them, in colour where that is wanted. Pure. */

import { printable } from "./columns.ts";

/** How to draw. */
export type View = {
  /** Characters in a line; undefined: as many as it takes (a file, a pipe). */
  readonly width?: number | undefined;
  readonly colour: boolean;
};

/** What a cell or a line says of itself by its colour. */
export type Tone = "critical" | "warning" | "fine" | "plain";

const CODES: Readonly<Record<Tone, string | undefined>> = { critical: "31", warning: "33", fine: "32", plain: undefined };
const GAP = "  ";
/** The narrowest that a text is cut to before a column is left out. */
const NARROW = 12;
const LEVELS = "▁▂▃▄▅▆▇█";

/** The text in its colour. */
export function paint(text: string, tone: Tone, view: View): string {
  const code = CODES[tone];
  return view.colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** One row: its cells and the tone of its second cell, the verdict. */
export type Row = { readonly cells: readonly string[]; readonly tone: Tone };

/**
 * Left-aligned columns, two blanks apart. Where the line is too narrow the last column is cut first, then those of `spare` are left out in their
 * order, then the first is cut. Cells are made `printable`.
 */
export function drawTable(rows: readonly Row[], spare: readonly number[], view: View): string {
  const clean = rows.map(({ cells }) => cells.map(printable));
  const widths = (clean[0] ?? []).map((_, i) => Math.max(...clean.map((cells) => cells[i]?.length ?? 0)));
  const last = widths.length - 1;
  const shown = new Set(widths.keys());
  const total = (): number => [...shown].reduce((sum, i) => sum + widths[i]! + GAP.length, -GAP.length);
  const over = (): number => (view.width === undefined ? 0 : Math.max(0, total() - view.width));
  const cut = (i: number): void => {
    widths[i] = Math.max(Math.min(NARROW, widths[i]!), widths[i]! - over());
  };
  cut(last);
  for (const i of spare) if (over() > 0) shown.delete(i);
  cut(0);
  return clean
    .map((cells, r) =>
      [...shown]
        .map((i) => {
          const text = shorten(cells[i] ?? "", widths[i]!);
          return i === 1 ? `${paint(text, rows[r]!.tone, view)}${" ".repeat(widths[i]! - text.length)}` : text.padEnd(widths[i]!);
        })
        .join(GAP)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Both sides of one column over its coarse bins. */
export type Shape = {
  readonly feature: string;
  /** One for each bin; the first `regular` are values or intervals, the others special. */
  readonly labels: readonly string[];
  readonly regular: number;
  readonly reference: ArrayLike<number>;
  readonly current: ArrayLike<number>;
};

/** Two lines of blocks, one character for each bin, on one scale of shares: `·` is an empty bin. As many bins as fit. */
export function drawShape({ feature, labels, regular, reference, current }: Shape, view: View): string {
  const room = Math.max(1, (view.width ?? Number.POSITIVE_INFINITY) - "  reference  ".length - 1);
  const size = Math.min(labels.length, room);
  const [p, q] = [shares(reference), shares(current)];
  const top = Math.max(Number.MIN_VALUE, ...p, ...q);
  const line = (side: readonly number[]): string =>
    side
      .slice(0, size)
      .map((share) => (share === 0 ? "·" : LEVELS[Math.min(LEVELS.length - 1, Math.floor((LEVELS.length * share) / top))]!))
      .join("")
      .concat(size < labels.length ? "…" : "");
  const ends = regular < 2 ? labels.slice(0, regular) : [labels[0], labels[regular - 1]];
  const head = shorten(
    printable(`${feature}  ${[ends.join(" … "), ...labels.slice(regular)].join(", ")}`),
    view.width ?? Number.POSITIVE_INFINITY,
  );
  return `${head}\n  reference  ${line(p)}\n  current    ${line(q)}\n`;
}

function shares(counts: ArrayLike<number>): number[] {
  const list = Array.from(counts);
  const total = list.reduce((sum, count) => sum + count, 0);
  return list.map((count) => (total > 0 ? count / total : 0));
}
