import { beforeAll, describe, expect, it } from "vitest";
import type { Ingest } from "../../src/ingest.ts";
import type { Route } from "../../src/panes/open-panes.ts";
import { type FoundOutliers, HELD_OUTLIERS } from "../../src/panes/outliers.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { limitOf } from "../../src/reference/outlier-tail.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { normal, seedRandom } from "../detection/random.ts";
import { buildOf, countOf } from "../reference/derived-data.ts";
import { chunkOf, commit, createMapStore, type MapStore, MINUTE, message, openIngest } from "./harness.ts";
import type { Message } from "./recount.ts";

const random = seedRandom(5);
const row = () => {
  const common = normal(random);
  return { x: common + 0.4 * normal(random), y: common + 0.4 * normal(random), z: common + 0.4 * normal(random) };
};

let snapshot: Snapshot;
let route: Route;
let limit: number;
beforeAll(async () => {
  const rows = Array.from({ length: 3000 }, row);
  ({ snapshot } = await buildOf({ x: rows.map(({ x }) => x), y: rows.map(({ y }) => y), z: rows.map(({ z }) => z) }));
  limit = limitOf(snapshot.derived!.outlier!.tail, 0.01);
  route = { model: "a", version: "1", layout: compileLayout(snapshot), outlierLimit: limit };
});

type WithId = Message & { readonly id?: string | number };

/** Records of 40 minutes; every fiftieth is far out. */
const records = (from: number, to: number): WithId[] =>
  Array.from({ length: to - from }, (_, i) => {
    const offset = from + i;
    return { ...message(offset, offset * 1_200, { features: offset % 50 === 7 ? { x: 30, y: -30, z: 30 } : row() }), id: `id-${offset}` };
  });

function open(store: MapStore, told: FoundOutliers[]): Ingest {
  return openIngest(store, { route: () => route, onOutliers: (found) => told.push(found) });
}

describe("derived features in panes", () => {
  it("after a crash and a restart are those of one count over all records", () => {
    const all = records(0, 2000);
    const store = createMapStore();
    let ingest = open(store, []);
    ingest.handler.onChunk(chunkOf(all.slice(0, 700)));
    commit(ingest, store);
    ingest.handler.onChunk(chunkOf(all.slice(700, 1100)));
    ingest = open(store, []); // what was not committed is read again
    ingest.handler.onChunk(chunkOf(all.slice(700, 2000)));
    ingest.handler.onFinished({ source: "kafka:t", partition: 0 });
    commit(ingest, store);
    const sum = new Uint32Array(route.layout.row.slots);
    for (const { counts, final } of store.panes.values()) {
      expect(final).toBe(true);
      counts.forEach((count, i) => {
        sum[i]! += count;
      });
    }
    expect(store.panes.size).toBe((2000 * 1_200) / (5 * MINUTE));
    const columns = Object.fromEntries(["x", "y", "z"].map((name) => [name, all.map(({ features }) => features[name] as number)]));
    expect(sum).toEqual(countOf(compileLayout(snapshot), columns).counts);
  });
});

describe("records with a high outlier score", () => {
  it("are told once, when they are stored, though they are read again after a crash", () => {
    const all = records(0, 400);
    const store = createMapStore();
    const told: FoundOutliers[] = [];
    let ingest = open(store, told);
    ingest.handler.onChunk(chunkOf(all.slice(0, 200)));
    expect(told).toEqual([]);
    commit(ingest, store);
    ingest.handler.onChunk(chunkOf(all.slice(200, 400)));
    ingest = open(store, told);
    ingest.handler.onChunk(chunkOf(all.slice(100, 400), { asked: 200 }));
    commit(ingest, store);
    const ids = told.flatMap(({ records: found }) => found.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    for (const offset of [7, 57, 107, 157, 207, 257, 307, 357]) expect(ids).toContain(`id-${offset}`);
    // One healthy record of a hundred is above the limit, too.
    expect(ids.length).toBeLessThan(8 + 16);
    const [first] = told[0]!.records.filter(({ id }) => id === "id-7");
    expect(first).toEqual({
      ...{ model: "a", version: "1", id: "id-7", eventTimeMs: 7 * 1_200, limit, score: first!.score },
      features: ["x", "y", "z"],
    });
    expect(first!.score).toBeGreaterThan(limit);
  });

  it("wait while the store refuses, and are told when it takes them", () => {
    const told: FoundOutliers[] = [];
    const store = createMapStore();
    const ingest = open(store, told);
    ingest.handler.onChunk(chunkOf(records(0, 60)));
    ingest.takeBatch()!.undo();
    expect(told).toEqual([]);
    commit(ingest, store);
    expect(told.flatMap(({ records: found }) => found.map(({ id }) => id))).toContain("id-57");
  });

  it("are held up to a bound, and those beyond are counted", () => {
    const told: FoundOutliers[] = [];
    const store = createMapStore();
    const ingest = open(store, told);
    ingest.handler.onChunk(
      chunkOf(Array.from({ length: HELD_OUTLIERS + 5 }, (_, offset) => message(offset, 0, { features: { x: 30, y: -30, z: 30 } }))),
    );
    commit(ingest, store);
    expect(told[0]!.records).toHaveLength(HELD_OUTLIERS);
    expect([...told[0]!.beyond]).toEqual([["a", 5]]);
  });

  it("are not looked for where nobody asks", () => {
    const told: FoundOutliers[] = [];
    const store = createMapStore();
    const { outlierLimit: _, ...quiet } = route;
    const ingest = openIngest(store, { route: () => quiet, onOutliers: (found) => told.push(found) });
    ingest.handler.onChunk(chunkOf(records(0, 60)));
    commit(ingest, store);
    expect(told).toEqual([]);
  });
});
