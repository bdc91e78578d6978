import { describe, expect, test } from "vitest";
import type { Alert, Decision } from "../../src/decide/decider.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createObserver } from "../../src/metrics/observer.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { HOUR, smallSnapshot, T0 } from "../support/workspace.ts";

/** An evaluation of one hour in which every value of `x` is `x`, or of nothing. */
function evaluation(
  model: string,
  { x, endMs = T0 + HOUR, snapshot = smallSnapshot(model) }: { x?: number; endMs?: number; snapshot?: Snapshot } = {},
): Evaluation {
  const { row } = compileLayout(snapshot);
  const counts = new Uint32Array(row.slots);
  const records = x === undefined ? 0 : 1_000;
  if (x !== undefined) for (const { offset, bins } of row.features) counts[offset + Math.min(bins - 1, x)] = records;
  const window: WindowCounts = {
    model,
    version: "1",
    window: { name: "1h", lengthMs: HOUR },
    startMs: endMs - HOUR,
    endMs,
    layout: row,
    counts,
    records,
    coverage: records === 0 ? 0 : 1,
    blocks: [],
    changedFeatures: new Set(),
    incomplete: false,
    lost: 0,
    offsets: [],
  };
  const policy = {
    mode: "monitor" as const,
    thresholds: { psi: { warning: 0.1, critical: 0.2 } },
    falseAlarms: { budget: 1, perMs: 30 * 24 * HOUR },
    windows: [{ name: "1h", lengthMs: HOUR }],
    features: { include: undefined, exclude: [] },
  };
  return evaluateWindow(window, prepareReference(snapshot, policy));
}

const NOTHING: Decision = { alertState: [], episodes: [], outbox: [], events: [], cancel: [], changes: [], quality: [], retrain: [] };
const CHANGED: Decision = { ...NOTHING, alertState: [{ model: "m", version: "1", state: "" }] };

function rig() {
  const alerts: Alert[] = [];
  const metrics = createMetrics({ buildInfo: { version: "1", revision: "r" }, clock: systemClock, nodeMetrics: false });
  for (const model of ["m", "n"]) metrics.initialise({ model });
  const observer = createObserver({ metrics, clock: systemClock, log: silentLog, alerts: () => alerts });
  const series = async (start: string) => (await metrics.render()).split("\n").filter((line) => line.startsWith(start));
  const fire = (model: string, ...features: string[]) =>
    alerts.push({
      model,
      version: "1",
      phase: "firing",
      episode: null,
      features: features.map((feature) => ({ feature, window: "1h", severity: "critical" as const })),
      quality: { phase: "inactive", episode: null, checks: [] },
    });
  return { alerts, metrics, observer, series, fire };
}

test("each evaluation is counted, and the newest of each window is shown", async () => {
  const { observer, series } = rig();
  for (const endMs of [T0 + HOUR, T0 + 2 * HOUR]) observer.decided([evaluation("m", { x: 5, endMs })], NOTHING);
  await observer.flush();
  expect(await series('driftd_evaluations_total{model="m"}')).toEqual(['driftd_evaluations_total{model="m"} 2']);
  expect(await series("driftd_window_end_timestamp_seconds")).toEqual([expect.stringContaining(` ${(T0 + 2 * HOUR) / 1000}`)]);
  expect(observer.latest().map(({ endMs }) => endMs)).toEqual([T0 + 2 * HOUR]);
});

test("exactly one verdict of a window is 1", async () => {
  const { observer, series } = rig();
  observer.decided([evaluation("m", { x: 5 })], NOTHING);
  await observer.flush();
  expect((await series("driftd_model_verdict")).map((line) => line.replace(/.*verdict="(\w+)".* /, "$1 "))).toEqual([
    "drift 1",
    "no_drift 0",
    "insufficient_data 0",
  ]);
});

