import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Metrics } from "../src/metrics/metrics.ts";
import type { Pane } from "../src/panes/pane.ts";
import {
  chunkOf,
  commit,
  createHandClock,
  createMapStore,
  layouts,
  type MapStore,
  MINUTE,
  message,
  openIngest,
  route,
  timing,
} from "./panes/harness.ts";
import { layoutOf } from "./panes/layouts.ts";
import { type Message, type Recount, recount } from "./panes/recount.ts";

const T0 = Date.UTC(2001, 0, 15, 10);

/** Streams that do everything: mostly forward, some late, some far ahead, some without a time or a model. */
const stream: fc.Arbitrary<Message[]> = fc
  .array(
    fc.record({
      // Whole minutes, so that edges of panes, the lateness and the step are hit exactly.
      step: fc.nat(4),
      jitter: fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: -10, max: 0 }) },
        { weight: 4, arbitrary: fc.integer({ min: -20, max: -11 }) },
        { weight: 3, arbitrary: fc.integer({ min: 58, max: 75 }) },
        { weight: 2, arbitrary: fc.constantFrom(120, 180, 300, 200_000) },
      ),
      leap: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(60, 61, 300) }),
      untimed: fc.nat(30).map((n) => n === 0),
      stamp: fc.constantFrom(Number.NaN, Number.NaN, 0, -5, -6),
      model: fc.constantFrom("a", "a", "a", "b", "unknown"),
      version: fc.constantFrom("", "1"),
      x: fc.constantFrom(-1, 0.5, 1.5, 7, null, "text"),
      hole: fc.nat(20).map((n) => (n === 0 ? 3 : 0)),
    }),
    { maxLength: 150 },
  )
  .map((rows) => {
    let now = T0;
    let offset = 0;
    return rows.map(({ step, jitter, leap, untimed, stamp, model, version, x, hole }) => {
      now += (step + leap) * MINUTE;
      offset += 1 + hole;
      const eventTimeMs = untimed ? Number.NaN : now + jitter * MINUTE;
      const transportMs = eventTimeMs + stamp * MINUTE;
      return { offset, eventTimeMs, transportMs, model, version, features: { x, c: "p" } };
    });
  });

function seenOf(store: MapStore, partition = 0) {
  return [...store.panes.values()]
    .filter((pane) => pane.key.partition === partition)
    .map((pane) => ({
      ...{ model: pane.key.model, version: pane.key.version, startMs: pane.key.startMs, final: pane.final, records: pane.records },
      ...{ late: pane.late, offsetFrom: pane.offsetFrom, offsetTo: pane.offsetTo, counts: [...pane.counts], moments: [...pane.moments] },
      upto: pane.final ? pane.upto : undefined,
    }))
    .sort(byKey);
}

function expectedOf({ panes }: Recount) {
  return [...panes.values()].sort(byKey);
}

function byKey(a: { model: string; version: string; startMs: number }, b: { model: string; version: string; startMs: number }): number {
  return a.model.localeCompare(b.model) || a.version.localeCompare(b.version) || a.startMs - b.startMs;
}

