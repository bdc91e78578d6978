/** Renewal through the real pipeline: files, store and window walk; event time runs as fast as it goes. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_PATHS } from "../src/decode/fields.ts";
import { createJsonDecoder } from "../src/decode/json.ts";
import { createRowDecoder } from "../src/decode/row.ts";
import type { Evaluation } from "../src/evaluate/evaluation.ts";
import { slideOf } from "../src/evaluate/evaluator.ts";
import { createJudges } from "../src/judges.ts";
import { type Clock, systemClock } from "../src/lib/clock.ts";
import { type Log, silentLog } from "../src/lib/log.ts";
import { noMetrics } from "../src/metrics/metrics.ts";
import { hashParts } from "../src/outputs/identity.ts";
import { newMoments } from "../src/panes/moments.ts";
import type { Pane } from "../src/panes/pane.ts";
import { createPipeline, type Pipeline } from "../src/pipeline.ts";
import { compileLayout } from "../src/reference/compile.ts";
import { loadSnapshot } from "../src/reference/load.ts";
import type { ModelReferences } from "../src/reference/models.ts";
import type { Snapshot } from "../src/reference/snapshot.ts";
import { sumStore } from "../src/reference-panes.ts";
import { createRenewals, type RenewalContext, type RenewRule } from "../src/renewal.ts";
import type { BytesVisitor, Source, SourceHandler } from "../src/sources/source.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { until } from "./support/daemon.ts";
import { HOUR, MINUTE, smallSnapshot } from "./support/workspace.ts";

const DAY = 24 * HOUR;
const T0 = Date.parse("2024-01-15T00:00:00Z");
const SOURCE = "file:test";
const WINDOWS = [6, 24].map((hours) => ({ name: `${hours}h`, lengthMs: hours * HOUR, slideMs: slideOf(hours * HOUR) }));
const FIRST = smallSnapshot("m");

/** One record every two minutes; between `faultMs` and `mendedMs` x is a tenth of what it should be. */
function lines(fromDay: number, toDay: number, fault?: { readonly fromMs: number; readonly toMs: number }): string[] {
  const colours = ["red", "green", "blue", "red", "green", "blue", "red", "green", "blue", "red"];
  const made: string[] = [];
  for (let timeMs = T0 + fromDay * DAY; timeMs < T0 + toDay * DAY; timeMs += 2 * MINUTE) {
    const i = timeMs / (2 * MINUTE);
    const x = ((i * 7919) % 10_000) / 100;
    const wrong = fault !== undefined && timeMs >= fault.fromMs && timeMs < fault.toMs;
    const features = { x: wrong ? x / 10 : x, c: colours[i % 10] };
    made.push(JSON.stringify({ id: String(i), timestamp: new Date(timeMs).toISOString(), features }));
  }
  return made;
}

function pushSource() {
  let handler: SourceHandler | undefined;
  let next = 0;
  const source: Source = {
    start: async (given) => {
      handler = given;
      given.onPartitions(SOURCE, [0], [0]);
      const start = given.onAssign({ source: SOURCE, partition: 0 });
      next = typeof start === "object" && "offset" in start ? start.offset : 0;
    },
    stop: async () => {},
    commit: async () => {},
    pause: () => {},
    resume: () => {},
    status: () => [{ source: SOURCE, connected: true, partitions: [] }],
  };
  return {
    source,
    next: () => next,
    push: (records: readonly string[]) => {
      const from = next;
      next += records.length;
      handler?.onChunk({
        ...{ source: SOURCE, partition: 0, asked: from, next, end: Number.NaN, kind: "bytes" as const, format: "json" as const },
        forEach: (visit: BytesVisitor) => {
          for (const [i, line] of records.entries()) {
            const bytes = Buffer.from(line);
            visit(from + i, Number.NaN, bytes, 0, bytes.length);
          }
        },
      });
    },
    finish: () => handler?.onFinished({ source: SOURCE, partition: 0 }),
  };
}

