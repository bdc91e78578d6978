/** A view of a daemon that judges a small model with awkward names: real snapshots and real evaluations, invented counts. */

import { inlineSecret } from "../../src/config/secret.ts";
import type { Alert } from "../../src/decide/decision.ts";
import type { RetrainRecord } from "../../src/decide/record.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import type { ApiView, ModelFacts, PaneDocument } from "../../src/http/view.ts";
import { binOf, fineBinsOf, padEdges } from "../../src/reference/bins.ts";
import { coarseOfCategorical, coarseOfNumeric } from "../../src/reference/coarse.ts";
import { featureLayoutHash, rowLayoutOf } from "../../src/reference/compile.ts";
import type { CategoricalFeature, NumericFeature, Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";
import type { Attempt, Delivery } from "../../src/store/store.ts";

export const MLFLOW_KEY = "a key of the registry";
export const NOW_MS = Date.UTC(2001, 1, 5, 12, 0, 0);
const HOUR_MS = 3_600_000;

/** A small deterministic generator (mulberry32): numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function numeric(feature: string, values: readonly number[], role: NumericFeature["role"] = "feature"): NumericFeature {
  const fine = fineBinsOf(values, 64);
  const { edges, counts, means } = fine;
  return {
    feature,
    role,
    kind: "numeric",
    count: values.length,
    missing: 12,
    wrong_type: 0,
    nan: 0,
    positive_infinity: 0,
    negative_infinity: 0,
    round: null,
    edges,
    counts,
    means,
    moments: { count: values.length, mean: 0, m2: 0 },
    coarse: coarseOfNumeric(fine),
    layout: featureLayoutHash({ kind: "numeric", edges, round: null }),
  };
}

function categorical(feature: string, counts: Readonly<Record<string, number>>): CategoricalFeature {
  const categories = Object.keys(counts);
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  return {
    feature,
    role: "feature",
    kind: "categorical",
    count: total,
    missing: 0,
    wrong_type: 0,
    categories,
    counts: Object.values(counts),
    seen_once: 0,
    coarse: coarseOfCategorical(Object.values(counts), total),
    layout: featureLayoutHash({ kind: "categorical", categories }),
  };
}

export const ODD_NAME = 'a/b "c", d:e\n🛬';
const AIRPORTS = {
  ATL: 900,
  DFW: 700,
  ORD: 650,
  LAX: 500,
  PHX: 400,
  DEN: 350,
  IAH: 300,
  LAS: 280,
  EWR: 200,
  "St. John’s": 120,
  MSP: 300,
  OAK: 300,
};

const draw = {
  delay: (next: () => number, seconds: boolean) => Math.round(normal(next) * 18 + 4) * (seconds ? 60 : 1),
  distance: (next: () => number) => Math.round(200 + 2200 * next() ** 2),
  odd: (next: () => number) => Math.round(1000 * normal(next)) / 1000,
  hour: (next: () => number) => Math.floor(6 + 18 * next()),
  prediction: (next: () => number, seconds: boolean) => Math.round(100 / (1 + Math.exp(-normal(next) - (seconds ? 0.35 : 0)))) / 100,
};

const snapshot: Snapshot = (() => {
  const next = random(7);
  const many = <T>(make: () => T): T[] => Array.from({ length: 5000 }, make);
  const features: SnapshotFeature[] = [
    numeric(
      "delay",
      many(() => draw.delay(next, false)),
    ),
    numeric(
      "distance",
      many(() => draw.distance(next)),
    ),
    categorical("origin", AIRPORTS),
    numeric(
      "hour",
      many(() => draw.hour(next)),
    ),
    numeric(
      ODD_NAME,
      many(() => draw.odd(next)),
    ),
    numeric(
      "$prediction",
      many(() => draw.prediction(next, false)),
      "prediction",
    ),
  ];
  return {
    schema: "driftd/reference/v1",
    digest: `sha256:${"5f".repeat(32)}`,
    model: "flights",
    records: 230_000,
    time: { field: "date", from: "2001-01-01T00:00:00Z", to: "2001-01-14T23:59:00Z" },
    provenance: { source: "flights.parquet", driftd: "0.1.0", created_at: "2001-01-15T00:00:00Z", quantiles: "exact" },
    features,
  };
})();

/** Counts of one window; `fault`: the delay comes in seconds. */
export function windowCounts(name: string, hours: number, records: number, fault: boolean): WindowCounts {
  const layout = rowLayoutOf(snapshot.features);
  const counts = new Uint32Array(layout.slots);
  const next = random(records);
  const values = [
    () => draw.delay(next, fault),
    () => draw.distance(next),
    undefined,
    () => draw.hour(next),
    () => draw.odd(next),
    () => draw.prediction(next, fault),
  ];
  const airports = Object.values(AIRPORTS).flatMap((count, i) => Array.from({ length: count / 10 }, () => i));
  snapshot.features.forEach((feature, i) => {
    const { offset } = layout.features[i]!;
    const padded = feature.kind === "numeric" ? padEdges(feature.edges) : undefined;
    for (let r = 0; r < records; r++) {
      const bin = padded === undefined ? airports[Math.floor(next() * airports.length)]! : binOf(padded, values[i]!());
      counts[offset + bin]!++;
    }
  });
  return {
    model: "flights",
    version: "1",
    window: { name, lengthMs: hours * HOUR_MS },
    startMs: NOW_MS - hours * HOUR_MS,
    endMs: NOW_MS,
    layout,
    counts,
    records,
    coverage: 1,
    blocks: [],
    changedFeatures: new Set(),
    incomplete: false,
    lost: 0,
    offsets: [{ source: "kafka:inference-log", partition: 0, from: 100, to: 100 + records }],
  };
}

const windows: Readonly<Record<string, WindowCounts>> = {
  "1h": windowCounts("1h", 1, 660, true),
  "6h": windowCounts("6h", 6, 3900, true),
  "24h": windowCounts("24h", 24, 15_800, false),
};

export function evaluations(): Evaluation[] {
  const prepared = prepareReference(snapshot, DEFAULT_POLICY);
  return Object.values(windows).map((counts) => evaluateWindow(counts, prepared));
}

const episode = {
  id: "ep_71c2f0",
  model: "flights",
  version: "1",
  severity: "critical",
  features: ["delay"],
  pendingAtMs: NOW_MS - 3 * HOUR_MS,
  firingAtMs: NOW_MS - 2 * HOUR_MS,
  resolvedAtMs: null,
} as const;

const alert: Alert = {
  model: "flights",
  version: "1",
  phase: "firing",
  episode,
  features: [{ feature: "delay", window: "1h", severity: "critical" }],
  quality: {
    phase: "firing",
    episode: {
      ...{ kind: "quality", id: "ep_90aa11", model: "flights", version: "1", severity: "warning" },
      ...{ features: ["origin"], checks: ["missing origin"] },
      ...{ pendingAtMs: NOW_MS - 3 * HOUR_MS, firingAtMs: NOW_MS - 2 * HOUR_MS, resolvedAtMs: null },
    },
    checks: [{ feature: "origin", check: "missing", window: "1h", severity: "warning" }],
  },
};

function delivery(i: number, status: Delivery["status"] = "delivered"): Delivery {
  return {
    id: `msg_${i}`,
    output: "retrain-flights",
    type: "driftd.retrain.requested",
    model: "flights",
    version: "1",
    body: JSON.stringify({ type: "driftd.retrain.requested", data: { request_id: `msg_${i}` } }),
    createdAtMs: NOW_MS - i * HOUR_MS,
    status,
    attempts: status === "pending" ? 0 : 1 + (i % 3),
    nextAttemptAtMs: NOW_MS + 60_000,
    updatedAtMs: NOW_MS - i * HOUR_MS + 1500,
  };
}

export function request(i: number, status: RetrainRecord["status"] = "requested"): RetrainRecord {
  return {
    id: `msg_${i}`,
    model: "flights",
    version: "1",
    reason: i % 2 === 0 ? "manual" : "drift",
    severity: i % 2 === 0 ? null : "critical",
    episode: i % 2 === 0 ? null : "ep_71c2f0",
    status,
    createdAtMs: NOW_MS - i * HOUR_MS,
    updatedAtMs: NOW_MS - i * HOUR_MS + 1500,
    outputs: ["retrain-flights"],
    newVersion: status === "succeeded" ? "2" : null,
    detail: null,
    dedupKey: null,
    body: JSON.stringify({ type: "driftd.retrain.requested", data: { request_id: `msg_${i}` } }),
  };
}

const attempt: Attempt = { id: "msg_1", atMs: NOW_MS, ok: false, status: 503, failure: "http_5xx", latencyMs: 120, excerpt: "try later" };

export function pane(startMs: number, partition = 0): PaneDocument {
  return {
    model: "flights",
    version: "1",
    segment: "",
    source: "kafka:inference-log",
    partition,
    epoch: 0,
    pane_start: new Date(startMs).toISOString().replace(".000Z", "Z"),
    pane_seconds: 300,
    final: true,
    records: 123,
  };
}

/** The view; what a test wants otherwise it overwrites. */
export function fakeView(change: Partial<ApiView> = {}): ApiView {
  const models: readonly ModelFacts[] = [
    {
      model: "flights",
      windows: ["1h", "6h", "24h"],
      retrain: { approval: "manual", dryRun: false, paused: true, pausedSinceMs: NOW_MS, open: [request(1)] },
      versions: [
        {
          version: "1",
          snapshot,
          evaluations: evaluations(),
          alert,
          appeared: { sinceMs: NOW_MS, total: 3, top: [{ value: "new_key", count: 3, over: 0 }] },
        },
      ],
    },
    {
      model: "new / model",
      windows: ["1h", "6h", "24h"],
      versions: [{ version: "", snapshot: undefined, evaluations: [], alert: undefined }],
    },
    { model: "silent", windows: ["1h", "6h", "24h"], versions: [] },
  ];
  const deliveries = [delivery(1), delivery(2, "dead"), delivery(3, "pending")];
  const panes = Array.from({ length: 24 }, (_, i) => pane(NOW_MS - 2 * HOUR_MS + Math.floor(i / 2) * 600_000, i % 2));
  const requests = [request(1), request(2, "awaiting_approval"), request(3, "succeeded")];
  const found = async (id: string, status: RetrainRecord["status"]) => {
    const known = requests.find((one) => one.id === id);
    return known && { ok: true as const, request: { ...known, status } };
  };
  return {
    access: () => ({ token: undefined, loopback: true }),
    retraining: {
      list: async ({ id, model, status, open, limit }) =>
        requests
          .filter((one) => (id === undefined || one.id === id) && (model === undefined || one.model === model))
          .filter((one) => (status === undefined || one.status === status) && (open !== true || one.status !== "succeeded"))
          .slice(0, limit),
      request: async () => ({ outcome: "requested", request: request(2) }),
      report: (id, { status }) => found(id, status),
      approve: (id) => found(id, "requested"),
      reject: (id) => found(id, "rejected"),
      pause: async () => true,
      modelVersion: async () => request(1, "succeeded"),
      count: () => {},
      mlflow: () => ({ webhookSecret: inlineSecret(MLFLOW_KEY), models: new Map([["flights", "flights"]]) }),
      nowMs: () => NOW_MS,
    },
    unseen: (_, __, name) =>
      name === "origin" ? { sinceMs: NOW_MS - 26 * HOUR_MS, total: 12, top: [{ value: "XXX", count: 9, over: 0 }] } : undefined,
    ready: () => [],
    status: () => ({
      build: { version: "0.1.0", revision: "unknown", nodejs: "v24.21.0" },
      nowMs: NOW_MS,
      startedAtMs: NOW_MS - 26.4 * HOUR_MS,
      config: { digest: `sha256:${"0a".repeat(32)}`, loadedAtMs: NOW_MS - 26 * HOUR_MS },
      checks: [{ check: "state_restored", ok: true }],
      sources: [
        {
          source: "kafka:inference-log",
          connected: true,
          eventTimeMs: NOW_MS + 61_000,
          partitions: [
            { partition: 0, next: 760, end: 780, assigned: true },
            { partition: 1, next: 0, end: null, assigned: false },
          ],
        },
      ],
      store: { type: "sqlite", sizeBytes: 12_345_678 },
      records: { counted: 1_234_567, dropped: { decode_error: 6, too_late: 41 } },
    }),
    models: () => models,
    model: (name) => models.find(({ model }) => model === name),
    windowCounts: async (model, _version, window) => (model === "flights" ? windows[window] : undefined),
    panes: async ({ fromMs, toMs }) => panes.filter(({ pane_start }) => Date.parse(pane_start) >= fromMs && Date.parse(pane_start) < toMs),
    events: async ({ after, limit }) =>
      [
        {
          number: 1,
          atMs: episode.pendingAtMs,
          type: "driftd.drift.pending",
          model: "flights",
          version: "1",
          body: '{"reason":"first_drift"}',
        },
      ]
        .filter(({ number }) => number > after)
        .slice(0, limit),
    episodes: async ({ model, limit }) => (model === undefined || model === "flights" ? [episode].slice(0, limit) : []),
    deliveries: async ({ id, status, limit }) =>
      deliveries.filter((one) => (id === undefined || one.id === id) && (status === undefined || one.status === status)).slice(0, limit),
    attempts: async () => [attempt],
    replay: async (id) => deliveries.some((one) => one.id === id),
    config: () => ({ kafka: { brokers: ["localhost:9092"] } }),
    reload: async () => ({ ok: true }),
    ...change,
  };
}
