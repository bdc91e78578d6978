import { describe, expect, it } from "vitest";
import { alphaOf, COMPARE_WINDOW, comparePolicy, DEFAULT_POLICY, policyDigest } from "../../src/evaluate/policy.ts";

const [hour, , day] = DEFAULT_POLICY.windows;

describe("the significance level of one look", () => {
  it("shares one false alarm in 30 days over 12 looks per window length, features, statistics and windows", () => {
    expect(alphaOf(DEFAULT_POLICY, hour!, 4, 2)).toBeCloseTo(1 / (12 * 720 * 4 * 2 * 3), 15);
    expect(alphaOf(DEFAULT_POLICY, day!, 50, 2)).toBeCloseTo(1 / (12 * 30 * 50 * 2 * 3), 15);
  });

  it("grows with the budget and stays a level when the budget is large", () => {
    const generous = { ...DEFAULT_POLICY, falseAlarms: { budget: 10, perMs: DEFAULT_POLICY.falseAlarms.perMs } };
    expect(alphaOf(generous, hour!, 4, 2)).toBeCloseTo(10 * alphaOf(DEFAULT_POLICY, hour!, 4, 2), 15);
    expect(alphaOf({ ...generous, falseAlarms: { budget: 1e9, perMs: 1 } }, hour!, 1, 1)).toBeLessThan(0.5);
  });

  it("is the stated chance over features and tests in a comparison, which looks once", () => {
    expect(alphaOf(comparePolicy(0.01), COMPARE_WINDOW, 5, 3)).toBeCloseTo(0.01 / 15, 15);
  });
});

describe("the policy's digest", () => {
  it("does not depend on the order of keys", () => {
    const reversed = Object.fromEntries(Object.entries(DEFAULT_POLICY).reverse()) as typeof DEFAULT_POLICY;
    expect(policyDigest(reversed)).toBe(policyDigest(DEFAULT_POLICY));
  });

  it.each([
    ["thresholds", { thresholds: { psi: { warning: 0.1, critical: 0.2 } } }],
    ["budget", { falseAlarms: { budget: 2, perMs: DEFAULT_POLICY.falseAlarms.perMs } }],
    ["windows", { windows: DEFAULT_POLICY.windows.slice(1) }],
    ["features", { features: { exclude: ["age"] } }],
  ])("changes with %s", (_, change) => {
    expect(policyDigest({ ...DEFAULT_POLICY, ...change })).not.toBe(policyDigest(DEFAULT_POLICY));
  });
});