function referencesOf(snapshot: Snapshot): ModelReferences {
  const reference = { path: "m.json", snapshot, compiled: compileLayout(snapshot) };
  return {
    find: (model) => (model === "m" ? reference : undefined),
    all: () => [{ model: "m", version: undefined, reference }],
  };
}

/** A clock in which the rests between turns are short. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) };

let folder: string;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-renewal-"));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

async function openStore(name = "driftd.db"): Promise<Store> {
  const store = await openSqliteStore({ path: join(folder, name), log: silentLog, driftdVersion: "test" });
  closing.push(() => store.close());
  return store;
}

type StartOptions = {
  readonly configured?: Snapshot;
  /** Null: the reference is not renewed. */
  readonly rule?: RenewRule | null;
  readonly log?: Log;
  readonly folder?: string;
};

/** The pipeline with renewal, over a store, as a start of the daemon makes it. */
async function start(store: Store, options: StartOptions = {}) {
  const { configured = FIRST, rule = { everyMs: 7 * DAY, days: 28, keepFiringForMs: DAY }, log = silentLog } = options;
  const policy = {
    mode: "monitor" as const,
    thresholds: { psi: { warning: 0.2, critical: 0.4 } },
    falseAlarms: { budget: 1, perMs: 30 * DAY },
    windows: WINDOWS,
    features: { include: undefined, exclude: [] },
    maxDistance: 0.2,
  };
  const context: RenewalContext = { ruleOf: () => rule ?? undefined, references: referencesOf(configured), longestWindowMs: DAY };
  const renewals = createRenewals({
    ...{ store, folder: join(folder, options.folder ?? "driftd.db.references"), context: () => context, eventMs: (ms) => ms },
    ...{ driftd: "test", metrics: noMetrics, log },
  });
  await renewals.load(context);
  const judges = () => createJudges([{ name: "m", policy, maxVersions: 3 }], renewals.over(context));
  const pushed = pushSource();
  const seen: Evaluation[] = [];
  const fatal: Error[] = [];
  let inForce = judges();
  const applied = (next: typeof inForce) => {
    inForce = next;
  };
  const pipeline: Pipeline = await createPipeline({
    store,
    judges: inForce,
    decoders: {
      bytes: createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: false, maxBytes: 1e6 }),
      row: createRowDecoder(DEFAULT_PATHS),
    },
    windows: WINDOWS,
    timing: { paneMs: 5 * MINUTE, allowedLatenessMs: 10 * MINUTE, maxStepMs: HOUR, futureMs: 5 * MINUTE, idleTimeoutMs: 2 * MINUTE },
    stallTimeoutMs: 15 * MINUTE,
    retentionMs: 35 * DAY,
    sources: [SOURCE],
    start: () => "earliest",
    ruleOf: () => ({ alert: { forMs: 0, keepFiringForMs: DAY, windows: WINDOWS.map(({ name }) => name) }, retrain: undefined }),
    hash: hashParts,
    guardNowMs: (endMs) => endMs,
    onDecided: (evaluations) => void seen.push(...evaluations),
    renewal: { untilMs: renewals.untilMs, renewAt: renewals.renewAt, judges, applied },
    onFatal: (error) => void fatal.push(error),
    patient: false,
    driftd: "test",
    metrics: noMetrics,
    clock: hasty,
    log,
  });
  closing.push(() => pipeline.stop());
  await pipeline.run(pushed.source);
  return { ...pushed, pipeline, renewals, seen, fatal, digest: () => inForce.find("m", "")?.reference.snapshot.digest };
}

const renewalsIn = async (store: Store) =>
  (await store.events({ after: 0, limit: 1_000 }))
    .filter(({ type }) => type.startsWith("driftd.reference."))
    .map(
      ({ type, body }) =>
        ({ type: type.replace("driftd.reference.", ""), ...(JSON.parse(body) as Readonly<Record<string, unknown>>) }) as Readonly<
          Record<string, unknown>
        >,
    );

