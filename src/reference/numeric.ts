/**
 * The numeric features of a reference: the columns are gathered in one scan and sorted, half of them on a second thread. A column too long for
 * memory is sorted by DuckDB instead, which spills; the result is the same.
 */

import { Worker } from "node:worker_threads";
import { MISSING, PRESENT, type Table, type TimeFilter } from "../tables/table.ts";
import { createEdgeFinder, createUnion, type PsiBins } from "./compat-bins.ts";
import { createPass, type Gathered, type NumericSummary, type Others, summarizeGathered } from "./summary.ts";

/** Values gathered at once over all columns: 24 million doubles are 192 MB. */
const GATHERED_VALUES = 24_000_000;
/** A column longer than this is sorted by DuckDB: sorting it here needs twice its 64 MB. */
const GATHERED_ROWS = 8_000_000;
/** From so many values on a second thread is worth its 60 ms. */
const SHARED_VALUES = 2_000_000;

export type SummaryOptions = {
  /** Rows of the table within the filter. */
  readonly rows: number;
  readonly bins: number;
  /** Bins of older tools that are wanted beside ours. */
  readonly psiBins?: readonly PsiBins[] | undefined;
  readonly filter: TimeFilter | undefined;
  /** Told once for each column that is done. */
  readonly onColumn: () => void;
  /** For tests: the bounds above. */
  readonly gatheredRows?: number;
  readonly sharedValues?: number;
};

/** Summaries of the number columns, in their order. Memory: about 400 MB at most, whatever the table. */
export async function summarizeNumbers(table: Table, columns: readonly string[], options: SummaryOptions): Promise<NumericSummary[]> {
  const { rows, filter, bins, psiBins = [], onColumn, gatheredRows = GATHERED_ROWS, sharedValues = SHARED_VALUES } = options;
  const summaries: NumericSummary[] = [];
  if (rows > gatheredRows) {
    for (const column of columns) {
      summaries.push(await summarizeLong(table, column, bins, psiBins, filter));
      onColumn();
    }
    return summaries;
  }
  const together = Math.max(1, Math.floor(GATHERED_VALUES / Math.max(1, rows)));
  const helper = columns.length > 1 && rows * columns.length >= sharedValues ? startHelper(bins, rows, psiBins) : undefined;
  try {
    for (let from = 0; from < columns.length; from += together) {
      const gathered = await gather(table, columns.slice(from, from + together), rows, filter);
      const half = helper === undefined ? gathered.length : Math.ceil(gathered.length / 2);
      const theirs = helper === undefined ? [] : gathered.slice(half).map((column) => helper.summarize(column, onColumn));
      const ours = await summarizeHere(gathered.slice(0, half), bins, psiBins, rows, onColumn);
      summaries.push(...ours, ...(await Promise.all(theirs)));
    }
  } finally {
    await helper?.stop();
  }
  return summaries;
}

async function summarizeHere(
  gathered: readonly Gathered[],
  bins: number,
  psiBins: readonly PsiBins[],
  rows: number,
  onColumn: () => void,
): Promise<NumericSummary[]> {
  const scratch = new Float64Array(gathered.length === 0 ? 0 : rows);
  const summaries: NumericSummary[] = [];
  for (const column of gathered) {
    summaries.push(summarizeGathered(column, bins, scratch, psiBins));
    onColumn();
    // Between two columns the process may answer a signal.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return summaries;
}

/** A second thread that summarizes columns in the order in which it gets them. */
function startHelper(bins: number, rows: number, psiBins: readonly PsiBins[]) {
  // The same name with the extension of this file: sources run as they are, the package runs what was built.
  const worker = new Worker(new URL(`./numeric-worker${import.meta.url.slice(-3)}`, import.meta.url), {
    workerData: { bins, rows, psiBins },
  });
  const waiting: { resolve: (summary: NumericSummary) => void; reject: (error: unknown) => void }[] = [];
  worker.on("message", (summary: NumericSummary) => waiting.shift()?.resolve(summary));
  worker.on("error", (error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  return {
    summarize: async (column: Gathered, onColumn: () => void): Promise<NumericSummary> => {
      const summary = await new Promise<NumericSummary>((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.postMessage(column, [column.values.buffer]);
      });
      onColumn();
      return summary;
    },
    stop: () => worker.terminate(),
  };
}

type Gathering = { values: Float64Array<ArrayBuffer>; count: number; others: { -readonly [K in keyof Others]: number } };

async function gather(table: Table, columns: readonly string[], rows: number, filter: TimeFilter | undefined): Promise<Gathered[]> {
  const gathered = columns.map(
    (): Gathering => ({
      values: new Float64Array(rows),
      count: 0,
      others: { missing: 0, wrongType: 0, nan: 0, positiveInfinity: 0, negativeInfinity: 0 },
    }),
  );
  await table.scan({ columns, ...(filter === undefined ? {} : { filter }) }, (chunk) => {
    for (let c = 0; c < columns.length; c++) {
      const column = chunk.columns[c]!;
      if ("values" in column) append(gathered[c]!, column.values, column.state, chunk.rows);
    }
  });
  return gathered;
}

function append(into: Gathering, values: Float64Array, state: Uint8Array | undefined, rows: number): void {
  let { count } = into;
  const { values: out, others } = into;
  for (let i = 0; i < rows; i++) {
    const value = values[i]!;
    if (state !== undefined && state[i] !== PRESENT) {
      if (state[i] === MISSING) others.missing += 1;
      else others.wrongType += 1;
    } else if (value - value === 0) out[count++] = value;
    else if (value > 0) others.positiveInfinity += 1;
    else if (value < 0) others.negativeInfinity += 1;
    else others.nan += 1;
  }
  into.count = count;
}

async function summarizeLong(
  table: Table,
  column: string,
  bins: number,
  psiBins: readonly PsiBins[],
  filter: TimeFilter | undefined,
): Promise<NumericSummary> {
  const { count, ...others } = await table.countNumbers(column, filter);
  const pass = createPass(count, bins);
  await table.sortedNumbers(column, filter, pass.add);
  const summary = { ...others, ...pass.finish() };
  if (psiBins.length === 0 || summary.fine === undefined) return summary;
  const finder = createEdgeFinder(count, psiBins);
  await table.sortedNumbers(column, filter, finder.add);
  const lists = finder.finish();
  const union = createUnion(summary.fine.edges, lists);
  await table.sortedNumbers(column, filter, union.add);
  return { ...summary, compat: { lists, united: union.finish() } };
}
