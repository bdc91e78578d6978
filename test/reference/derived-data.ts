/** References and windows with derived features made from columns in memory, as `reference build` and the daemon make them. */

import { newRecord } from "../../src/decode/record.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation } from "../../src/evaluate/evaluation.ts";
import { COMPARE_WINDOW, comparePolicy, type Policy } from "../../src/evaluate/policy.ts";
import { countRecord } from "../../src/panes/count.ts";
import { countDerived } from "../../src/panes/derived.ts";
import { newMoments } from "../../src/panes/moments.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import type { Candidate } from "../../src/reference/columns.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { type DeriveOptions, deriveFeatures } from "../../src/reference/derive.ts";
import { buildFeatures } from "../../src/reference/features.ts";
import type { CompiledLayout } from "../../src/reference/layout.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { MISSING, PRESENT, type Table, UNSEEN_BIN } from "../../src/tables/table.ts";

/** Columns by name; null is missing. Text columns are categories. */
export type Columns = Readonly<Record<string, readonly (number | string | null)[]>>;

const CHUNK = 2000;

/** A table of columns; only scans and counts of text are there. */
export function tableOf(columns: Columns): Table {
  const names = Object.keys(columns);
  const rows = columns[names[0]!]!.length;
  const unused = (): never => {
    throw new Error("not of this table");
  };
  const text = (name: string) => columns[name]!.some((value) => typeof value === "string");
  return {
    path: "memory",
    columns: names.map((name) => ({ name, kind: text(name) ? "text" : "number", duckdbType: "" })),
    countRows: async () => rows,
    timeRange: unused,
    scan: async ({ columns: wanted, codes }, onChunk) => {
      for (let from = 0; from < rows; from += CHUNK) {
        const size = Math.min(CHUNK, rows - from);
        onChunk({
          rows: size,
          timeMs: undefined,
          columns: wanted.map((name) => {
            const values = columns[name]!.slice(from, from + size);
            const places = codes?.get(name);
            if (places !== undefined) {
              const numbers = Float64Array.from(values, (value) =>
                value === null ? -2 : Math.max(UNSEEN_BIN, places.indexOf(value as string)),
              );
              return { kind: "number", values: numbers, state: undefined, wrong: () => null };
            }
            const state = Uint8Array.from(values, (value) => (value === null ? MISSING : PRESENT));
            return { kind: "number", values: Float64Array.from(values, Number), state, wrong: () => null };
          }),
        });
      }
    },
    chunks: unused,
    sortedNumbers: unused,
    textCounts: async (name, limit) => {
      const counts = new Map<string, number>();
      for (const value of columns[name]!) if (value !== null) counts.set(value as string, (counts.get(value as string) ?? 0) + 1);
      const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
      const present = sorted.reduce((sum, [, count]) => sum + count, 0);
      return {
        values: sorted.slice(0, limit).map(([value]) => value),
        counts: sorted.slice(0, limit).map(([, count]) => count),
        ...{ present, distinct: sorted.length, seenOnce: sorted.filter(([, count]) => count === 1).length },
        ...{ missing: rows - present, wrongType: 0 },
      };
    },
    countByCategory: unused,
    countNumbers: unused,
    countByTime: unused,
    close: async () => {},
  };
}

/** Builds a snapshot with derived features; what it said is in `warnings`. */
export async function buildOf(
  columns: Columns,
  options: Partial<Pick<DeriveOptions, "pca" | "outliers">> = {},
): Promise<{ snapshot: Snapshot; warnings: string[] }> {
  const table = tableOf(columns);
  const rows = await table.countRows();
  const candidates = table.columns.map(
    ({ name, kind }): Candidate => ({
      ...{ column: name, feature: name, role: "feature", kind: kind === "text" ? "categorical" : "numeric", demanded: true },
    }),
  );
  const warnings: string[] = [];
  const built = await buildFeatures(table, candidates, rows, undefined, { bins: 256, onProgress: () => {} }, { skipped: [], warnings });
  const derived = await deriveFeatures(
    table,
    built,
    {
      ...{ pca: "auto", outliers: "auto", ...options },
      ...{ rows, bins: 256, filter: undefined, timestamp: undefined, halfHours: undefined, onProgress: () => {} },
    },
    warnings,
  );
  const content: Omit<Snapshot, "digest"> = {
    ...{ schema: "driftd/reference/v1", model: "m", records: rows },
    provenance: { source: "memory", driftd: "0.0.0", created_at: "2026-01-01T00:00:00Z", quantiles: "exact" },
    features: [...built.map(({ feature }) => feature), ...(derived?.features ?? [])],
    ...(derived === undefined ? {} : { derived: derived.derived }),
  };
  return { snapshot: { ...content, digest: digestOf(content) }, warnings };
}

/** Counts columns record by record, as the daemon does. */
export function countOf(layout: CompiledLayout, columns: Columns): { counts: Uint32Array; moments: Float64Array; records: number } {
  const names = Object.keys(columns);
  const records = columns[names[0]!]!.length;
  const counts = new Uint32Array(layout.row.slots);
  const moments = newMoments(layout.row.numeric);
  const record = newRecord();
  for (let i = 0; i < records; i++) {
    record.features = Object.fromEntries(names.map((name) => [name, columns[name]![i]]));
    countRecord(counts, moments, layout.features, record, layout.derived?.values.trace);
    if (layout.derived !== undefined) countDerived(counts, moments, layout.derived);
  }
  return { counts, moments, records };
}

/** Judges columns against a snapshot in one look, as `compare` does. */
export function judge(snapshot: Snapshot, columns: Columns, policy: Policy = comparePolicy(0.01)): Evaluation {
  const layout = compileLayout(snapshot);
  const { counts, records } = countOf(layout, columns);
  return evaluateWindow(
    {
      ...{ model: "m", version: "", window: COMPARE_WINDOW, startMs: 0, endMs: 0, layout: layout.row, counts, records, coverage: 1 },
      ...{ blocks: [], changedFeatures: new Set(), incomplete: false, lost: 0, offsets: [] },
    },
    prepareReference(snapshot, policy),
  );
}

/** The features that drifted. */
export function drifted(evaluation: Evaluation): string[] {
  return evaluation.features.filter(({ verdict }) => verdict === "drift").map(({ feature }) => feature);
}