describe("the pane log equals a naive recount", () => {
  it("for any order, any chunks, any moments of commits, any crash points and repeated deliveries", () => {
    const happenings = fc.array(
      fc.record({ take: fc.integer({ min: 1, max: 20 }), event: fc.constantFrom("nothing", "commit", "undo", "crash", "rewind") }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(stream, happenings, fc.boolean(), (messages, plan, finish) => {
        const store = createMapStore();
        let ingest = openIngest(store);
        let at = 0;
        for (let i = 0; at < messages.length; i++) {
          const { take, event } = plan[i % plan.length]!;
          const part = messages.slice(at, at + take);
          // Holes inside a chunk are normal: only what was asked for is compared.
          const asked = at === 0 ? 0 : messages[at - 1]!.offset + 1;
          ingest.handler.onChunk(chunkOf(part, { asked }));
          at += take;
          if (event === "commit") commit(ingest, store);
          else if (event === "undo") ingest.takeBatch()?.undo();
          // A plan of crashes and rewinds alone would never come to an end.
          else if (event === "rewind" && i < 200) at = Math.max(0, at - 7);
          else if (event === "crash" && i < 200) {
            ingest = openIngest(store);
            const start = ingest.handler.onAssign({ source: "kafka:t", partition: 0 });
            const from = typeof start === "object" && "offset" in start ? start.offset : 0;
            at = messages.findIndex((m) => m.offset >= from);
            if (at === -1) at = messages.length;
          }
        }
        if (messages.length > 0)
          ingest.handler.onChunk(chunkOf([], { asked: messages.at(-1)!.offset + 1, next: messages.at(-1)!.offset + 1 }));
        if (finish) ingest.handler.onFinished({ source: "kafka:t", partition: 0 });
        commit(ingest, store);

        const expected = recount(messages, layouts, timing, finish);
        expect(seenOf(store)).toEqual(expectedOf(expected));
        const cursor = store.cursors.get("kafka:t/0");
        if (messages.length > 0 && !finish) {
          expect(cursor?.processedThrough).toBe(messages.at(-1)!.offset + 1);
          expect(cursor?.maxEventTimeMs).toBe(expected.maxEventTimeMs);
          expect(cursor?.closedThroughMs).toBe(expected.closedThroughMs);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("for any split of a stream over partitions: each partition has its own time, and sums over partitions are sums of recounts", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }), (messages, where) => {
        const partitions: Message[][] = [[], [], [], []];
        messages.forEach((m, i) => {
          const part = partitions[where[i % where.length]!]!;
          part.push({ ...m, offset: part.length });
        });
        const store = createMapStore();
        const ingest = openIngest(store);
        // Interleaved, one record a chunk.
        for (let i = 0; partitions.some((part) => i < part.length); i++) {
          partitions.forEach((part, partition) => {
            if (i < part.length) ingest.handler.onChunk(chunkOf([part[i]!], { partition }));
          });
        }
        commit(ingest, store);
        const recounts = partitions.map((part) => recount(part, layouts, timing, false));
        for (const [partition, expected] of recounts.entries()) expect(seenOf(store, partition)).toEqual(expectedOf(expected));
        const stats = ingest.stats();
        expect(stats.read).toBe(messages.length);
        expect(stats.counted).toBe(recounts.reduce((sum, r) => sum + r.counted, 0));
        expect({ ...stats.dropped, too_late: stats.late, future: stats.future }).toEqual(
          recounts.reduce<Record<string, number>>(
            (sum, r) => {
              for (const [reason, n] of Object.entries(r.dropped)) sum[reason] = (sum[reason] ?? 0) + n;
              return sum;
            },
            { too_late: 0, future: 0 },
          ),
        );
      }),
      { numRuns: 200 },
    );
  });
});

/** Ten records settle the maximum, as the rule of ten asks. */
function settled(fromOffset: number, eventTimeMs: number): Message[] {
  return Array.from({ length: 10 }, (_, i) => message(fromOffset + i, eventTimeMs));
}

describe("late and early records", () => {
  it("a late record inside the allowed lateness lands in its own pane", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([...settled(0, T0 + 14 * MINUTE), message(10, T0)]));
    commit(ingest, store);
    expect(seenOf(store).find((pane) => pane.startMs === T0)?.records).toBe(1);
    expect(ingest.stats().late).toBe(0);
  });

  it("a pane is closed for the very next record of the same chunk", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([...settled(0, T0), message(10, T0 + 15 * MINUTE), message(11, T0 + 4 * MINUTE)]));
    commit(ingest, store);
    expect(seenOf(store)).toMatchObject([
      { startMs: T0, final: true, records: 10, upto: 11 },
      { startMs: T0 + 15 * MINUTE, final: false, records: 1, late: 1 },
    ]);
    expect(ingest.stats()).toMatchObject({ late: 1, lateByModel: { a: 1 } });
  });

  it("a late record of one model between two of another does not misplace the next", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    const b = { model: "b", features: { c: "p", x: 1 } };
    ingest.handler.onChunk(chunkOf([...settled(0, T0), message(10, T0 - 30 * MINUTE, b), message(11, T0, b)]));
    commit(ingest, store);
    expect(seenOf(store)).toMatchObject([
      { model: "a", records: 10 },
      { model: "b", records: 1 },
    ]);
  });

  it("one far-ahead record does not empty the stream, and is counted in its own pane", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([...settled(0, T0), message(10, T0 + 1000 * MINUTE), message(11, T0 + MINUTE)]));
    commit(ingest, store);
    expect(ingest.stats().late).toBe(0);
    expect(seenOf(store)).toMatchObject([
      { startMs: T0, records: 11, final: false },
      { startMs: T0 + 1000 * MINUTE, records: 1, final: false },
    ]);
    expect(store.cursors.get("kafka:t/0")).toMatchObject({ maxEventTimeMs: T0 + MINUTE, aheadMs: [T0 + 1000 * MINUTE] });
  });

  it("records far ahead never hold more than nine panes open beyond max_step, whatever comes", () => {
    const times = fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 80 });
    fc.assert(
      fc.property(times, (minutes) => {
        const store = createMapStore();
        const ingest = openIngest(store);
        for (const [i, minute] of minutes.entries()) {
          ingest.handler.onChunk(chunkOf([message(i, T0 + minute * MINUTE, { version: String(i % 2) })]));
          commit(ingest, store);
          const limitMs = (store.cursors.get("kafka:t/0")?.maxEventTimeMs ?? Number.NEGATIVE_INFINITY) + timing.maxStepMs;
          expect([...store.panes.values()].filter(({ key }) => key.startMs > limitMs).length).toBeLessThanOrEqual(9);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("an event time beyond what a date can write is no event time", () => {
    const ingest = openIngest(createMapStore());
    ingest.handler.onChunk(chunkOf([message(0, 8.64e15), message(1, -8.64e15), message(2, 1e300)]));
    expect(ingest.stats()).toMatchObject({ read: 3, counted: 0, dropped: { no_timestamp: 3 } });
  });
});

describe("positions", () => {
  it("a jump past what was expected is a counted loss, and the open panes become incomplete", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([message(5, T0), message(6, T0 + 6 * MINUTE)]));
    ingest.handler.onChunk(chunkOf([message(20, T0 + 12 * MINUTE)]));
    commit(ingest, store);
    const panes = [...store.panes.values()].map(({ key, incomplete, lost }) => ({ startMs: key.startMs, incomplete, lost }));
    expect(panes).toEqual([
      { startMs: T0, incomplete: true, lost: 0 },
      { startMs: T0 + 5 * MINUTE, incomplete: true, lost: 13 },
      { startMs: T0 + 10 * MINUTE, incomplete: false, lost: 0 },
    ]);
    expect(ingest.stats().lost).toBe(13);
  });

  it("a loss while no pane is open is told by the next pane that opens", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([], { asked: 5, next: 5 }));
    ingest.handler.onChunk(chunkOf([message(9, T0)]));
    commit(ingest, store);
    expect([...store.panes.values()]).toMatchObject([{ incomplete: true, lost: 4 }]);
  });

  it("where reading begins is no loss", () => {
    const ingest = openIngest(createMapStore());
    ingest.handler.onChunk(chunkOf([message(1000, T0)]));
    expect(ingest.stats().lost).toBe(0);
  });

  it("records that come again are passed over", () => {
    const ingest = openIngest(createMapStore());
    ingest.handler.onChunk(chunkOf([message(0, T0), message(1, T0)]));
    ingest.handler.onChunk(chunkOf([message(0, T0), message(1, T0), message(2, T0)]));
    expect(ingest.stats()).toMatchObject({ read: 3, counted: 3, repeated: 2 });
  });

  it("after a restart reading goes on at the stored position, and before it at the configured start", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    const at = { source: "kafka:t", partition: 0 };
    expect(ingest.handler.onAssign(at)).toBe("earliest");
    ingest.handler.onChunk(chunkOf([message(0, T0), message(1, T0)], { next: 7 }));
    expect(ingest.handler.onAssign(at)).toEqual({ offset: 7 });
    expect(ingest.positions()).toEqual([]);
    commit(ingest, store);
    expect(ingest.positions()).toEqual([{ source: "kafka:t", partition: 0, next: 7 }]);
    expect(openIngest(store).handler.onAssign(at)).toEqual({ offset: 7 });
  });

  it("a recreated topic closes the open panes of its epoch as incomplete and begins a new one", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([message(7, T0), message(8, T0)]));
    commit(ingest, store);
    expect(ingest.handler.onRecreated({ source: "kafka:t", partition: 0 })).toBe("earliest");
    commit(ingest, store);
    // Until it is read again it begins at its beginning, also after a rebalance or a restart.
    expect(ingest.handler.onAssign({ source: "kafka:t", partition: 0 })).toBe("earliest");
    expect(openIngest(store).handler.onAssign({ source: "kafka:t", partition: 0 })).toEqual({ offset: 0 });
    ingest.handler.onChunk(chunkOf([message(0, T0 + MINUTE)]));
    commit(ingest, store);
    expect(
      [...store.panes.values()].map(({ key, final, incomplete, records }) => ({ epoch: key.epoch, final, incomplete, records })),
    ).toEqual([
      { epoch: 0, final: true, incomplete: true, records: 2 },
      { epoch: 1, final: false, incomplete: false, records: 1 },
    ]);
    expect(store.cursors.get("kafka:t/0")).toMatchObject({ epoch: 1, processedThrough: 1 });
    expect(ingest.stats().lost).toBe(0);
  });

  it("what was counted before a recreation is not counted again: its panes are closed by time", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([...settled(0, T0), message(10, T0 + 30 * MINUTE)]));
    ingest.handler.onRecreated({ source: "kafka:t", partition: 0 });
    ingest.handler.onChunk(chunkOf([message(0, T0)]));
    expect(ingest.stats()).toMatchObject({ counted: 11, late: 1 });
  });
});

