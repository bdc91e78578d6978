/**
 * A naive recount of a topic by the public rules: one pass over each partition, plain objects, linear searches, no code of the daemon's.
 * What `driftd store export` must equal.
 */

import type { Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";

const PANE_MS = 300_000;
const LATENESS_MS = 600_000;
const MAX_STEP_MS = 3_600_000;
const FUTURE_MS = 300_000;

export type TopicRecord = { readonly offset: number; readonly timestampMs: number; readonly value: string | null };

export type RecountedPane = {
  readonly version: string;
  readonly partition: number;
  readonly startMs: number;
  records: number;
  /** Of text or whole numbers, exact; the daemon's are estimates beyond 2^12 different ids, and too few after a kill. */
  idsChecked: number;
  idsRepeated: number;
  readonly ids: Set<string | number>;
  from: number;
  to: number;
  readonly features: Record<string, FeatureCounts>;
};

type FeatureCounts = {
  counts: number[];
  unseen: number;
  absent: number;
  missing: number;
  wrong_type: number;
  nan: number;
  positive_infinity: number;
  negative_infinity: number;
};

/** The panes of one partition, by `version startMs`, and how many records came too late. */
export function recount(
  partition: number,
  records: readonly TopicRecord[],
  model: string,
  snapshot: Snapshot,
): { panes: Map<string, RecountedPane>; late: number } {
  const panes = new Map<string, RecountedPane>();
  let max: number | undefined;
  let ahead: number[] = [];
  let late = 0;
  for (const { offset, timestampMs, value } of records) {
    const record = value === null ? undefined : parse(value);
    if (record === undefined) continue;
    const time = record.time;
    if (time > timestampMs + FUTURE_MS) continue;
    const closedThrough = max === undefined ? Number.NEGATIVE_INFINITY : Math.floor((max - LATENESS_MS) / PANE_MS) * PANE_MS;
    if (max !== undefined && time <= max + MAX_STEP_MS) max = Math.max(max, time);
    else {
      ahead.push(time);
      if (ahead.length === 10) {
        const smallest = Math.min(...ahead);
        max = smallest;
        ahead = ahead.filter((collected) => collected > smallest + MAX_STEP_MS);
      }
    }
    if (record.model !== model) continue;
    const startMs = Math.floor(time / PANE_MS) * PANE_MS;
    if (startMs < closedThrough) {
      late++;
      continue;
    }
    const key = `${record.version} ${startMs}`;
    let pane = panes.get(key);
    if (pane === undefined) {
      pane = {
        version: record.version,
        partition,
        startMs,
        records: 0,
        idsChecked: 0,
        idsRepeated: 0,
        ids: new Set(),
        from: offset,
        to: offset,
        features: {},
      };
      for (const feature of snapshot.features) pane.features[feature.feature] = emptyCounts(feature);
      panes.set(key, pane);
    }
    if (pane.records === 0) countKeys(pane, snapshot, record.features);
    pane.records++;
    if (record.id !== undefined) {
      pane.idsChecked++;
      if (pane.ids.has(record.id)) pane.idsRepeated++;
      pane.ids.add(record.id);
    }
    pane.to = offset + 1;
    for (const feature of snapshot.features)
      countValue(pane.features[feature.feature] as FeatureCounts, feature, record.features[feature.feature]);
  }
  return { panes, late };
}

function parse(
  text: string,
): { id: string | number | undefined; time: number; model: string; version: string; features: Record<string, unknown> } | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const record = json as { id?: unknown; timestamp?: string; model: string; version?: string; features?: Record<string, unknown> };
  if (typeof record !== "object" || record === null || typeof record.features !== "object" || record.features === null) return undefined;
  const time = Date.parse(record.timestamp ?? "");
  const id = typeof record.id === "string" || Number.isSafeInteger(record.id) ? (record.id as string | number) : undefined;
  return Number.isNaN(time) ? undefined : { id, time, model: record.model, version: record.version ?? "", features: record.features };
}

/** Of the first record of a pane: whether it brings a key that the reference neither judges nor left out. */
function countKeys(pane: RecountedPane, { features, ignored }: Snapshot, values: Record<string, unknown>): void {
  if (ignored === undefined) return;
  const isNews = (key: string) => !ignored.includes(key) && !features.some(({ feature }) => feature === key || feature === `$${key}`);
  const zero = { unseen: 0, absent: 0, missing: 0, wrong_type: 0, nan: 0, positive_infinity: 0, negative_infinity: 0 };
  pane.features["$schema"] = { counts: Object.keys(values).some(isNews) ? [0, 1] : [1, 0], ...zero };
}

function emptyCounts(feature: SnapshotFeature): FeatureCounts {
  const bins = feature.kind === "numeric" ? feature.edges.length + 1 : feature.categories.length;
  return {
    counts: Array.from({ length: bins }, () => 0),
    unseen: 0,
    absent: 0,
    missing: 0,
    wrong_type: 0,
    nan: 0,
    positive_infinity: 0,
    negative_infinity: 0,
  };
}

function countValue(into: FeatureCounts, feature: SnapshotFeature, value: unknown): void {
  if (value === undefined) into.absent++;
  else if (value === null) into.missing++;
  else if (feature.kind === "categorical") {
    if (typeof value === "object") into.wrong_type++;
    else {
      const bin = feature.categories.indexOf(String(value));
      if (bin < 0) into.unseen++;
      else into.counts[bin] = (into.counts[bin] as number) + 1;
    }
  } else if (typeof value !== "number") into.wrong_type++;
  else if (value === Number.POSITIVE_INFINITY) into.positive_infinity++;
  else if (value === Number.NEGATIVE_INFINITY) into.negative_infinity++;
  else {
    const bin = feature.edges.filter((edge) => edge < value).length;
    into.counts[bin] = (into.counts[bin] as number) + 1;
  }
}