test("a window that cannot be judged takes its scores away, and says why", async () => {
  const { observer, series } = rig();
  observer.decided([evaluation("m", { x: 5 })], NOTHING);
  await observer.flush();
  expect(await series("driftd_drift_score")).not.toEqual([]);
  observer.decided([evaluation("m", { endMs: T0 + 2 * HOUR })], NOTHING);
  await observer.flush();
  expect(await series("driftd_drift_score")).toEqual([]);
  expect(await series('driftd_evaluations_skipped_total{model="m",reason="low_coverage"}')).toEqual([expect.stringMatching(/ 1$/)]);
});

describe("a firing alert", () => {
  test("marks its features until it has gone", async () => {
    const { observer, series, fire, alerts } = rig();
    observer.judged("m", "1", "m.json", smallSnapshot("m"));
    fire("m", "x");
    observer.decided([evaluation("m", { x: 5 })], CHANGED);
    await observer.flush();
    const drifted = async () => (await series("driftd_feature_drifted{")).filter((line) => line.endsWith(" 1"));
    expect(await drifted()).toEqual([expect.stringContaining('feature="x",severity="critical"')]);
    expect(await series("driftd_model_drifted_features{")).toContain(
      'driftd_model_drifted_features{model="m",version="1",severity="critical"} 1',
    );
    alerts.length = 0;
    observer.decided([], CHANGED);
    await observer.flush();
    expect(await drifted()).toEqual([]);
  });

  test("of a model that was forgotten is not shown, and is again when the model is back", async () => {
    const { observer, series, fire, metrics } = rig();
    fire("m", "x");
    observer.decided([evaluation("m", { x: 5 })], CHANGED);
    await observer.flush();
    metrics.removeModel("m");
    observer.forget("m");
    await observer.flush();
    expect((await series("driftd_")).filter((line) => line.includes('model="m"'))).toEqual([]);
    metrics.initialise({ model: "m" });
    observer.restore([evaluation("m", { x: 5 })]);
    await observer.flush();
    expect(await series("driftd_feature_drifted{")).toEqual([expect.stringMatching(/model="m".* 1$/)]);
    expect(await series('driftd_drift_score{model="m"')).not.toEqual([]);
  });
});

test("what is restored after a start is shown without being counted", async () => {
  const { observer, series } = rig();
  observer.restore([evaluation("m", { x: 5 })]);
  await observer.flush();
  expect(await series('driftd_evaluations_total{model="m"}')).toEqual(['driftd_evaluations_total{model="m"} 0']);
  expect(await series("driftd_drift_score")).not.toEqual([]);
});

test("a stall takes every verdict back until one is made again", async () => {
  const { observer, series } = rig();
  observer.decided([evaluation("m", { x: 5 })], NOTHING);
  await observer.flush();
  observer.stalled();
  const verdict = async () => (await series("driftd_model_verdict")).filter((line) => line.endsWith(" 1")).join();
  expect(await verdict()).toContain('verdict="insufficient_data"');
  expect(await series('driftd_evaluations_skipped_total{model="m",reason="source_stalled"}')).toEqual([expect.stringMatching(/ 1$/)]);
  observer.decided([evaluation("m", { x: 5, endMs: T0 + 2 * HOUR })], NOTHING);
  await observer.flush();
  expect(await verdict()).toContain('verdict="drift"');
});

test("a request and one that was held back are counted with their reason", async () => {
  const { observer, series } = rig();
  const note = { model: "m", version: "1", episode: "e", severity: "critical" as const, endMs: T0, features: ["x"] };
  observer.decided([], {
    ...NOTHING,
    retrain: [
      { ...note, action: "send", reason: "first_of_episode", request: "msg_1" },
      { ...note, action: "suppress", reason: "daily_limit", request: undefined },
    ],
  });
  expect(await series('driftd_actions_triggered_total{model="m"')).toEqual([expect.stringMatching(/ 1$/)]);
  expect(await series('driftd_actions_suppressed_total{model="m",action="retrain",reason="daily_limit"')).toEqual([
    expect.stringMatching(/ 1$/),
  ]);
});
