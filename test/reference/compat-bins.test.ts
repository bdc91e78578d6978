/** Edges of older tools' bins, and their union with ours. That the counts are numpy's is in `test/evaluate/compat.test.ts`. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { binOf, fineBinsOf, forEachRun, nextDown, padEdges } from "../../src/reference/bins.ts";
import { buildSnapshot } from "../../src/reference/build.ts";
import {
  createEdgeFinder,
  createUnion,
  cutsOf,
  doaneBins,
  equalWidths,
  openCutsOf,
  type PsiBins,
  parsePsiBins,
} from "../../src/reference/compat-bins.ts";
import { loadSnapshot, saveSnapshot } from "../../src/reference/load.ts";
import type { NumericFeature, Snapshot } from "../../src/reference/snapshot.ts";
import { createNormal, createRandom } from "../evaluate/make.ts";

const folder = mkdtempSync(join(tmpdir(), "driftd-compat-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("--psi-bins", () => {
  it("reads a list, with lists in it", () => {
    expect(parsePsiBins("deciles,width:20,Doane,edges:[-1,0, 2.5e3]")).toEqual([
      { kind: "deciles" },
      { kind: "width", bins: 20 },
      { kind: "doane" },
      { kind: "edges", edges: [-1, 0, 2500] },
    ]);
  });

  it.each([
    "",
    "tenths",
    "deciles:10",
    "width",
    "width:0",
    "width:1000",
    "width:2.5",
    "edges",
    "edges:[]",
    "edges:[1,]",
    "edges:[2,1]",
    "edges:[1,1]",
    "edges:[a]",
    "deciles,,doane",
  ])("refuses %j", (text) => {
    expect(() => parsePsiBins(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("edges", () => {
  const find = (values: readonly number[], ...bins: PsiBins[]) => {
    const finder = createEdgeFinder(values.length, bins);
    forEachRun(Float64Array.from(values).sort(), finder.add);
    return finder.finish();
  };

  it("of deciles lie between values where they fall between", () => {
    expect(find([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12], { kind: "deciles" })["deciles"]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]);
    expect(find([0, 10], { kind: "deciles" })["deciles"]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((x) => expect.closeTo(x, 12)));
  });

  it("of a constant are half to each side, and no decile is between", () => {
    expect(find([7, 7, 7], { kind: "width", bins: 2 }, { kind: "doane" })).toEqual({ "width:2": [6.5, 7, 7.5], doane: [6.5, 7.5] });
    expect(openCutsOf(find([7, 7, 7], { kind: "deciles" })["deciles"]!)).toEqual([]);
  });

  it("that no double can hold are left out", () => {
    expect(find([-Number.MAX_VALUE, Number.MAX_VALUE], { kind: "width", bins: 4 }, { kind: "edges", edges: [0, 1] })).toEqual({
      edges: [0, 1],
    });
  });

  it("end exactly at the maximum", () => {
    expect(equalWidths(0.1, 0.7, 6).at(-1)).toBe(0.7);
  });

  it.each([
    [2, 0, 1, 0, 1],
    [1000, 0, 1, Number.NaN, 1],
    [1000, 0, 1, 0, 11],
    [1000, 0, 1, 2, 16],
  ])("Doane's number for %d values from %d to %d of skewness %d is %d", (total, min, max, skewness, bins) => {
    expect(doaneBins(total, min, max, skewness)).toBe(bins);
  });

  it("[a, b) is (a-, b-] here, and the last is closed", () => {
    expect(cutsOf([0, 1, 2])).toEqual([-Number.MIN_VALUE, nextDown(1), 2]);
    expect(cutsOf([1, 1, 2])).toEqual([nextDown(1), 2]);
  });
});

describe("the union with the fine edges", () => {
  it("splits bins and moves no value out of the bin that it was in", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -20, max: 20 }), fc.double({ min: -20, max: 20, noNaN: true })), {
          minLength: 1,
          maxLength: 400,
        }),
        fc.uniqueArray(fc.oneof(fc.integer({ min: -30, max: 30 }), fc.double({ min: -30, max: 30, noNaN: true })), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.constantFrom(16, 256),
        (values, cuts, bins) => {
          const edges = cuts.map((cut) => cut + 0).sort((a, b) => a - b);
          const fine = fineBinsOf(values, bins);
          const union = createUnion(fine.edges, { edges });
          forEachRun(Float64Array.from(values).sort(), union.add);
          const united = union.finish();
          const [before, after] = [padEdges(fine.edges), padEdges(united.edges)];
          const counts = new Array(united.edges.length + 1).fill(0);
          for (const x of [...values, -40, 40]) expect(united.parents[binOf(after, x)]).toBe(binOf(before, x));
          for (const x of values) counts[binOf(after, x)] += 1;
          expect(united.counts).toEqual(counts);
          for (const cut of cutsOf(edges)) expect(united.edges).toContain(cut);
          united.means.forEach((mean, j) => {
            const held = values.filter((x) => binOf(after, x) === j);
            if (held.length === 0) expect(mean).toBeNull();
            else expect(mean).toBeCloseTo(held.reduce((sum, x) => sum + x, 0) / held.length, 9);
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("a snapshot", () => {
  const normal = createNormal(createRandom(7));
  const path = join(folder, "data.csv");
  writeFileSync(path, `x,n,c\n${Array.from({ length: 3000 }, (_, i) => `${normal()},${i % 7},${"abc"[i % 3]}`).join("\n")}\n`);
  const build = async (psiBins?: readonly PsiBins[]) =>
    (
      await buildSnapshot({
        input: path,
        model: "m",
        nowMs: 0,
        driftd: "0",
        recordColumns: false,
        ...(psiBins === undefined ? {} : { psiBins }),
      })
    ).snapshot;
  const feature = (snapshot: Snapshot, name: string) => snapshot.features.find((one) => one.feature === name) as NumericFeature;

  it("without the flag is what it was, byte for byte", async () => {
    const without = await build();
    expect(JSON.stringify(await build([]))).toBe(JSON.stringify(without));
    expect(JSON.stringify(without)).not.toContain("psi_bins");
  });

  it("with it keeps the edges, under its digest, and the coarse counts as they are", async () => {
    const bins = parsePsiBins("deciles,width:20,edges:[-9,0.5]");
    const [without, with_] = [await build(), await build(bins)];
    const [plain, united] = [feature(without, "x"), feature(with_, "x")];
    expect(Object.keys(united.psi_bins!)).toEqual(["deciles", "width:20", "edges"]);
    expect(united.psi_bins!["edges"]).toEqual([-9, 0.5]);
    expect(united.edges).toContain(-9 - 2 ** -49);
    expect(with_.digest).not.toBe(without.digest);
    const coarse = ({ coarse: of, counts }: NumericFeature) => {
      const sums = new Array<number>(Math.max(...of) + 1).fill(0);
      for (const [j, bin] of of.entries()) sums[bin]! += counts[j]!;
      return sums;
    };
    expect(coarse(united)).toEqual(coarse(plain));
    // What has few values has its edges already.
    expect(feature(with_, "n").counts.reduce((sum, count) => sum + count, 0)).toBe(3000);
    const file = join(folder, "m.reference.json");
    await saveSnapshot(with_, file);
    expect(await loadSnapshot(file)).toEqual(with_);
  });

  it.each([
    ["no list", { deciles: 3 }],
    ["an empty list", { deciles: [] }],
    ["edges that descend", { deciles: [1, 0] }],
    ["texts", { deciles: ["a"] }],
    ["no object", [[1, 2]]],
  ])("with %s is refused", async (_, lists) => {
    const file = join(folder, "bad.json");
    await saveSnapshot(await build([{ kind: "deciles" }]), file);
    const content = JSON.parse(readFileSync(file, "utf8"));
    content.features[0].psi_bins = lists;
    writeFileSync(file, JSON.stringify(content));
    await expect(loadSnapshot(file)).rejects.toMatchObject({ code: "REFERENCE_INVALID", message: expect.stringContaining("psi_bins") });
  });
});
