/** Builds a reference snapshot from a table: chooses columns, makes bins, counts, and counts again by half hour where there is event time. */

import { DriftdError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import { openTable } from "../tables/open.ts";
import type { Table, TimeFilter } from "../tables/table.ts";
import { DEFAULT_BINS } from "./bins.ts";
import { calibrationOf, halfHoursOf } from "./calibration.ts";
import { digestOf } from "./canonical.ts";
import { chooseColumns, type Skipped } from "./columns.ts";
import type { PsiBins } from "./compat-bins.ts";
import { deriveFeatures, type OutliersWanted, type PcaWanted } from "./derive.ts";
import { type BuildProgress, buildFeatures } from "./features.ts";
import type { Snapshot } from "./snapshot.ts";
import { isoOf } from "./times.ts";

const MAX_IGNORED = 10_000;

export type BuildOptions = {
  /** A table: CSV, TSV, NDJSON, JSON or Parquet, text also with gzip or zstd; a glob. */
  readonly input: string;
  /** How the snapshot names its source; `input` by default. */
  readonly source?: string;
  readonly model: string;
  readonly version?: string;
  /** The column of event time. With `recordColumns` a column `timestamp` is taken by itself. */
  readonly timestamp?: string;
  readonly exclude?: readonly string[];
  /** Columns to take as categories though they look like numbers or times. */
  readonly categorical?: readonly string[];
  readonly nullValues?: readonly string[];
  /** Numbers of the record that are watched beside its features: the signal's name → its column. */
  readonly signals?: ReadonlyMap<string, string>;
  /** Derived features: scores of the principal components, and the outlier score. Both `auto` by default. */
  readonly pca?: PcaWanted;
  readonly outliers?: OutliersWanted;
  /** Fine bins aimed at per numeric feature; `DEFAULT_BINS`. */
  readonly bins?: number;
  /** Bins of older tools whose edges are united with ours, so that their numbers are exact. */
  readonly psiBins?: readonly PsiBins[];
  /** Only rows with an event time in `[fromMs, toMs)`; needs `timestamp`. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** True (the default): the table holds records as the daemon sees them. False: every column is an input. */
  readonly recordColumns?: boolean;
  /** When it was built, epoch ms: part of the digest. */
  readonly nowMs: number;
  /** driftd's version. */
  readonly driftd: string;
  /** DuckDB's bound on memory, such as `1GiB`. */
  readonly memoryLimit?: string;
  readonly onProgress?: (progress: BuildProgress) => void;
};

export type BuildResult = {
  readonly snapshot: Snapshot;
  /** Columns that became no feature, in the order of the table. */
  readonly skipped: readonly Skipped[];
  /** What the user should know, in sentences. */
  readonly warnings: readonly string[];
};

/**
 * Builds a snapshot. Throws the `TABLE_*` errors of `openTable`; `TABLE_COLUMN_MISSING` for an option that names a column the table lacks;
 * `REFERENCE_EMPTY` when there is no row (in the period) or no column to judge; `REFERENCE_TIME_UNREADABLE` when no row has an event time;
 * `REFERENCE_BINS` for a number of bins outside 16 to 4096; `REFERENCE_DERIVED` when derived features were asked for that cannot be.
 */
export async function buildSnapshot(options: BuildOptions): Promise<BuildResult> {
  const { input, recordColumns = true, bins = DEFAULT_BINS, onProgress = () => {} } = options;
  if (!Number.isInteger(bins) || bins < 16 || bins > 4096) {
    throw new DriftdError("REFERENCE_BINS", `bins: ${bins} is not a whole number from 16 to 4096`, {
      hint: `${DEFAULT_BINS} suit almost every model.`,
    });
  }
  onProgress({ stage: "open", done: 0, total: 1 });
  const table = await openTable(input, {
    nullValues: options.nullValues ?? [],
    kinds: new Map([
      ...(options.categorical ?? []).map((column) => [column, "text"] as const),
      ...[...(options.signals ?? [])].map(([, column]) => [column, "number"] as const),
    ]),
    ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
  });
  try {
    return await build(table, { ...options, recordColumns, bins, onProgress });
  } finally {
    await table.close();
  }
}

type Settled = BuildOptions & Required<Pick<BuildOptions, "recordColumns" | "bins" | "onProgress">>;

async function build(table: Table, options: Settled): Promise<BuildResult> {
  const names = table.columns.map(({ name }) => name);
  const timestamp = options.timestamp ?? (options.recordColumns && names.includes("timestamp") ? "timestamp" : undefined);
  requireColumns(table, [
    ...(options.exclude ?? []),
    ...(options.categorical ?? []),
    ...(options.signals?.values() ?? []),
    ...(timestamp === undefined ? [] : [timestamp]),
  ]);
  const filter = filterOf(options, timestamp);
  const records = await table.countRows(filter);
  if (records === 0) {
    throw new DriftdError(
      "REFERENCE_EMPTY",
      `${options.input}: has no rows${filter === undefined ? "" : " in the period that was asked for"}`,
      {
        hint: "A reference is made of the data that the model was trained on, or of healthy traffic.",
      },
    );
  }
  const warnings: string[] = [];
  const time = timestamp === undefined ? undefined : await timeOf(table, timestamp, filter, records, warnings);
  const { candidates, skipped } = chooseColumns(table.columns, {
    timestamp,
    exclude: new Set(options.exclude),
    categorical: new Set(options.categorical),
    recordColumns: options.recordColumns,
    signals: new Map([...(options.signals ?? [])].map(([name, column]) => [column, name])),
  });
  const built = await buildFeatures(table, candidates, records, filter, options, { skipped, warnings });
  if (built.length === 0) {
    throw new DriftdError(
      "REFERENCE_EMPTY",
      `${options.input}: no column can be a feature: ${skipped.map(({ feature, reason }) => `${feature} (${reason})`).join(", ")}`,
      {
        hint: "Name columns with --categorical, or take fewer out with --exclude.",
      },
    );
  }
  const { pca = "auto", outliers = "auto", bins, onProgress } = options;
  const halfHours = timestamp === undefined ? undefined : await halfHoursOf(table, timestamp, filter);
  const derived = await deriveFeatures(
    table,
    built,
    { pca, outliers, rows: records, bins, filter, timestamp, halfHours, onProgress },
    warnings,
  );
  // What the derived features were found in is counted by half hour already.
  const calibration =
    halfHours && (await calibrationOf(table, built, halfHours, (rows) => onProgress({ stage: "calibration", done: rows, total: records })));
  const order = new Map(names.map((name, i) => [name, i]));
  const content: Omit<Snapshot, "digest"> = {
    schema: "driftd/reference/v1",
    model: options.model,
    ...(options.version === undefined ? {} : { version: options.version }),
    records,
    ...(time === undefined ? {} : { time }),
    provenance: { source: options.source ?? options.input, driftd: options.driftd, created_at: isoOf(options.nowMs), quantiles: "exact" },
    features: [...built.map(({ feature }) => feature), ...(derived?.features ?? [])],
    ...(derived === undefined ? {} : { derived: derived.derived }),
    ...(calibration === undefined ? {} : { calibration: { ...calibration, slots: { ...calibration.slots, ...derived?.slots } } }),
    ...ignoredOf(names, built),
  };
  const { schema, ...rest } = content;
  return {
    snapshot: { schema, digest: digestOf(content), ...rest },
    skipped: skipped.toSorted((a, b) => order.get(a.column)! - order.get(b.column)!).map(({ column: _, ...one }) => one),
    warnings,
  };
}

/** Columns that became no feature; more of them than anyone reads are not known of. */
function ignoredOf(names: readonly string[], built: readonly { readonly column: string }[]): Pick<Snapshot, "ignored"> {
  const used = new Set(built.map(({ column }) => column));
  const ignored = names.filter((name) => !used.has(name));
  return ignored.length > MAX_IGNORED ? {} : { ignored };
}

/** Names a column that an option asks for and the table lacks. */
function requireColumns(table: Table, wanted: readonly string[]): void {
  const names = table.columns.map(({ name }) => name);
  const lacking = wanted.find((name) => !names.includes(name));
  if (lacking === undefined) return;
  throw new DriftdError("TABLE_COLUMN_MISSING", `${table.path}: has no column ${JSON.stringify(lacking)}`, {
    hint: didYouMean(lacking, names),
  });
}

function filterOf({ fromMs, toMs }: BuildOptions, timestamp: string | undefined): TimeFilter | undefined {
  if (fromMs === undefined && toMs === undefined) return undefined;
  if (timestamp === undefined) {
    throw new DriftdError("REFERENCE_TIME_UNREADABLE", "a period was asked for, but no column of event time is named", {
      hint: "Add --timestamp COLUMN.",
    });
  }
  return { column: timestamp, ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}

async function timeOf(
  table: Table,
  field: string,
  filter: TimeFilter | undefined,
  records: number,
  warnings: string[],
): Promise<NonNullable<Snapshot["time"]>> {
  const { fromMs, toMs, without } = await table.timeRange(filter ?? { column: field });
  if (Number.isNaN(fromMs)) {
    throw new DriftdError("REFERENCE_TIME_UNREADABLE", `${table.path}: no value of column ${JSON.stringify(field)} is a time`, {
      hint: "Event time is ISO 8601 text, epoch seconds or milliseconds, or a timestamp column.",
    });
  }
  if (without > 0) warnings.push(`${without} of ${records} rows have no readable ${field}: they are counted, but calibrate nothing`);
  return { field, from: isoOf(fromMs), to: isoOf(toMs) };
}
