import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Gate } from "../../src/evaluate/evaluation.ts";
import { firstCounts } from "../../src/evaluate/first-reference.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { categoricalFeature, judge, numericFeature, snapshotOf, uniform, windowOf } from "./make.ts";

const POLICY: Policy = { ...DEFAULT_POLICY, maxDistance: 0.2 };

/** A reference of values around `to` that descends from one of values around `from`, in the bins of the first. */
function renewed(first: Snapshot, counts: Snapshot["features"]): Snapshot {
  const origin = { digest: first.digest, created_at: first.provenance.created_at, features: firstCounts(first) };
  return { ...first, digest: "sha256:new", features: counts, renewal: { ordinal: 1, previous: first.digest, first: origin } };
}

/** Two coarse bins, 5,000 values in each; the window, and the renewed reference unless said otherwise, have `share` in the upper one. */
function moved(share: number, learnt = share): { readonly first: Snapshot; readonly now: Snapshot; readonly values: number[] } {
  const first = snapshotOf([numericFeature("x", [...Array<number>(5_000).fill(0), ...Array<number>(5_000).fill(1)])]);
  const ones = Math.round(10_000 * share);
  const values = [...Array<number>(10_000 - ones).fill(0), ...Array<number>(ones).fill(1)];
  const upper = Math.round(10_000 * learnt);
  const feature = first.features[0]!;
  const place = (value: number) => (feature.kind === "numeric" ? feature.edges.indexOf(value) : -1);
  const counts = feature.counts.map((_, bin) => (bin === place(0) ? 10_000 - upper : bin === place(1) ? upper : 0));
  return { first, now: renewed(first, [{ ...feature, counts }]), values };
}

const gateOf = (gates: readonly Gate[]) => gates.find(({ gate }) => gate === "first_reference");

describe("a window that is what its renewed reference expects", () => {
  // PSI of (.5, .5) to (1 - q, q): 0.2 is passed between q = .71 and .72.
  it.each([
    [0.7, "no_drift", undefined, false],
    [0.74, "drift", "warning", true],
  ] as const)("at a share of %s beside .5 in the first one is %s", (share, verdict, severity, passed) => {
    const { now, values } = moved(share);
    const found = judge(windowOf(now, { x: { values } }, { window: "24h" }), prepareReference(now, POLICY));
    expect(found).toMatchObject({ verdict, ...(severity === undefined ? {} : { severity, reason: "slow" }) });
    expect(gateOf(found.gates)).toMatchObject({ passed, limit: 0.2 });
    expect(found.statistics.psi?.value).toBeCloseTo(0, 9);
  });

  it("has the same verdict without its detail", () => {
    const { now, values } = moved(0.74);
    const evaluation = evaluateWindow(windowOf(now, { x: { values } }, { window: "24h" }), prepareReference(now, POLICY));
    expect(evaluation).toMatchObject({ verdict: "drift", severity: "warning", reason: "slow" });
    expect([...(evaluation.outcomes?.codes ?? [])]).toEqual([2]);
  });

  it.each<[string, Policy, (now: Snapshot) => Snapshot, string]>([
    ["in a window that is not the longest", POLICY, (now) => now, "6h"],
    ["without a limit", DEFAULT_POLICY, (now) => now, "24h"],
    ["of a reference that was never renewed", POLICY, ({ renewal: _, ...now }) => now, "24h"],
  ])("is not held against the first one %s", (_, policy, change, window) => {
    const { now, values } = moved(0.9);
    const reference = prepareReference(change(now), policy);
    const found = judge(windowOf(now, { x: { values } }, { window }), reference);
    expect(found.verdict).toBe("no_drift");
    expect(gateOf(found.gates)).toBeUndefined();
  });

  it("is held against it under fixed thresholds too", () => {
    const { now, values } = moved(0.74);
    const fixed: Policy = { ...POLICY, thresholds: { psi: { warning: 0.1, critical: 0.2 } } };
    expect(judge(windowOf(now, { x: { values } }, { window: "24h" }), prepareReference(now, fixed))).toMatchObject({ reason: "slow" });
  });
});

// PSI of (.5, .5) to (1 - q, q): 0.1 is passed between q = .65 and .66. Against any but the first reference these windows are within tolerance.
it.each([
  [0.64, "no_drift", false],
  [0.68, "drift", true],
] as const)(
  "a window far from the first reference is slow drift only where the renewed one has learnt it: at %s",
  (learnt, verdict, passed) => {
    const { now, values } = moved(0.73, learnt);
    const tolerant: Policy = { ...POLICY, thresholds: { psi: { critical: 1 } } };
    const found = judge(windowOf(now, { x: { values } }, { window: "24h" }), prepareReference(now, tolerant));
    expect(found.verdict).toBe(verdict);
    expect(gateOf(found.gates)).toMatchObject({ passed: true });
    expect(found.gates.find(({ gate }) => gate === "first_learnt")).toMatchObject({ passed, limit: 0.1 });
  },
);

it("a window that has drifted from the renewed reference keeps that verdict", () => {
  const { now } = moved(0.74);
  const values = [...Array<number>(9_000).fill(0), ...Array<number>(1_000).fill(1)];
  const found = judge(windowOf(now, { x: { values } }, { window: "24h" }), prepareReference(now, POLICY));
  expect(found.verdict).toBe("drift");
  expect(found.reason).not.toBe("slow");
  expect(gateOf(found.gates)).toMatchObject({ passed: true });
});

it("a window too thin to be judged is not called slow", () => {
  const { now } = moved(0.9);
  const found = judge(windowOf(now, { x: { values: uniform(5) } }, { window: "24h" }), prepareReference(now, POLICY));
  expect(found).toMatchObject({ verdict: "insufficient_data", reason: "too_few_values" });
});

describe("what the first reference expects", () => {
  it("of categories never seen is the mass of those seen once, so that new names alone are no distance", () => {
    const counts = Object.fromEntries([["a", 9_000], ...Array.from({ length: 1_000 }, (_, i) => [`once${i}`, 1] as const)]);
    const first = snapshotOf([categoricalFeature("c", counts)]);
    const [expected] = Object.values(firstCounts(first));
    expect(expected?.counts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(expected?.counts.at(-1)).toBe(1_000);
    const now = renewed(first, [{ ...categoricalFeature("c", counts), unnamed: 1_000 }]);
    const values = [...Array<string>(9_000).fill("a"), ...Array.from({ length: 1_000 }, (_, i) => `new${i}`)];
    const found = judge(windowOf(now, { c: { values } }, { window: "24h" }), prepareReference(now, POLICY));
    expect(gateOf(found.gates)?.value).toBeLessThan(0.01);
  });

  it("beyond the range is two counts", () => {
    const [expected] = Object.values(firstCounts(snapshotOf([numericFeature("x", uniform(1_000))])));
    expect(expected?.counts.at(-1)).toBe(2);
  });
});