const day = (n: number) => new Date(T0 + n * DAY).toISOString().slice(0, 10);
/** What the whole run has decided, to be compared byte for byte; where the files lie is another matter. */
async function outcome(store: Store, seen: readonly Evaluation[]): Promise<string> {
  const judged = seen.map(({ window, endMs, verdict, reason, referenceDigest }) => [window, endMs, verdict, reason, referenceDigest]);
  const events = (await store.events({ after: 0, limit: 1_000 })).map(({ number: _, ...event }) => event);
  return JSON.stringify({ judged, events, episodes: await store.episodes({}) })
    .replaceAll(folder, "")
    .replaceAll(/driftd-?\d*\.db\.references/g, "R");
}

const fault = { fromMs: T0 + 6.5 * DAY, toMs: T0 + 7.5 * DAY };

test("the reference is renewed when it is due, on calendar days: its windows go on, the old and the new file stay", async () => {
  const store = await openStore();
  const { push, finish, pipeline, seen, digest } = await start(store);
  push(lines(0, 16));
  finish();
  await pipeline.finished;
  const [one, two, ...more] = await renewalsIn(store);
  expect(more).toEqual([]);
  expect(one).toMatchObject({
    type: "renewed",
    effective_at: `${day(7)}T00:00:00Z`,
    ordinal: 1,
    previous: FIRST.digest,
    first: FIRST.digest,
    days: 7,
    records: 7 * 720,
  });
  expect(two).toMatchObject({
    type: "renewed",
    effective_at: `${day(14)}T00:00:00Z`,
    ordinal: 2,
    previous: one?.["reference"],
    first: FIRST.digest,
    days: 14,
  });
  expect(digest()).toBe(two?.["reference"]);
  // Judged by the reference of its time, and no window has to fill again.
  const digestAt = (ms: number) => seen.find(({ window, endMs }) => window === "24h" && endMs === ms)?.referenceDigest;
  expect([7 * DAY, 7 * DAY + HOUR, 14 * DAY, 14 * DAY + HOUR].map((ms) => digestAt(T0 + ms))).toEqual([
    FIRST.digest,
    one?.["reference"],
    one?.["reference"],
    two?.["reference"],
  ]);
  expect(seen.filter(({ endMs, reason }) => endMs > T0 + DAY && reason !== "within_noise").map(({ reason }) => reason)).toEqual([]);
  const files = await readdir(join(folder, "driftd.db.references", "m", "_"));
  expect(files.sort()).toEqual([one, two].map((event, i) => `${i + 1}-${String(event?.["reference"]).slice(7, 15)}.json.gz`));
  const snapshot = await loadSnapshot(String(two?.["path"]));
  expect(snapshot).toMatchObject({
    records: 14 * 720,
    provenance: { source: `store:${day(0)}/${day(14)}`, created_at: `${day(14)}T00:00:00Z` },
    renewal: { ordinal: 2, previous: one?.["reference"], first: { digest: FIRST.digest } },
  });
});

test("at full speed, in pieces, and with a restart in the middle: the same verdicts, renewals and episodes, byte for byte", async () => {
  const all = lines(0, 17, fault);
  const runs: string[] = [];
  for (const [i, pieces] of [[all.length], [1_000, 7_000, 9_300], [all.length / 2]].entries()) {
    const store = await openStore(`driftd-${i}.db`);
    let run = await start(store, { folder: `driftd-${i}.db.references` });
    const seen: Evaluation[] = [];
    for (let from = 0; from < all.length; ) {
      const to = pieces.find((end) => end > from) ?? all.length;
      run.push(all.slice(from, to));
      const throughMs = JSON.parse(all[to - 1]!).timestamp as string;
      if (to < all.length)
        await until("it is judged", 20_000, () => (run.pipeline.evaluatedThroughMs("m", "", "6h") ?? 0) >= Date.parse(throughMs) - HOUR);
      if (i === 2 && to < all.length) {
        await run.pipeline.stop();
        seen.push(...run.seen);
        run = await start(store, { folder: `driftd-${i}.db.references` });
      }
      from = to;
    }
    run.finish();
    await run.pipeline.finished;
    runs.push(await outcome(store, [...seen, ...run.seen]));
  }
  expect(runs[0]).toContain("driftd.reference.renewed");
  expect(runs[0]).toContain("driftd.drift.resolved");
  expect(runs[1]).toBe(runs[0]);
  expect(runs[2]).toBe(runs[0]);
});

