/** The numbers of older tools, against numpy and scipy over the raw values (`test/golden/make_compare_golden.py`). */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { betaBinomialSf, hypergeometricSf, kl, psi, type Smoothing } from "../../detectors/index.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { type Compat, comparePolicy, DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { coarseOfNumeric } from "../../src/reference/coarse.ts";
import type { PsiBins } from "../../src/reference/compat-bins.ts";
import { featureLayoutHash } from "../../src/reference/compile.ts";
import type { NumericFeature } from "../../src/reference/snapshot.ts";
import { summarizeGathered } from "../../src/reference/summary.ts";
import { categoricalFeature, judge, snapshotOf, windowOf } from "./make.ts";

type Numbers = Readonly<Record<string, number>> & { readonly reference: number[]; readonly current: number[] };
type Case = {
  readonly reference: readonly number[];
  readonly current: readonly number[];
  readonly bins: Readonly<Record<string, Numbers>>;
};
const golden: {
  readonly given: readonly number[];
  readonly cases: Readonly<Record<string, Case>>;
  readonly vectors: Readonly<Record<string, Numbers>>;
  readonly tails: { readonly hypergeometric: number[][]; readonly beta_binomial: number[][] };
} = JSON.parse(readFileSync(new URL("../golden/compare.golden.json", import.meta.url), "utf8"));

const GIVEN: PsiBins = { kind: "edges", edges: golden.given };
const ALL: readonly PsiBins[] = [{ kind: "deciles" }, { kind: "width", bins: 20 }, { kind: "doane" }, GIVEN];

type Psi = NonNullable<Compat["psi"]>;
const ZEROS: Readonly<Record<string, Psi["zero"]>> = {
  jeffreys: { kind: "jeffreys" },
  evidently: { kind: "evidently" },
  "epsilon:0.0001": { kind: "epsilon", value: 1e-4 },
  "floor:0.01": { kind: "floor", value: 0.01 },
};
const BINS: Readonly<Record<string, Psi["bins"]>> = {
  deciles: { kind: "deciles" },
  "width:20": { kind: "width", bins: 20 },
  doane: { kind: "doane" },
  edges: { kind: "edges", edges: golden.given },
};

const made = new Map<string, NumericFeature>();

