/** Rows for the tests of stores. */

import type { Episode } from "../../src/decide/alert.ts";
import type { RetrainRecord } from "../../src/decide/record.ts";
import type { Evaluation } from "../../src/evaluate/evaluation.ts";
import type { OutboxMessage } from "../../src/outputs/output.ts";
import { newMoments } from "../../src/panes/moments.ts";
import type { Cursor, Pane, PaneKey } from "../../src/panes/pane.ts";
import type { CompiledLayout } from "../../src/reference/layout.ts";
import type { Store } from "../../src/store/store.ts";
import { layoutOf } from "../panes/layouts.ts";

export const MINUTE = 60_000;
export const T0 = Date.UTC(2001, 0, 15, 10);
export const layout = layoutOf({ x: { edges: [0, 1, 2] }, c: { categories: ["p", "q"] }, y: { edges: [5] } });

type PaneSketch = Partial<Omit<PaneKey, "layout">> & Partial<Omit<Pane, "key">> & { readonly of?: CompiledLayout };

/** A final pane of model m, version 1, unless said otherwise. */
export function pane(sketch: PaneSketch = {}): Pane {
  const {
    of = layout,
    model = "m",
    version = "1",
    segment = "",
    source = "kafka:t",
    partition = 0,
    epoch = 0,
    paneMs = 5 * MINUTE,
    startMs = T0,
    ...rest
  } = sketch;
  return {
    key: { model, version, segment, source, partition, epoch, layout: of.row.hash, paneMs, startMs },
    ...{ final: true, incomplete: false, upto: 10, offsetFrom: 1, offsetTo: 9, records: 3, late: 0, lost: 0 },
    counts: new Uint32Array(of.row.slots),
    moments: newMoments(of.row.numeric),
    driftd: "0.0.0",
    ...rest,
  };
}

export function cursor(rest: Partial<Cursor> = {}): Cursor {
  return { source: "kafka:t", partition: 0, epoch: 0, replayFrom: 10, processedThrough: 10, aheadMs: [], ...rest };
}

export function evaluation(rest: Partial<Evaluation> = {}): Evaluation {
  return {
    ...{
      model: "m",
      version: "1",
      window: "1h",
      startMs: T0,
      endMs: T0 + 60 * MINUTE,
      records: 100,
      verdict: "no_drift",
      reason: "within_noise",
    },
    ...{ policy: "sha256:p", referenceDigest: null, features: [], offsets: [] },
    ...rest,
  } as Evaluation;
}

export function episode(rest: Partial<Episode> = {}): Episode {
  return {
    id: "e1",
    model: "m",
    version: "1",
    severity: "critical",
    features: ["x"],
    pendingAtMs: T0,
    firingAtMs: null,
    resolvedAtMs: null,
    ...rest,
  };
}

export function outboxMessage(rest: Partial<OutboxMessage> = {}): OutboxMessage {
  return {
    id: "msg_1",
    output: "hook",
    type: "driftd.retrain.requested",
    model: "m",
    version: "1",
    body: '{"a":1}',
    createdAtMs: T0,
    ...rest,
  };
}

export function request(rest: Partial<RetrainRecord> = {}): RetrainRecord {
  return {
    ...{ id: "msg_1", model: "m", version: "1", reason: "drift", severity: "critical", episode: "e1", status: "requested" },
    ...{ createdAtMs: T0, updatedAtMs: T0, outputs: ["hook"], newVersion: null, detail: null, dedupKey: null, body: '{"a":1}' },
    ...rest,
  };
}

/** A decision with nothing in it but what is given. */
export function decision(rest: Partial<Parameters<Store["commitDecision"]>[0]> = {}): Parameters<Store["commitDecision"]>[0] {
  return { evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [], events: [], ...rest };
}