describe("commits", () => {
  it("a batch that could not be stored is not lost: the next one holds it", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([...settled(0, T0), message(10, T0 + 20 * MINUTE)]));
    const failed = ingest.takeBatch()!;
    expect(ingest.takeBatch()).toBeUndefined();
    failed.undo();
    const again = ingest.takeBatch()!;
    expect(again.panes).toEqual(failed.panes);
    expect(again.cursors).toEqual(failed.cursors);
    expect(again.layouts).toEqual(failed.layouts);
    again.done();
    expect(ingest.takeBatch()).toBeUndefined();
  });

  it("a batch is a copy: what is counted while it is on its way is in the next one", () => {
    const ingest = openIngest(createMapStore());
    ingest.handler.onChunk(chunkOf([message(0, T0)]));
    const batch = ingest.takeBatch()!;
    ingest.handler.onChunk(chunkOf([message(1, T0)]));
    expect(batch.panes).toMatchObject([{ records: 1 }]);
    expect(batch.panes[0]?.counts.reduce((a, b) => a + b)).toBe(1);
    batch.done();
    expect(ingest.takeBatch()?.panes).toMatchObject([{ records: 2 }]);
  });

  it("layouts are stored once", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([message(0, T0)]));
    const first = ingest.takeBatch()!;
    expect(first.layouts).toEqual([layouts.a.row]);
    first.done();
    ingest.handler.onChunk(chunkOf([message(1, T0)]));
    expect(ingest.takeBatch()?.layouts).toEqual([]);
  });

  it("a pane that a reload cuts stands in two rows", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([message(0, T0)]));
    const layout = layoutOf({ x: { edges: [0, 10] } });
    const next = { model: "a", version: "", layout };
    ingest.setRoute(() => next);
    ingest.handler.onChunk(chunkOf([message(1, T0), message(2, T0)]));
    commit(ingest, store);
    expect([...store.panes.values()].map(({ key, records }) => [key.layout, records])).toEqual([
      [layouts.a.row.hash, 1],
      [layout.row.hash, 2],
    ]);
  });

  it("a reload to the same layout goes on counting into the same row", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf([message(0, T0)]));
    ingest.setRoute(() => ({ model: "a", version: "", layout: layouts.a }));
    ingest.handler.onChunk(chunkOf([message(1, T0)]));
    commit(ingest, store);
    expect([...store.panes.values()]).toMatchObject([{ records: 2 }]);
  });
});