describe("an episode", () => {
  test("that is open freezes the renewal, said once; its days are left out, and too few days are said too", async () => {
    const store = await openStore();
    const { push, finish, pipeline, renewals } = await start(store);
    push(lines(0, 10, fault));
    await until("it is judged", 20_000, () => (pipeline.evaluatedThroughMs("m", "", "24h") ?? 0) >= T0 + 9.75 * DAY);
    // Tried again on each day, said once.
    expect((await renewalsIn(store)).map(({ type, reason, due, next_try }) => [type, reason, due, next_try])).toEqual([
      ["renewal_postponed", "episode_open", `${day(7)}T00:00:00Z`, `${day(8)}T00:00:00Z`],
    ]);
    expect(renewals.facts("m", "")).toMatchObject({ dueMs: T0 + 7 * DAY, nextTryMs: T0 + 10 * DAY, postponed: { reason: "episode_open" } });
    push(lines(10, 20));
    finish();
    await pipeline.finished;
    const events = await renewalsIn(store);
    // Pending from the noon of day 6, on records of day 5 too; the last evidence is of day 8, then it was clear for a day.
    const [episode] = await store.episodes({});
    expect([episode?.pendingAtMs, episode?.resolvedAtMs].map((ms) => Math.floor(((ms ?? 0) - T0) / DAY))).toEqual([6, 9]);
    expect(events.slice(1)).toHaveLength(3);
    expect(events[1]).toMatchObject({ reason: "few_days", detail: "6 days of closed panes, 4 left out for an episode; 7 needed" });
    expect(events[2]).toMatchObject({
      type: "renewed",
      effective_at: `${day(11)}T00:00:00Z`,
      days: 7,
      days_left_out: [5, 6, 7, 8].map(day),
    });
    expect(events[2]?.["days_used"]).toEqual([0, 1, 2, 3, 4, 9, 10].map(day));
    // The calendar goes on from the due time, not from when it came about.
    expect(events[3]).toMatchObject({ type: "renewed", effective_at: `${day(14)}T00:00:00Z`, days: 10 });
    expect(renewals.facts("m", "")).toMatchObject({ dueMs: T0 + 21 * DAY, postponed: undefined });
  });

  test("leaves days of the reference before to fill up with: the newest, as many as were asked for", async () => {
    // A reference that knows its own days: the two weeks before.
    const learning = await openStore("learning.db");
    const earlier = await start(learning, { rule: null });
    earlier.push(lines(-14, 0));
    earlier.finish();
    await earlier.pipeline.finished;
    const range = { fromMs: T0 - 14 * DAY, toMs: T0, leftOut: new Set<number>() };
    const { summed } = await sumStore(learning, FIRST, { model: "m", version: undefined, range });
    const configured = await summed.snapshot({ source: "two weeks", createdAtMs: T0, driftd: "test", version: undefined, empty: "keep" });

    const store = await openStore();
    const { push, finish, pipeline } = await start(store, { configured, rule: { everyMs: 7 * DAY, days: 12, keepFiringForMs: DAY } });
    push(lines(0, 18, fault));
    finish();
    await pipeline.finished;
    const renewed = (await renewalsIn(store)).filter(({ type }) => type === "renewed");
    // Renewed as soon as the episode is over; day 8 was clear.
    expect(renewed.map(({ effective_at, days, days_left_out }) => ({ effective_at, days, days_left_out }))).toEqual([
      { effective_at: `${day(10)}T00:00:00Z`, days: 12, days_left_out: [5, 6, 7, 8].map(day) },
      { effective_at: `${day(14)}T00:00:00Z`, days: 12, days_left_out: [5, 6, 7, 8].map(day) },
    ]);
    expect(renewed[0]).toMatchObject({ days_carried: [-6, -5, -4, -3, -2, -1].map(day), records: 12 * 720 });
    expect(renewed[0]?.["days_used"]).toEqual([-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 9].map(day));
    // Two weeks later it carries on what the last one knew.
    expect(renewed[1]).toMatchObject({ days_carried: [-2, -1, 0, 1].map(day) });
    const snapshot = await loadSnapshot(String(renewed[1]?.["path"]));
    expect(snapshot).toMatchObject({
      time: { from: `${day(-2)}T00:00:00Z`, to: `${day(14)}T00:00:00Z` },
      provenance: {
        source: `store:${day(2)}/${day(14)} without ${[5, 6, 7, 8].map(day).join(", ")}, with 4 days from ${day(-2)} on of the reference before`,
      },
      calibration: { days: 12, from: `${day(-2)}T00:00:00Z` },
    });
    expect(snapshot.calibration?.records).toBeUndefined();
    expect(snapshot.features.map(({ feature, count }) => [feature, count])).toEqual([
      ["x", 12 * 720],
      ["c", 12 * 720],
    ]);
  });

  test("of another version freezes nothing", async () => {
    const store = await openStore();
    const { push, finish, pipeline } = await start(store);
    const versions = lines(0, 8).flatMap((line, i) => {
      const record = JSON.parse(line) as { timestamp: string; features: { x: number } };
      const x = Date.parse(record.timestamp) >= fault.fromMs ? record.features.x / 10 : record.features.x;
      return i % 2 === 0
        ? [
            { ...record, version: "1" },
            { ...record, version: "2", features: { ...record.features, x } },
          ]
        : [];
    });
    push(versions.map((record) => JSON.stringify(record)));
    finish();
    await pipeline.finished;
    const events = await store.events({ after: 0, limit: 100 });
    expect(events.filter(({ type }) => type.startsWith("driftd.reference")).map(({ type, version }) => [type, version])).toEqual([
      ["driftd.reference.renewed", "1"],
      ["driftd.reference.renewal_postponed", "2"],
    ]);
  });
});

