import { describe, expect, it } from "vitest";
import { binOf, fineBinsOf, padEdges } from "../../src/reference/bins.ts";
import { rarityOf } from "../../src/reference/rarity.ts";
import type { CategoricalFeature, NumericFeature } from "../../src/reference/snapshot.ts";
import { normal, seedRandom } from "../detection/random.ts";

const random = seedRandom(11);
const normals = Array.from({ length: 6000 }, () => normal(random));

/** The rarity, in nats, of values of a numeric feature with the given reference. */
function rarities(reference: readonly number[]): (x: number) => number {
  const { edges, counts } = fineBinsOf(reference);
  const feature = { kind: "numeric", feature: "x", edges, counts, count: reference.length } as unknown as NumericFeature;
  const { bins } = rarityOf(feature, counts, 0);
  const padded = padEdges(edges);
  return (x) => bins[binOf(padded, x)]! / 1000;
}

describe("a number", () => {
  it("is the rarer the farther out it is, on both sides alike, and rarest beyond all others", () => {
    const of = rarities(normals);
    expect(of(0)).toBeLessThan(0.6);
    expect(of(2.6)).toBeGreaterThan(3);
    expect(Math.abs(of(-2) - of(2))).toBeLessThan(1);
    expect(of(2.6)).toBeGreaterThan(of(1.5));
    expect(of(9)).toBeCloseTo(Math.log(6001), 2);
  });

  it("has the mean 1 over the reference", () => {
    const of = rarities(normals);
    expect(normals.reduce((sum, x) => sum + of(x), 0) / normals.length).toBeCloseTo(1, 1);
  });

  it("in a hole between two modes is rare, though half of the values lie on either side", () => {
    const of = rarities(normals.map((x, i) => (i % 2 === 0 ? -4 : 4) + x));
    expect(of(0)).toBeGreaterThan(3);
    expect(of(4)).toBeLessThan(1);
  });

  it("keeps its rarity when one value of the reference is huge", () => {
    const [plain, huge] = [rarities(normals), rarities([...normals, 1e300])];
    for (const x of [-2, 0, 1, 2.5]) expect(Math.abs(plain(x) - huge(x))).toBeLessThan(0.3);
  });

  it("of a lattice: frequent ones are common, one between two of them was never seen", () => {
    const of = rarities(Array.from({ length: 1000 }, (_, i) => (i < 700 ? 0 : i < 990 ? 1 : 2)));
    expect(of(0)).toBe(0);
    expect(of(1)).toBeCloseTo(-Math.log(0.3), 2);
    expect(of(2)).toBeCloseTo(-Math.log(0.01), 2);
    expect(of(0.5)).toBeCloseTo(Math.log(1001), 2);
  });

  it("of a constant is common, any other is rare", () => {
    const of = rarities(new Array<number>(50).fill(3));
    expect([of(3), of(4)]).toEqual([0, 3.932]);
  });

  it("at the ends of the range of doubles has a rarity all the same", () => {
    const of = rarities([-Number.MAX_VALUE, -1, 0, 1, Number.MAX_VALUE]);
    for (const x of [-Number.MAX_VALUE, 0, 1, Number.MAX_VALUE]) expect(of(x)).toBeGreaterThanOrEqual(0);
  });
});

describe("a category", () => {
  const of = (counts: number[], others = 0) =>
    rarityOf({ kind: "categorical", feature: "c", counts } as unknown as CategoricalFeature, counts, others);

  it("is as rare as all that are at most as frequent", () => {
    expect(of([70, 20, 10]).bins).toEqual([0, Math.round(-1000 * Math.log(0.3)), Math.round(-1000 * Math.log(0.1))]);
  });

  it("among many that are all rare is common, and so is a new one", () => {
    const { bins, other } = of(new Array<number>(500).fill(1));
    expect(bins.every((bin) => bin === 0)).toBe(true);
    expect(other).toBe(0);
  });

  it("that is new is rare where no category was seen only once", () => {
    expect(of([600, 399]).other).toBe(Math.round(1000 * Math.log(1000)));
  });

  it("that these rows do not have is as good as new", () => {
    const { bins, other } = of([98, 1, 1, 0]);
    expect(bins[3]).toBe(other);
    expect(other).toBe(Math.round(-1000 * Math.log(0.02)));
  });
});