/** As `driftd reference build` makes it, with the tools' edges in the fine ones or without. */
function featureOf(values: readonly number[], psiBins: readonly PsiBins[]): NumericFeature {
  const key = `${values.length} ${values[0]} ${psiBins.length}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const others = { missing: 0, wrongType: 0, nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  const summary = summarizeGathered(
    { values: Float64Array.from(values), count: values.length, others },
    256,
    new Float64Array(values.length),
    psiBins,
  );
  const own = coarseOfNumeric(summary.fine!);
  const fine = summary.compat?.united ?? summary.fine!;
  const shape = { kind: "numeric" as const, edges: fine.edges, round: null };
  const feature: NumericFeature = {
    feature: "x",
    role: "feature",
    ...shape,
    layout: featureLayoutHash(shape),
    count: values.length,
    missing: 0,
    nan: 0,
    positive_infinity: 0,
    negative_infinity: 0,
    wrong_type: 0,
    counts: fine.counts,
    means: fine.means,
    coarse: summary.compat === undefined ? own : summary.compat.united.parents.map((parent) => own[parent]!),
    moments: summary.moments,
    ...(summary.compat === undefined ? {} : { psi_bins: summary.compat.lists }),
  };
  made.set(key, feature);
  return feature;
}

function compatOf(feature: NumericFeature, current: readonly number[], compat: Compat) {
  const reference = prepareReference(snapshotOf([feature]), { ...comparePolicy(0.01), compat });
  return judge(windowOf(reference.snapshot, { x: { values: current } }, { window: "all" }), reference);
}

const rows = Object.entries(golden.cases).flatMap(([name, data]) =>
  Object.entries(data.bins).flatMap(([bins, numbers]) => Object.keys(ZEROS).map((zero) => ({ name, bins, zero, data, numbers }))),
);

describe("with the edges in the snapshot", () => {
  it.each(rows)("$name in $bins, zeros by $zero: what numpy counts in the raw values", ({ bins, zero, data, numbers }) => {
    const feature = featureOf(data.reference, ALL);
    for (const direction of ["current||reference", "reference||current"] as const) {
      for (const base of ["e", 2] as const) {
        for (const form of ["distance", "divergence"] as const) {
          const compat: Compat = { psi: { zero: ZEROS[zero]!, bins: BINS[bins]! }, kl: { direction }, js: { base, form } };
          const shown = compatOf(feature, data.current, compat).compat!;
          expect(shown.psi).toEqual({ value: expect.closeTo(numbers[`psi ${zero}`]!, 10), zero, bins, exact: true });
          expect(shown.kl).toEqual({ value: expect.closeTo(numbers[`kl ${zero} ${direction}`]!, 10), direction, zero, bins, exact: true });
          expect(shown.jensen_shannon).toEqual({
            value: expect.closeTo(numbers[`js ${base} ${form}`]!, 10),
            base,
            form,
            bins,
            exact: true,
          });
        }
      }
    }
  });
});

describe("without them", () => {
  it.each(Object.entries(BINS).filter(([bins]) => bins !== "deciles"))(
    "features of few values are exact in %s all the same",
    (bins, asked) => {
      const data = golden.cases["integers"]!;
      const shown = compatOf(featureOf(data.reference, []), data.current, { psi: { zero: { kind: "evidently" }, bins: asked } }).compat!;
      expect(shown.psi).toEqual({ value: expect.closeTo(data.bins[bins]!["psi evidently"]!, 10), zero: "evidently", bins, exact: true });
    },
  );

  it.each(Object.entries(BINS))("%s of a continuous feature are near, and said not to be exact", (bins, asked) => {
    const data = golden.cases["normal"]!;
    const shown = compatOf(featureOf(data.reference, []), data.current, { psi: { zero: { kind: "jeffreys" }, bins: asked } }).compat!;
    const truth = data.bins[bins]!["psi jeffreys"]!;
    expect(shown.psi!.exact).toBe(false);
    expect(Math.abs(shown.psi!.value / truth - 1)).toBeLessThan(0.1);
  });

  it("deciles of few values are the values'", () => {
    const data = golden.cases["integers"]!;
    const shown = compatOf(featureOf(data.reference, []), data.current, { psi: { zero: { kind: "jeffreys" }, bins: { kind: "deciles" } } })
      .compat!;
    expect(shown.psi).toEqual({
      value: expect.closeTo(data.bins["deciles"]!["psi jeffreys"]!, 10),
      zero: "jeffreys",
      bins: "deciles",
      exact: true,
    });
  });
});

describe("what is asked for", () => {
  const data = golden.cases["normal"]!;

  it("is absent when nothing is", () => {
    expect(compatOf(featureOf(data.reference, []), data.current, {})).not.toHaveProperty("compat");
  });

  it("is ours in another dress over our own bins", () => {
    const judged = compatOf(featureOf(data.reference, []), data.current, {
      psi: { zero: { kind: "jeffreys" }, bins: { kind: "coarse" } },
      kl: { direction: "reference||current" },
      js: { base: 2, form: "distance" },
    });
    expect(judged.compat).toEqual({
      psi: { value: judged.statistics.psi!.value, zero: "jeffreys", bins: "coarse", exact: true },
      kl: { value: judged.statistics.kl_reverse!.value, direction: "reference||current", zero: "jeffreys", bins: "coarse", exact: true },
      jensen_shannon: {
        value: expect.closeTo(Math.sqrt(judged.statistics.jensen_shannon!.value / Math.LN2), 12),
        base: 2,
        form: "distance",
        bins: "coarse",
        exact: true,
      },
    });
  });

  it("takes edges by feature, and leaves a feature without edges out", () => {
    const asked = (name: string): Compat => ({
      psi: { zero: { kind: "jeffreys" }, bins: { kind: "edges_by_feature", edges: { [name]: golden.given } } },
    });
    const feature = featureOf(data.reference, ALL);
    expect(compatOf(feature, data.current, asked("x")).compat!.psi).toEqual({
      value: expect.closeTo(data.bins["edges"]!["psi jeffreys"]!, 10),
      zero: "jeffreys",
      bins: "edges",
      exact: true,
    });
    expect(compatOf(feature, data.current, asked("y"))).not.toHaveProperty("compat");
  });

  it.each([
    ["known ones only", ["a", "b", "a"], true],
    ["an unseen one, where a tool that keeps raw values has a bin for each", ["a", "z", "y"], false],
  ])("counts every category as a bin: %s", (_, values, exact) => {
    const reference = prepareReference(snapshotOf([categoricalFeature("c", { a: 300, b: 100, c: 1 })]), {
      ...comparePolicy(0.01),
      compat: { psi: { zero: { kind: "epsilon", value: 1e-4 }, bins: { kind: "deciles" } } },
    });
    const current = Array.from({ length: 40 }, () => values).flat();
    const { compat } = judge(windowOf(reference.snapshot, { c: { values: current } }, { window: "all" }), reference);
    const count = (name: string) => current.filter((value) => value === name).length;
    const value = psi([300, 100, 1, 0], [count("a"), count("b"), 0, current.length - count("a") - count("b")], {
      smoothing: { epsilon: 1e-4 },
    })!;
    expect(compat!.psi).toEqual({ value: expect.closeTo(value, 12), zero: "epsilon:0.0001", bins: "categories", exact });
  });

  it("changes no verdict and no statistic", () => {
    const with_ = compatOf(featureOf(data.reference, []), data.current, { psi: { zero: { kind: "evidently" }, bins: { kind: "doane" } } });
    const { compat: _, ...rest } = with_;
    expect(rest).toEqual(compatOf(featureOf(data.reference, []), data.current, {}));
    // Nor do the tools' edges among ours: the coarse bins are those without them.
    const united = compatOf(featureOf(data.reference, ALL), data.current, {});
    const { verdict, statistics } = compatOf(featureOf(data.reference, []), data.current, {});
    expect(united.verdict).toBe(verdict);
    expect(united.statistics.psi).toEqual(statistics.psi);
    expect(united.statistics.ks!.value).toBeGreaterThanOrEqual(statistics.ks!.value);
  });

  it("is shown by the daemon's evaluation too, and not for a window with too few values", () => {
    const reference = prepareReference(snapshotOf([featureOf(data.reference, [])]), {
      ...DEFAULT_POLICY,
      compat: { js: { base: 2, form: "distance" } },
    });
    const full = judge(windowOf(reference.snapshot, { x: { values: data.current } }), reference);
    expect(full.compat?.jensen_shannon?.value).toBeGreaterThan(0);
    expect(judge(windowOf(reference.snapshot, { x: { values: data.current.slice(0, 20) } }), reference)).not.toHaveProperty("compat");
  });
});

describe("a share below 1e-4 beside empty bins", () => {
  const row = golden.vectors["a share below 1e-4 beside empty bins"]!;
  const smoothings: Readonly<Record<string, Smoothing>> = {
    jeffreys: "jeffreys",
    evidently: "evidently",
    "epsilon:0.0001": { epsilon: 1e-4 },
    "floor:0.01": { floor: 0.01 },
  };
  it.each(Object.entries(smoothings))("%s is filled as the tool does", (zero, smoothing) => {
    expect(psi(row.reference, row.current, { smoothing })).toBeCloseTo(row[`psi ${zero}`]!, 10);
    expect(kl(row.reference, row.current, { smoothing })).toBeCloseTo(row[`kl ${zero} current||reference`]!, 10);
    expect(kl(row.reference, row.current, { smoothing, direction: "reference||current" })).toBeCloseTo(
      row[`kl ${zero} reference||current`]!,
      10,
    );
  });
});

describe("exact tails", () => {
  it.each(golden.tails.hypergeometric)("P(X >= %d) of %d marked, %d drawn of %d is %d", (x, marked, drawn, total, truth) => {
    expect(Math.abs(hypergeometricSf(x!, marked!, drawn!, total!) - truth!)).toBeLessThanOrEqual(1e-8 * truth!);
  });

  it.each(golden.tails.beta_binomial)("P(X >= %d) of %d trials, Beta(%d, %d), is %d", (x, n, a, b, truth) => {
    expect(Math.abs(betaBinomialSf(x!, n!, a!, b!) - truth!)).toBeLessThanOrEqual(1e-8 * truth!);
  });

  it.each([
    ["more marked rows than rows", () => hypergeometricSf(1, 11, 2, 10)],
    ["half a row", () => hypergeometricSf(1.5, 3, 2, 10)],
    ["a law without mass", () => betaBinomialSf(1, 10, 0, 3)],
    ["half a trial", () => betaBinomialSf(1, 10.5, 1, 3)],
  ])("refuses %s", (_, call) => {
    expect(call).toThrow(RangeError);
  });
});