describe("a crash", () => {
  /** A store that dies at the decision with the renewal, before or after it is stored. */
  const dying = (store: Store, when: "before" | "after"): Store => ({
    ...store,
    commitDecision: async (decision) => {
      const renewal = decision.events.some(({ type }) => type === "driftd.reference.renewed");
      if (renewal && when === "before") throw new Error("killed");
      await store.commitDecision(decision);
      if (renewal) throw new Error("killed");
    },
  });

  test.each(["before", "after"] as const)(
    "%s the transaction of a renewal leaves one reference in force, and the renewal is done once",
    async (when) => {
      const all = lines(0, 9);
      const calm = await openStore("driftd-0.db");
      const undisturbed = await start(calm, { folder: "driftd-0.db.references" });
      undisturbed.push(all);
      undisturbed.finish();
      await undisturbed.pipeline.finished;

      const store = await openStore();
      const first = await start(dying(store, when));
      first.push(all);
      first.finish();
      await expect(first.pipeline.finished).rejects.toThrow("killed");
      const second = await start(store);
      expect(second.digest() === FIRST.digest).toBe(when === "before");
      // The file is there either way; only the store says whether it counts.
      expect(await readdir(join(folder, "driftd.db.references", "m", "_"))).toHaveLength(1);
      second.push(all.slice(second.next()));
      second.finish();
      await second.pipeline.finished;
      expect(await renewalsIn(store)).toHaveLength(1);
      expect(second.digest()).toBe(undisturbed.digest());
      expect(await outcome(store, [...first.seen, ...second.seen])).toBe(await outcome(calm, undisturbed.seen));
    },
  );

  test("between the transaction and the swap of the judges is a swap at the next start", async () => {
    const store = await openStore();
    const run = await start(store);
    run.push(lines(0, 8));
    run.finish();
    await run.pipeline.finished;
    await run.pipeline.stop();
    const again = await start(store);
    expect(again.digest()).toBe(run.digest());
    expect(again.digest()).not.toBe(FIRST.digest);
  });
});

