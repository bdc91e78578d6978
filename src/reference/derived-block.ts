/**
 * From a chunk of a table to what derived features are computed from: of each row its inputs in steps and the bins of its values. Column by column,
 * and yet the same numbers as record by record (`derived.ts`).
 */

import { PRESENT, type TableChunk, UNSEEN_BIN } from "../tables/table.ts";
import { binsOf } from "./bins.ts";
import { inputSteps, NO_INPUT, NO_STEP, outlierSteps, type Projector, project, type RarityTable } from "./derived.ts";

/** A feature that takes part: as an input of the PCA, in the outlier score, or in both. */
export type DerivedSource = {
  /** The column of the table. */
  readonly column: string;
  /** Undefined: a numeric feature. */
  readonly categories: readonly string[] | undefined;
  /** Padded; empty for a categorical feature. */
  readonly edges: Float64Array;
  /** Number of bins or categories. */
  readonly bins: number;
  readonly float32: boolean;
  /** Its place among the inputs, its center, and steps to one unit; undefined: it is none. */
  readonly input: { readonly place: number; readonly center: number; readonly perUnit: number } | undefined;
  /** Its place among the features of the outlier score, or −1. */
  readonly rare: number;
  /** Where its values are counted by half hour as well; undefined: they are not. */
  readonly halfHours?: CoarseTally | undefined;
};

/** Coarse counts by half hour. */
export type CoarseTally = {
  /** `size` counts for each half hour; rows of none of them have one more at the end. */
  readonly counts: Uint32Array;
  readonly size: number;
  /** The coarse bin of each bin, then that of an unseen category or an infinity. */
  readonly coarse: Uint8Array;
};

export type DerivedBlock = {
  readonly rows: number;
  /** `rows × inputs`; a row that lacks an input begins with `NO_INPUT`. */
  readonly steps: Int16Array;
  /** `rows × features of the outlier score`: the bin, the number of bins for an unseen category or an infinity, or −1 where there is no value. */
  readonly bins: Int16Array;
};

/** Rows of a chunk at most. */
const ROWS = 4096;

/** The columns of sources as a scan takes them: text as the codes of its categories. */
export function columnsOf(sources: readonly DerivedSource[]): { columns: string[]; codes: ReadonlyMap<string, readonly string[]> } {
  return {
    columns: sources.map(({ column }) => column),
    codes: new Map(sources.flatMap(({ column, categories }) => (categories === undefined ? [] : [[column, categories] as const]))),
  };
}

/**
 * Makes the blocks of chunks whose columns are those of `sources`, in their order, categories as their codes (`columnsOf`); the block is used
 * again by the next call. `inputs`, `rarities`: how many there are; those without a source are lacking in every row. `halfHours`: the half hour of
 * each row of the chunk, needed where a source is counted by half hour.
 */
export function createDerivedBlocks(
  sources: readonly DerivedSource[],
  { inputs, rarities }: { readonly inputs: number; readonly rarities: number },
): (chunk: TableChunk, halfHours?: Int32Array) => DerivedBlock {
  const given = sources.filter(({ input }) => input !== undefined).length;
  const steps = new Int16Array(ROWS * inputs);
  const bins = new Int16Array(ROWS * rarities).fill(-1);
  const complete = new Uint8Array(ROWS);
  const values = new Float64Array(ROWS);
  /** Rows without a finite number. */
  const odd = new Int32Array(ROWS);
  /** The bin of each row: the number of bins for an unseen category or an infinity, −1 where there is no value. */
  const found = new Int32Array(ROWS);

  function addNumbers(source: DerivedSource, column: Float64Array, state: Uint8Array | undefined, rows: number): void {
    const { input, float32, edges, rare, halfHours } = source;
    let odds = 0;
    for (let i = 0; i < rows; i++) {
      const there = state === undefined || state[i] === PRESENT;
      const x = there ? (float32 ? Math.fround(column[i]!) : column[i]!) : Number.NaN;
      values[i] = x;
      if (x - x !== 0) odd[odds++] = i;
    }
    if (input !== undefined) {
      const { place, center, perUnit } = input;
      for (let i = 0, at = place; i < rows; i++, at += inputs) steps[at] = inputSteps(values[i]!, center, perUnit);
      for (let k = 0; k < odds; k++) {
        steps[odd[k]! * inputs + place] = NO_INPUT;
        complete[odd[k]!] = 0;
      }
    }
    if (rare < 0 && halfHours === undefined) return;
    binsOf(edges, values, rows, found);
    for (let k = 0; k < odds; k++) found[odd[k]!] = Number.isNaN(values[odd[k]!]) ? -1 : source.bins;
  }

  function addCategories({ bins: size }: DerivedSource, codes: Float64Array, rows: number): void {
    for (let i = 0; i < rows; i++) {
      const code = codes[i]!;
      found[i] = code >= 0 ? code : code === UNSEEN_BIN ? size : -1;
    }
  }

  function addFound({ rare, halfHours: tally }: DerivedSource, rows: number, halfHours: Int32Array): void {
    if (rare >= 0) for (let i = 0, at = rare; i < rows; i++, at += rarities) bins[at] = found[i]!;
    if (tally === undefined) return;
    const { counts, size, coarse } = tally;
    for (let i = 0; i < rows; i++) if (found[i]! >= 0) counts[halfHours[i]! * size + coarse[found[i]!]!]! += 1;
  }

  return ({ rows, columns }, halfHours = NO_HALF_HOURS) => {
    complete.fill(given === inputs ? 1 : 0, 0, rows);
    for (let c = 0; c < sources.length; c++) {
      const column = columns[c]!;
      const source = sources[c]!;
      if (!("values" in column)) throw new RangeError(`${source.column}: the column is not read as numbers`);
      if (source.categories === undefined) addNumbers(source, column.values, column.state, rows);
      else addCategories(source, column.values, rows);
      addFound(source, rows, halfHours);
    }
    if (inputs > 0) for (let i = 0; i < rows; i++) if (complete[i] === 0) steps[i * inputs] = NO_INPUT;
    return { rows, steps, bins };
  };
}

const NO_HALF_HOURS = new Int32Array(0);

/**
 * The derived values of a block's rows, in steps, row after row: scores, residual, outlier score; `NO_STEP` for those that a row does not have.
 * Without a projector there are no scores, without a table no outlier score.
 */
export function deriveBlock(
  { rows, steps, bins }: DerivedBlock,
  projector: Projector | undefined,
  table: RarityTable | undefined,
): Int32Array {
  const scores = projector === undefined ? 0 : projector.components + 1;
  const width = scores + (table === undefined ? 0 : 1);
  const values = new Int32Array(rows * width);
  for (let i = 0; i < rows; i++) {
    const at = i * width;
    if (projector !== undefined) {
      const from = i * projector.inputs;
      if (steps[from] === NO_INPUT) values.fill(NO_STEP, at, at + scores);
      else project(projector, steps, from, values, at);
    }
    if (table !== undefined) values[at + scores] = outlierOf(bins, i * table.starts.length, table);
  }
  return values;
}

function outlierOf(bins: Int16Array, from: number, { starts, rarities, least }: RarityTable): number {
  let sum = 0;
  let present = 0;
  for (let j = 0; j < starts.length; j++) {
    const bin = bins[from + j]!;
    if (bin < 0) continue;
    sum += rarities[starts[j]! + bin]!;
    present++;
  }
  return present < least ? NO_STEP : outlierSteps(sum, present);
}
