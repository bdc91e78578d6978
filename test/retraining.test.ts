/** What is asked and told from outside, over a real store and the real decider; between two turns of a pipeline that has none. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDecider, type Decider } from "../src/decide/decider.ts";
import type { DecideRule } from "../src/decide/decision.ts";
import { type Clock, systemClock } from "../src/lib/clock.ts";
import { silentLog } from "../src/lib/log.ts";
import { noMetrics } from "../src/metrics/metrics.ts";
import { hashParts } from "../src/outputs/identity.ts";
import { createPauses } from "../src/pauses.ts";
import type { Pipeline } from "../src/pipeline.ts";
import { createRetraining, type RetrainingAsked } from "../src/retraining.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { evaluation, feature } from "./decide/evaluations.ts";

const NOW = Date.UTC(2026, 0, 15, 12);
const RULE: DecideRule = {
  alert: { forMs: 0, keepFiringForMs: 0, windows: ["1h"] },
  retrain: {
    ...{ to: ["pipeline"], repeatIntervalMs: undefined, inProgressTimeoutMs: 6 * 3_600_000, dailyLimit: 9, minSamples: 0 },
    ...{ dryRun: false, paused: false, actionMaxAgeMs: null },
  },
};

let store: Store;
let nowMs = NOW;
const versions: string[] = [];
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", log: silentLog, driftdVersion: "test" });
  nowMs = NOW;
  versions.splice(0);
});
afterEach(() => store.close());

async function rig() {
  const rules = new Map<string, DecideRule>([
    ["flights", RULE],
    ["fares", RULE],
    ["quiet", { ...RULE, retrain: undefined }],
  ]);
  const decider: Decider = createDecider({ ruleOf: (model) => rules.get(model), hash: hashParts, restored: [], referenceRecords: () => 1 });
  const commit: Parameters<Parameters<Pipeline["between"]>[0]>[0]["commit"] = async (decision, facts = []) => {
    const { alertState, episodes, outbox, events, requests } = decision;
    await store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState, episodes, outbox, events, requests, facts });
    decider.accept(decision);
  };
  const clock: Clock = { ...systemClock, nowMs: () => nowMs };
  const older = evaluation(NOW - 7_200_000, [feature("delay", "c")], { version: "1" });
  const newer = evaluation(NOW - 3_600_000, [feature("delay", "c"), feature("origin", "c")], { version: "2" });
  const day = evaluation(NOW - 3_600_000, [feature("delay", "w")], { version: "2", window: "24h", startMs: NOW - 90_000_000 });
  const retraining = createRetraining({
    ...{ store, clock, metrics: noMetrics, log: silentLog, pauses: createPauses(store) },
    pipeline: { between: (step) => step({ ...decider, commit }), openRequests: decider.openRequests },
    ruleOf: (model) => rules.get(model),
    models: () => [...rules.keys()],
    latest: () => [older, day, newer],
    onModelVersion: (model, version) => versions.push(`${model} ${version}`),
  });
  return retraining;
}

const asked = (more: Partial<RetrainingAsked> = {}): RetrainingAsked => ({
  model: "flights",
  reason: "schedule",
  detail: "weekly",
  ...more,
});

describe("asking", () => {
  test("means the version that was evaluated last, and carries the window that shows most", async () => {
    const came = await (await rig()).request(asked());
    expect(came).toMatchObject({ outcome: "requested", request: { version: "2", reason: "schedule", detail: "weekly" } });
    const [{ body } = { body: "" }] = await store.deliveries({});
    expect(JSON.parse(body)).toMatchObject({
      data: { version: "2", window: { name: "1h" }, features: [{ feature: "delay" }, { feature: "origin" }] },
    });
  });

  test("twice for the same thing gives the first answer, whatever has become of it", async () => {
    const retraining = await rig();
    const first = await retraining.request(asked({ dedupKey: "k" }));
    const id = "request" in first ? first.request.id : "";
    await retraining.report(id, { status: "succeeded" });
    expect(await retraining.request(asked({ dedupKey: "k" }))).toMatchObject({
      outcome: "duplicate",
      request: { id, status: "succeeded" },
    });
    expect(await retraining.request(asked({ dedupKey: "l" }))).toMatchObject({ outcome: "requested" });
    expect(await store.retrainRequests({})).toHaveLength(2);
  });

  test("held back it uses nothing up: the same thing may ask again", async () => {
    const retraining = await rig();
    const first = await retraining.request(asked());
    expect(await retraining.request(asked({ dedupKey: "k" }))).toEqual({ outcome: "held", guard: "in_progress" });
    await retraining.report("request" in first ? first.request.id : "", { status: "failed" });
    expect(await retraining.request(asked({ dedupKey: "k" }))).toMatchObject({ outcome: "requested" });
  });

  test("twice within a millisecond makes two requests", async () => {
    const retraining = await rig();
    const ids = new Set<string>();
    for (const model of ["flights", "fares"]) {
      const came = await retraining.request(asked({ model }));
      if ("request" in came) {
        ids.add(came.request.id);
        await retraining.report(came.request.id, { status: "failed" });
      }
      const again = await retraining.request(asked({ model }));
      if ("request" in again) ids.add(again.request.id);
    }
    expect(ids.size).toBe(4);
  });

  test.each([
    ["RETRAIN_UNKNOWN_MODEL", { model: "nobody" }],
    ["RETRAIN_UNKNOWN_VERSION", { version: "9" }],
    ["RETRAIN_NOT_CONFIGURED", { model: "quiet" }],
  ])("rejects with %s", async (code, more) => {
    await expect((await rig()).request(asked(more))).rejects.toMatchObject({ code });
    expect(await store.events({ after: 0, limit: 9 })).toEqual([]);
  });
});

describe("a new version in the registry", () => {
  async function running(model = "flights") {
    const retraining = await rig();
    const came = await retraining.request(asked({ model }));
    return { retraining, id: "request" in came ? came.request.id : "" };
  }

  test("ends the model's open request with success, its lock too, and is told on", async () => {
    const { retraining, id } = await running();
    expect(await retraining.modelVersion("flights", "7", undefined)).toMatchObject({ id, status: "succeeded", newVersion: "7" });
    expect(retraining.facts("flights")?.open).toEqual([]);
    expect(versions).toEqual(["flights 7"]);
    expect((await store.events({ after: 0, limit: 9 })).map(({ type }) => type)).toEqual([
      "driftd.retrain.requested",
      "driftd.retrain.succeeded",
    ]);
  });

  test("told again, as an alias, ends nothing else", async () => {
    const { retraining, id } = await running();
    await retraining.modelVersion("flights", "7", undefined);
    nowMs++;
    const next = await retraining.request(asked());
    expect(await retraining.modelVersion("flights", "7", undefined)).toMatchObject({ id });
    expect((await store.retrainRequests({ open: true })).map((record) => record.id)).toEqual(["request" in next ? next.request.id : ""]);
    expect(versions).toEqual(["flights 7", "flights 7"]);
  });

  test("names its request, even when that was given up for lost", async () => {
    const { retraining, id } = await running();
    const [record] = await store.retrainRequests({ id });
    const none = { evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [], events: [] };
    await store.commitDecision({ ...none, requests: [{ ...record!, status: "timed_out" }] });
    expect(await retraining.modelVersion("flights", "7", id)).toMatchObject({ id, status: "succeeded" });
  });

  test("of another model, or of one that nobody was asked for, ends nothing and is told on", async () => {
    const { retraining } = await running();
    expect(await retraining.modelVersion("fares", "3", undefined)).toBe(undefined);
    expect(await retraining.modelVersion("flights", "8", "msg_of_somebody_else")).toBe(undefined);
    expect(await store.retrainRequests({ open: true })).toHaveLength(1);
    expect(versions).toEqual(["fares 3", "flights 8"]);
  });

  test.each([
    ["the one that drifts", "2", true],
    ["an older one", "1", true],
    ["the one that drifts, however it is told", "2", false],
  ])("ends nothing when it is %s", async (_, version, alias) => {
    const { retraining, id } = await running();
    expect(await retraining.modelVersion("flights", version, undefined, alias)).toBe(undefined);
    expect(await store.retrainRequests({ open: true })).toMatchObject([{ id, version: "2", status: "requested" }]);
  });

  test.each(["3", "night"])("that was given an alias, %s, ends the request all the same when it can be the new one", async (version) => {
    const { retraining, id } = await running();
    expect(await retraining.modelVersion("flights", version, undefined, true)).toMatchObject({ id, newVersion: version });
  });

  test("that a pipeline reports is told on too", async () => {
    const { retraining, id } = await running();
    await retraining.report(id, { status: "running" });
    await retraining.report(id, { status: "succeeded", version: "7" });
    expect(versions).toEqual(["flights 7"]);
  });
});