describe("after a restart", () => {
  async function renewed(): Promise<Store> {
    const store = await openStore();
    const run = await start(store);
    run.push(lines(0, 8));
    await until("it is renewed", 20_000, async () => (await renewalsIn(store)).length > 0);
    await run.pipeline.stop();
    return store;
  }

  test("another configured reference starts over, with a due time of its own", async () => {
    const store = await renewed();
    const other = smallSnapshot("m", { records: 9_999 });
    const run = await start(store, { configured: other });
    expect(run.digest()).toBe(other.digest);
    run.push(lines(8, 16));
    run.finish();
    await run.pipeline.finished;
    expect((await renewalsIn(store)).map(({ effective_at, ordinal, first }) => [effective_at, ordinal, first])).toEqual([
      [`${day(7)}T00:00:00Z`, 1, FIRST.digest],
      [`${day(15)}T00:00:00Z`, 1, other.digest],
    ]);
  });

  test("a renewed file that is damaged is said, the configured reference judges, and the next renewal mends it", async () => {
    const store = await renewed();
    const [{ path, reference }] = (await renewalsIn(store)) as [{ path: string; reference: string }];
    await writeFile(path, "no gzip");
    const errors: unknown[] = [];
    const run = await start(store, { log: { ...silentLog, error: (fields, message) => void errors.push([message, fields]) } });
    expect(run.digest()).toBe(FIRST.digest);
    expect(errors).toMatchObject([
      ["the renewed reference cannot be read: the configured one judges until the next renewal", { model: "m" }],
    ]);
    run.push(lines(8, 15));
    run.finish();
    await run.pipeline.finished;
    expect((await renewalsIn(store))[1]).toMatchObject({ ordinal: 2, previous: FIRST.digest, first: FIRST.digest });
    expect(reference).not.toBe(FIRST.digest);
  });
});

test("a folder that cannot be written postpones the renewal and says so; evaluation goes on", async () => {
  const store = await openStore();
  await writeFile(join(folder, "driftd.db.references"), "a file, not a folder");
  const { push, finish, pipeline, seen, digest } = await start(store);
  push(lines(0, 9));
  finish();
  await pipeline.finished;
  expect(await renewalsIn(store)).toMatchObject([{ type: "renewal_postponed", reason: "unwritable" }]);
  expect(digest()).toBe(FIRST.digest);
  expect(seen.at(-1)?.endMs).toBe(T0 + 9 * DAY);
});

test("renewal that was switched off for a while is done as of now, once", async () => {
  const store = await openStore();
  for (const [from, to, rule] of [
    [0, 3],
    [3, 16, null],
    [16, 18],
  ] as const) {
    const run = await start(store, rule === null ? { rule } : {});
    run.push(lines(from, to));
    await until("it is judged", 20_000, () => (run.pipeline.evaluatedThroughMs("m", "", "6h") ?? 0) >= T0 + to * DAY - HOUR);
    await run.pipeline.stop();
  }
  expect((await renewalsIn(store)).map(({ type, effective_at, days }) => [type, effective_at, days])).toEqual([
    ["renewed", `${day(16)}T00:00:00Z`, 16],
  ]);
  const state = JSON.parse((await store.getFact('renewal ["m",""]')) ?? "");
  expect(state.dueMs).toBe(T0 + 21 * DAY);
});