describe("bad input", () => {
  it("is counted by reason, and its neighbours are counted", () => {
    const ingest = openIngest(createMapStore());
    const good = Buffer.from(JSON.stringify(message(0, T0)));
    ingest.handler.onChunk({
      ...chunkOf([], { asked: 0, next: 5 }),
      kind: "bytes",
      forEach: (visit) => {
        visit(0, Number.NaN, good, 0, good.length);
        visit(1, Number.NaN, good, -1, -1);
        visit(2, Number.NaN, Buffer.from("{"), 0, 1);
        visit(3, Number.NaN, Buffer.from("{}"), 0, 2);
        visit(4, Number.NaN, good, 0, good.length);
      },
    } as Parameters<typeof ingest.handler.onChunk>[0]);
    expect(ingest.stats()).toMatchObject({ read: 5, counted: 2, dropped: { tombstone: 1, decode_error: 1, no_timestamp: 1 } });
  });

  it("an unknown model moves the partition's time", () => {
    const store = createMapStore();
    const ingest = openIngest(store);
    ingest.handler.onChunk(chunkOf(settled(0, T0)));
    ingest.handler.onChunk(chunkOf([message(10, T0 + 30 * MINUTE, { model: "who" })]));
    commit(ingest, store);
    expect(seenOf(store)).toMatchObject([{ startMs: T0, final: true }]);
    expect(ingest.stats().dropped).toEqual({ unknown_model: 1 });
  });

  it("an exception while counting is our bug: it is fatal, and nothing is committed after it", () => {
    const fatal: Error[] = [];
    const ingest = openIngest(createMapStore(), {
      onFatal: (error) => fatal.push(error),
      route: (model, version) => {
        if (model === "b") throw new TypeError("broken");
        return route(model, version);
      },
    });
    ingest.handler.onChunk(chunkOf([message(0, T0), message(1, T0, { model: "b" }), message(2, T0)]));
    expect(fatal).toMatchObject([{ message: "broken" }]);
    ingest.handler.onChunk(chunkOf([message(2, T0)]));
    expect(ingest.takeBatch()).toBeUndefined();
  });
});

