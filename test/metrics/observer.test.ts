import { describe, expect, test } from "vitest";
import type { Episode } from "../../src/decide/alert.ts";
import type { Alert, Decision } from "../../src/decide/decision.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation, QualityCheckName, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createObserver } from "../../src/metrics/observer.ts";
import { logQuality } from "../../src/metrics/quality-log.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { HOUR, smallSnapshot, T0 } from "../support/workspace.ts";

type Held = { x?: number; nulls?: number; endMs?: number; snapshot?: Snapshot; version?: string };

/** An evaluation of one hour in which every value of `x` is `x` (and as many more are null as `nulls` says), or of nothing. */
function evaluation(
  model: string,
  { x, nulls = 0, endMs = T0 + HOUR, snapshot = smallSnapshot(model), version = "1" }: Held = {},
): Evaluation {
  const { row } = compileLayout(snapshot);
  const counts = new Uint32Array(row.slots);
  const records = x === undefined ? 0 : 1_000 + nulls;
  if (x !== undefined) {
    for (const { offset, bins } of row.features) {
      counts[offset + Math.min(bins - 1, x)] = 1_000;
      counts[offset + bins + SPECIAL_SLOTS.indexOf("missing")] = nulls;
    }
  }
  const window: WindowCounts = {
    model,
    version,
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

const NOTHING: Decision = {
  alertState: [],
  episodes: [],
  outbox: [],
  events: [],
  requests: [],
  cancel: [],
  withdraw: [],
  changes: [],
  quality: [],
  retrain: [],
};
const CHANGED: Decision = { ...NOTHING, alertState: [{ model: "m", version: "1", state: "" }] };

function rig({ features = "all" as "all" | "drifted" } = {}) {
  const alerts: Alert[] = [];
  const metrics = createMetrics({ buildInfo: { version: "1", revision: "r" }, clock: systemClock, nodeMetrics: false, features });
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

test("a limit is exported only beside a score of its kind: what G is held against is another number in each window", async () => {
  const { observer, series } = rig();
  const gates = [
    { gate: "effect_critical", passed: true, value: 0.3, limit: 0.1 },
    { gate: "shift_critical", passed: true, value: 400, limit: 52.4 },
  ];
  const judged = { ...evaluation("m", { x: 5 }).features[0]!, gates };
  const calibrated = { ...evaluation("m", { x: 5 }), features: [judged], outcomes: { features: ["x"], codes: new Uint8Array([3]) } };
  observer.decided([calibrated], NOTHING);
  await observer.flush();
  expect(await series("driftd_drift_threshold{")).toEqual([
    'driftd_drift_threshold{model="m",feature="x",statistic="psi_excess",severity="critical"} 0.1',
  ]);
});

test("a distance to the first reference goes with the renewed reference that had it", async () => {
  const { observer, series } = rig();
  const of = (...gates: { gate: string; passed: boolean; value: number; limit: number }[]) => {
    const whole = evaluation("m", { x: 5 });
    return { ...whole, features: [{ ...whole.features[0]!, gates }], outcomes: { features: ["x"], codes: new Uint8Array([3]) } };
  };
  observer.decided([of({ gate: "first_reference", passed: true, value: 0.3, limit: 0.2 })], NOTHING);
  await observer.flush();
  expect(await series("driftd_reference_distance{")).toEqual(['driftd_reference_distance{model="m",version="1",feature="x"} 0.3']);
  observer.decided([{ ...of(), window: "6h" }], NOTHING);
  await observer.flush();
  expect(await series("driftd_reference_distance{")).toHaveLength(1);
  observer.decided([of()], NOTHING);
  await observer.flush();
  expect(await series("driftd_reference_distance{")).toEqual([]);
});

test("an origin of limits goes when nothing says it any more", async () => {
  const { observer, series } = rig();
  const of = (origin?: string) => {
    const whole = evaluation("m", { x: 5 });
    const { threshold: _, ...judged } = whole.features[0]!;
    const features = [origin === undefined ? judged : { ...judged, threshold: { origin } }];
    return { ...whole, features, outcomes: { features: ["x"], codes: new Uint8Array([3]) } } as unknown as Evaluation;
  };
  for (const [origin, left] of [
    ["fixed", 1],
    ["own_days", 1],
    [undefined, 0],
  ] as const) {
    observer.decided([of(origin)], NOTHING);
    await observer.flush();
    expect(await series("driftd_drift_threshold_info{")).toHaveLength(left);
  }
});

test("evaluations that are made again after a start tell when the window ended, not when driftd started", async () => {
  const { observer, series } = rig();
  observer.restore([evaluation("m", { x: 5 })]);
  await observer.flush();
  const at = expect.stringContaining(` ${(T0 + HOUR) / 1000}`);
  expect(await series("driftd_last_evaluation_timestamp_seconds{")).toEqual([at]);
  expect(await series("driftd_last_evaluation_success_timestamp_seconds{")).toEqual([at]);
});

describe("a version that was replaced", () => {
  const old = { ...smallSnapshot("m"), features: smallSnapshot("m").features.map((one) => ({ ...one, feature: `old ${one.feature}` })) };
  async function replaced() {
    const the = rig();
    the.observer.judged("m", "1", "old.json", old as Snapshot);
    the.observer.judged("m", "2", "new.json", smallSnapshot("m"));
    the.observer.decided([evaluation("m", { x: 5 }), evaluation("m", { x: 5, version: "2" })], CHANGED);
    await the.observer.flush();
    the.metrics.inc("driftd_records_total", { model: "m", version: "1" });
    the.observer.decided([evaluation("m", { endMs: T0 + 25 * HOUR }), evaluation("m", { x: 5, version: "2" })], NOTHING);
    return the;
  }
  const ofOld = (lines: readonly string[]) => lines.filter((line) => line.includes('version="1"') || line.includes('feature="old '));

  test("has no series left once its windows are empty", async () => {
    const { observer, series } = await replaced();
    expect(ofOld(await series("driftd_"))).not.toEqual([]);
    await observer.flush();
    expect(ofOld(await series("driftd_")).filter((line) => !line.startsWith("driftd_build_info"))).toEqual([]);
    expect(await series('driftd_drift_score{model="m",version="2"')).not.toEqual([]);
    observer.decided([evaluation("m", { endMs: T0 + 49 * HOUR })], CHANGED);
    observer.stalled();
    await observer.flush();
    expect(ofOld(await series("driftd_model"))).toEqual([]);
  });

  test("keeps them while an episode of it is open, or when no other version has records", async () => {
    const { observer, series, fire, alerts } = await replaced();
    fire("m", "x");
    await observer.flush();
    expect(ofOld(await series("driftd_model_verdict"))).toHaveLength(3);
    alerts.length = 0;
    observer.decided([evaluation("m", { version: "2", endMs: T0 + 26 * HOUR })], CHANGED);
    await observer.flush();
    expect(ofOld(await series("driftd_model_verdict"))).toHaveLength(3);
  });

  test("has them again when it is back", async () => {
    const { observer, series } = await replaced();
    await observer.flush();
    observer.decided([evaluation("m", { x: 5, endMs: T0 + 26 * HOUR })], NOTHING);
    await observer.flush();
    for (const name of ["driftd_reference_info", "driftd_model_verdict", "driftd_drift_score", "driftd_model_drifted_features"])
      expect(ofOld(await series(name)), name).not.toEqual([]);
  });
});

describe("the quality of the data", () => {
  const failing = (check: QualityCheckName, feature = "x"): Alert["quality"]["checks"][number] => ({
    ...{ feature, check, window: "1h", severity: "warning" },
  });
  const alertOf = (...checks: Alert["quality"]["checks"]): Alert => ({
    ...{ model: "m", version: "1", phase: "inactive", episode: null, features: [] },
    quality: { phase: "firing", episode: null, checks },
  });
  const nulls = (count: number) => evaluation("m", { x: 5, nulls: count });

  test("has series only for checks that fail or have failed, whatever the mode but none", async () => {
    for (const features of ["all", "drifted"] as const) {
      const { observer, series, alerts } = rig({ features });
      observer.decided([evaluation("m", { x: 5 })], CHANGED);
      await observer.flush();
      expect(await series("driftd_feature_quality_failed{")).toEqual([]);
      expect(await series("driftd_model_quality_failing_features{")).toEqual([expect.stringMatching(/ 0$/)]);
      alerts.push(alertOf(failing("missing"), failing("nan"), failing("appeared", "$schema")));
      observer.decided([], CHANGED);
      await observer.flush();
      expect(await series("driftd_feature_quality_failed{")).toHaveLength(3);
      expect(await series("driftd_model_quality_failing_features{")).toEqual([expect.stringMatching(/ 2$/)]);
      alerts.length = 0;
      alerts.push(alertOf(failing("nan")));
      observer.decided([], CHANGED);
      await observer.flush();
      expect((await series("driftd_feature_quality_failed{")).map((line) => line.replace(/.*check="(\w+)"} /, "$1 "))).toEqual([
        "missing 0",
        "nan 1",
        "appeared 0",
      ]);
    }
  });

  test("of a model that was forgotten is not shown", async () => {
    const { observer, series, alerts, metrics } = rig();
    alerts.push(alertOf(failing("missing")));
    observer.decided([nulls(1_000)], CHANGED);
    await observer.flush();
    expect(await series("driftd_feature_quality")).toHaveLength(3);
    metrics.removeModel("m");
    observer.forget("m");
    await observer.flush();
    expect(await series("driftd_feature_quality")).toEqual([]);
    expect(await series("driftd_model_quality")).toEqual([]);
  });

  test("shares stand while they are not 0", async () => {
    const { observer, series } = rig();
    observer.decided([nulls(1_000)], NOTHING);
    await observer.flush();
    const ofX = (await series("driftd_feature_quality_ratio{")).filter((line) => line.includes('feature="x"'));
    expect(ofX).toEqual([expect.stringMatching(/check="missing",window="1h"\} 0\.5$/)]);
    observer.decided([nulls(0)], NOTHING);
    await observer.flush();
    expect(await series("driftd_feature_quality_ratio{")).toEqual([]);
  });

  test("a line of the log says what the reference does not have", () => {
    const lines: { readonly fields: unknown; readonly text: string }[] = [];
    const log = { ...silentLog, info: (fields: unknown, text: string) => void lines.push({ fields, text }) };
    const episode: Episode = {
      ...{ kind: "quality", id: "ep_1", model: "m", version: "1", severity: "warning", features: ["c", "x"] },
      ...{ checks: ["missing x", "unseen c"], pendingAtMs: T0, firingAtMs: T0, resolvedAtMs: null },
    };
    const unseen = (_: string, __: string, feature: string) => (feature === "c" ? ["new (3)"] : undefined);
    logQuality({ kind: "firing", reason: "sustained", endMs: T0, episode }, log, unseen);
    expect(lines).toMatchObject([{ text: "quality firing", fields: { checks: ["missing x", "unseen c"], unseen: { c: ["new (3)"] } } }]);
    logQuality({ kind: "resolved", reason: "clear", endMs: T0, episode }, log, unseen);
    expect(lines[1]!.fields).not.toHaveProperty("unseen");
  });
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

test.each(["all", "drifted"] as const)(
  "a reload in mid-episode leaves the verdict on a feature as it is (metrics.features: %s)",
  async (features) => {
    const { observer, series, fire } = rig({ features });
    const loaded = () => observer.judged("m", "1", "m.json", smallSnapshot("m"));
    loaded();
    fire("m", "x");
    observer.decided([evaluation("m", { x: 5 })], CHANGED);
    await observer.flush();
    const verdicts = async () => (await series("driftd_feature_drifted")).filter((line) => line.endsWith(" 1"));
    const before = await verdicts();
    expect(before).toEqual([expect.stringMatching(/feature="x",severity="critical"/)]);
    loaded();
    await observer.flush();
    expect(await verdicts()).toEqual(before);
  },
);

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
      { ...note, action: "send", reason: "first_of_episode", request: "msg_1", status: "requested" },
      { ...note, action: "send", reason: "first_of_episode", request: "msg_2", status: "awaiting_approval" },
      { ...note, action: "suppress", reason: "daily_limit", request: undefined },
    ],
  });
  expect(await series('driftd_actions_triggered_total{model="m"')).toEqual([expect.stringMatching(/ 1$/)]);
  expect(await series('driftd_actions_suppressed_total{model="m",action="retrain",reason="daily_limit"')).toEqual([
    expect.stringMatching(/ 1$/),
  ]);
});