test("days without a value of any feature are nothing to learn from", async () => {
  const store = await openStore();
  const { row } = compileLayout(FIRST);
  const key = { model: "m", version: "", segment: "", source: SOURCE, partition: 0, epoch: 0, layout: row.hash, paneMs: 5 * MINUTE };
  const nothing = { counts: new Uint32Array(row.slots), moments: newMoments(row.numeric), records: 10, late: 0, lost: 0, driftd: "test" };
  const panes = Array.from({ length: 8 }, (_, n): Pane => {
    return { key: { ...key, startMs: T0 + n * DAY }, final: true, incomplete: false, upto: n, offsetFrom: n, offsetTo: n + 1, ...nothing };
  });
  await store.commit({ panes, layouts: [row], cursors: [] });
  const { renewals } = await start(store);
  expect(await renewals.untilMs(T0 + 8 * DAY, [{ model: "m", version: "" }], [])).toBe(T0 + 7 * DAY);
  expect(await renewals.renewAt(T0 + 7 * DAY, [])).toBe(false);
  expect(await renewalsIn(store)).toMatchObject([{ type: "renewal_postponed", reason: "no_values" }]);
});

test("days of a critical quality episode are left out too", async () => {
  const store = await openStore();
  const { push, finish, pipeline } = await start(store);
  // On day 2 every value of x is missing; c is fine.
  const nulls = (line: string) => {
    const record = JSON.parse(line) as { timestamp: string; features: object };
    return record.timestamp.startsWith(day(2)) ? JSON.stringify({ ...record, features: { ...record.features, x: null } }) : line;
  };
  push(lines(0, 12).map(nulls));
  finish();
  await pipeline.finished;
  const episodes = await store.episodes({});
  expect(episodes).toMatchObject([{ kind: "quality", severity: "critical", features: ["x"] }]);
  const renewed = (await renewalsIn(store)).find(({ type }) => type === "renewed");
  expect(renewed?.["days_left_out"]).toEqual([1, 2, 3].map(day));
});

test("a column that was removed does not keep the others from being renewed; it stays as it was", async () => {
  const store = await openStore();
  const { push, finish, pipeline } = await start(store);
  const removed = (line: string) => {
    const record = JSON.parse(line) as { timestamp: string; features: { x: number } };
    return record.timestamp < day(2) ? line : JSON.stringify({ ...record, features: { x: record.features.x } });
  };
  push(lines(0, 15).map(removed));
  finish();
  await pipeline.finished;
  expect(await store.episodes({})).toMatchObject([{ kind: "quality", severity: "critical", features: ["c"], resolvedAtMs: null }]);
  const renewed = (await renewalsIn(store)).filter(({ type }) => type === "renewed");
  expect(renewed.map(({ days, days_left_out }) => [days, days_left_out])).toEqual([
    [7, []],
    [14, []],
  ]);
  const { features } = await loadSnapshot(String(renewed[1]?.["path"]));
  // Of the day before it was found out too, when half of the records may have lacked it, nothing is learnt.
  expect(features.map(({ feature, count, missing }) => [feature, count, missing])).toEqual([
    ["x", 14 * 720, 0],
    ["c", 720, 0],
  ]);
});

test("without a rule nothing is renewed, and a renewed reference is not used", async () => {
  const store = await openStore();
  const run = await start(store);
  run.push(lines(0, 8));
  await until("it is renewed", 20_000, async () => (await renewalsIn(store)).length > 0);
  const over = (ruleOf: RenewalContext["ruleOf"]) =>
    run.renewals.over({ ruleOf, references: referencesOf(FIRST), longestWindowMs: DAY }).find("m", "")?.snapshot.digest;
  expect(over(() => undefined)).toBe(FIRST.digest);
  expect(over(() => ({ everyMs: DAY, days: 7, keepFiringForMs: DAY }))).not.toBe(FIRST.digest);
});
