import { describe, expect, test } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import { createManyJudge } from "../../src/evaluate/evaluate-many.ts";
import type { Evaluation, QualityFinding } from "../../src/evaluate/evaluation.ts";
import { firstCounts } from "../../src/evaluate/first-reference.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { calibrationOf, categoricalFeature, createNormal, createRandom, numericFeature, snapshotOf, windowOf } from "./make.ts";

const normal = createNormal(createRandom(7));
const sample = (n: number, mean = 0, sd = 1) => Array.from({ length: n }, () => mean + sd * normal());
const x = numericFeature("x", sample(20_000));
const y = numericFeature("y", sample(20_000), { missing: 200 });
const c = categoricalFeature("c", { red: 8_000, green: 6_000, blue: 6_000 });
const days = calibrationOf(x, 14, () => sample(60, 0.05 * normal()));
const snapshot = snapshotOf([x, y, c], days);
const plain = snapshotOf([x, y, c]);
/** Renewed from a first reference far away: what lies near it is slow drift. */
const renewal = {
  ordinal: 1,
  previous: "sha256:first",
  first: {
    ...{ digest: "sha256:first", created_at: "2025-01-01T00:00:00Z" },
    features: firstCounts(
      snapshotOf([x, y].map((one) => ({ ...one, counts: one.counts.map((n, j) => n * (j < one.counts.length / 2 ? 4 : 1)) }))),
    ),
  },
};
const renewed: Snapshot = { ...snapshot, renewal };

/** Windows from healthy to broken, with too few values among them. */
const windows = Array.from({ length: 40 }, (_, i) =>
  windowOf(
    snapshot,
    {
      x: { values: sample(i % 7 === 0 ? 20 : 600, (i % 8) * 0.15) },
      y: { values: sample(600, 0, 1 + (i % 5) * 0.2), special: { missing: (i % 6) * 60, nan: i % 9 === 0 ? 40 : 0 } },
      c: { values: Array.from({ length: 600 }, (_, j) => (j < i * 8 ? "green" : ["red", "blue", "violet"][j % (i % 3 === 0 ? 3 : 2)]!)) },
    },
    { window: ["1h", "6h", "24h"][i % 3]!, coverage: i % 11 === 0 ? 0.2 : 1 },
  ),
);

function shown({ features, outcomes, unjudged, ...rest }: Evaluation) {
  return { ...rest, codes: [...outcomes!.codes], names: outcomes!.features, unjudged: [...unjudged!], features };
}

const fixed: readonly Policy["thresholds"][] = [
  { psi: { critical: 0.05 } },
  { psi: { critical: 0.2 } },
  { psi: { warning: 0.1, critical: 0.3 }, ks: { warning: 0.05 } },
  { ks: { critical: 0.1 }, hellinger: { warning: 0.02 } },
  { jensen_shannon: { critical: 0.01 }, kl: { warning: 0.02 }, kl_reverse: { critical: 0.5 }, total_variation: { warning: 0.08 } },
];
const budgets = [0.01, 0.5, 1, 4, 1000].map((budget) => ({ budget, perMs: 30 * 86_400_000 }));

describe.each([
  ["calibrated", snapshot],
  ["without timestamps", plain],
  ["that was renewed", renewed],
])("a reference %s: every policy's evaluation is the one that it makes alone", (_, reference) => {
  test.each<[string, readonly Policy[]]>([
    ["fixed thresholds", fixed.map((thresholds) => ({ ...DEFAULT_POLICY, thresholds }))],
    ["budgets", budgets.map((falseAlarms) => ({ ...DEFAULT_POLICY, falseAlarms }))],
    [
      "a mixture",
      [
        DEFAULT_POLICY,
        { ...DEFAULT_POLICY, thresholds: fixed[0]! },
        { ...DEFAULT_POLICY, falseAlarms: budgets[4]! },
        { ...DEFAULT_POLICY, features: { exclude: ["y"] } },
        { ...DEFAULT_POLICY, thresholds: fixed[2]!, quality: { growth: 0.2 } },
        { ...DEFAULT_POLICY, thresholds: fixed[1]! },
        { ...DEFAULT_POLICY, falseAlarms: budgets[0]!, features: { exclude: ["y"] } },
      ],
    ],
  ])("%s", (_name, given) => {
    const finding = (value: number): QualityFinding[] => [
      { feature: "$volume", check: "volume", verdict: "drift", severity: "warning", value, limit: 2 } as never,
    ];
    const policies = given.map((policy) => ({ ...policy, maxDistance: 0.2 }));
    const many = createManyJudge(policies.map((policy) => prepareReference(reference, policy)));
    const alone = policies.map((policy) => prepareReference(reference, policy));
    const seen = new Set<string>();
    const reasons = new Set<string>();
    for (const window of windows) {
      const together = many(
        window,
        policies.map((policy) => finding(policy.falseAlarms.budget)),
      ).map(shown);
      for (const [i, own] of alone.entries()) {
        const expected = shown(evaluateWindow(window, own, finding(own.policy.falseAlarms.budget)));
        expect(together[i]).toEqual(expected);
        seen.add(`${expected.verdict} ${expected.severity ?? ""}`);
        for (const { reason } of expected.features) reasons.add(reason);
      }
    }
    expect([...seen].sort()).toEqual(["drift critical", "drift warning", "insufficient_data ", "no_drift "]);
    expect(reasons.has("slow")).toBe(reference === renewed);
  });
});

test("verdicts do not change when the window moves on", () => {
  const policies = fixed.map((thresholds) => ({ ...DEFAULT_POLICY, thresholds }));
  const many = createManyJudge(policies.map((policy) => prepareReference(snapshot, policy)));
  const window = { ...windows[5]!, counts: windows[5]!.counts.slice() };
  const before = many(window);
  const codes = before.map(({ outcomes }) => [...outcomes!.codes]);
  window.counts.fill(0);
  many(window);
  expect(before.map(({ outcomes }) => [...outcomes!.codes])).toEqual(codes);
});