describe("metrics", () => {
  it("come once a chunk, with what was counted, dropped and lost", () => {
    const seen: string[] = [];
    const metrics: Metrics = {
      inc: (name, labels, by = 1) => seen.push(`${name} ${JSON.stringify(labels ?? {})} ${by}`),
      set: () => {},
      remove: () => {},
      observe: () => {},
    };
    const ingest = openIngest(createMapStore(), { metrics });
    ingest.handler.onChunk(chunkOf([message(0, T0), message(1, T0, { model: "who" }), message(2, T0, { version: "1" }), message(3, T0)]));
    ingest.handler.onChunk(chunkOf([message(6, T0)]));
    expect(seen).toEqual([
      'driftd_records_total {"model":"a","version":""} 2',
      'driftd_records_total {"model":"a","version":"1"} 1',
      'driftd_messages_dropped_total {"topic":"t","reason":"unknown_model"} 1',
      'driftd_messages_lost_total {"topic":"t"} 2',
      'driftd_records_total {"model":"a","version":""} 1',
    ]);
  });

  it("invalid values are counted when their pane closes", () => {
    const seen: string[] = [];
    const metrics: Metrics = {
      inc: (name, labels, by = 1) => seen.push(`${name} ${JSON.stringify(labels ?? {})} ${by}`),
      set: () => {},
      remove: () => {},
      observe: () => {},
    };
    const ingest = openIngest(createMapStore(), { metrics });
    const bad = [null, undefined, "text"].map((x, i) => message(i, T0, { features: { x } }));
    ingest.handler.onChunk(chunkOf(bad));
    seen.length = 0;
    ingest.handler.onFinished({ source: "kafka:t", partition: 0 });
    expect(seen).toEqual([
      'driftd_panes_closed_total {"model":"a"} 1',
      'driftd_feature_invalid_values_total {"model":"a","feature":"x","reason":"missing"} 2',
      'driftd_feature_invalid_values_total {"model":"a","feature":"x","reason":"wrong_type"} 1',
    ]);
  });
});

describe("the end of a finite source", () => {
  it("closes every pane, and lets windows go to the end of the last one", () => {
    const store = createMapStore();
    let told = 0;
    const ingest = openIngest(store, { clock: createHandClock(), onClosed: () => told++ });
    ingest.handler.onPartitions("file:x", [0], [0]);
    ingest.handler.onChunk(chunkOf([message(0, T0), message(1, T0 + 7 * MINUTE)], { source: "file:x" }));
    expect(ingest.gate().throughMs).toBeUndefined();
    ingest.handler.onFinished({ source: "file:x", partition: 0 });
    expect(ingest.gate()).toEqual({ throughMs: T0 + 10 * MINUTE, largestMs: T0 + 10 * MINUTE });
    expect(told).toBe(1);
    commit(ingest, store);
    expect([...store.panes.values()].every((pane: Pane) => pane.final)).toBe(true);
    // It stays so over a restart.
    const again = openIngest(store);
    again.handler.onPartitions("file:x", [0], [0]);
    expect(again.gate().throughMs).toBe(T0 + 10 * MINUTE);
  });

  it("a single time far ahead does not carry the windows away", () => {
    const ingest = openIngest(createMapStore());
    ingest.handler.onPartitions("file:x", [0], [0]);
    ingest.handler.onChunk(chunkOf([...settled(0, T0), message(10, Date.UTC(2100, 0))], { source: "file:x" }));
    ingest.handler.onFinished({ source: "file:x", partition: 0 });
    expect(ingest.gate().throughMs).toBe(T0 + 5 * MINUTE);
  });
});
