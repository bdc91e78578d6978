import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_PATHS } from "../src/decode/fields.ts";
import { createJsonDecoder } from "../src/decode/json.ts";
import { createRowDecoder } from "../src/decode/row.ts";
import type { Evaluation } from "../src/evaluate/evaluation.ts";
import { slideOf } from "../src/evaluate/evaluator.ts";
import { createJudges, type Judges } from "../src/judges.ts";
import { type Clock, systemClock } from "../src/lib/clock.ts";
import { DriftdError } from "../src/lib/errors.ts";
import { type Log, silentLog } from "../src/lib/log.ts";
import { noMetrics } from "../src/metrics/metrics.ts";
import { hashParts } from "../src/outputs/identity.ts";
import { createPipeline, type Pipeline, type PipelineOptions } from "../src/pipeline.ts";
import { compileLayout } from "../src/reference/compile.ts";
import type { Source, SourceHandler } from "../src/sources/source.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { until } from "./support/daemon.ts";
import { HOUR, MINUTE, smallSnapshot, T0, traffic } from "./support/workspace.ts";

const SOURCE = "file:test";
const WINDOWS = [
  { name: "1h", lengthMs: HOUR, slideMs: slideOf(HOUR) },
  { name: "6h", lengthMs: 6 * HOUR, slideMs: slideOf(6 * HOUR) },
];

/** A source that a test pushes lines into. */
function pushSource() {
  let handler: SourceHandler | undefined;
  let next = 0;
  const calls: string[] = [];
  const source: Source = {
    start: async (given) => {
      handler = given;
      given.onPartitions(SOURCE, [0], [0]);
      const start = given.onAssign({ source: SOURCE, partition: 0 });
      next = typeof start === "object" && "offset" in start ? start.offset : 0;
    },
    stop: async () => void calls.push("stop"),
    commit: async () => {},
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    status: () => [{ source: SOURCE, connected: true, partitions: [] }],
  };
  return {
    source,
    calls,
    push: (lines: readonly string[]) => {
      const from = next;
      next += lines.length;
      handler?.onChunk({
        source: SOURCE,
        partition: 0,
        asked: from,
        next,
        end: Number.NaN,
        kind: "bytes",
        format: "json",
        forEach: (visit) => {
          for (const [i, line] of lines.entries()) {
            const bytes = Buffer.from(line);
            visit(from + i, Number.NaN, bytes, 0, bytes.length);
          }
        },
      });
    },
    finish: () => handler?.onFinished({ source: SOURCE, partition: 0 }),
    foreign: (present: boolean) => handler?.onForeignMember(SOURCE, present),
  };
}

function judgesOf(scale = 1, maxVersions = 3): Judges {
  const snapshot = smallSnapshot("m", {}, scale);
  const reference = { path: "m.json", snapshot, compiled: compileLayout(snapshot) };
  const policy = {
    mode: "monitor" as const,
    thresholds: { psi: { warning: 0.2, critical: 0.4 } },
    falseAlarms: { budget: 1, perMs: 30 * 24 * HOUR },
    windows: WINDOWS,
    features: { include: undefined, exclude: [] },
  };
  return createJudges([{ name: "m", policy, maxVersions }], {
    find: (model) => (model === "m" ? reference : undefined),
    all: () => [{ model: "m", version: undefined, reference }],
  });
}

/** A clock in which the rests between turns are short. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) };

let store: Store;
const pipelines: Pipeline[] = [];
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", log: silentLog, driftdVersion: "test" });
});
afterEach(async () => {
  for (const pipeline of pipelines.splice(0)) await pipeline.stop();
  await store.close();
});

async function start(options: Partial<PipelineOptions> = {}) {
  const pushed = pushSource();
  const seen: Evaluation[] = [];
  const fatal: Error[] = [];
  const pipeline = await createPipeline({
    store,
    judges: judgesOf(),
    decoders: {
      bytes: createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: false, maxBytes: 1e6 }),
      row: createRowDecoder(DEFAULT_PATHS),
    },
    windows: WINDOWS,
    timing: { paneMs: 5 * MINUTE, allowedLatenessMs: 10 * MINUTE, maxStepMs: HOUR, futureMs: 5 * MINUTE, idleTimeoutMs: 2 * MINUTE },
    stallTimeoutMs: 15 * MINUTE,
    retentionMs: 35 * 24 * HOUR,
    sources: [SOURCE],
    start: () => "earliest",
    ruleOf: () => ({ alert: { forMs: 0, keepFiringForMs: HOUR, windows: WINDOWS.map(({ name }) => name) }, retrain: undefined }),
    hash: hashParts,
    guardNowMs: (endMs) => endMs,
    onDecided: (evaluations) => void seen.push(...evaluations),
    onFatal: (error) => void fatal.push(error),
    patient: true,
    driftd: "test",
    metrics: noMetrics,
    clock: hasty,
    log: silentLog,
    ...options,
  });
  pipelines.push(pipeline);
  await pipeline.run(pushed.source);
  return { ...pushed, pipeline, seen, fatal };
}

const ends = (seen: readonly Evaluation[]) => seen.map(({ window, endMs }) => `${window} ${new Date(endMs).toISOString().slice(11, 16)}`);

test("a finite source is finished when its last window has been judged, not before", async () => {
  const { push, finish, pipeline, seen } = await start();
  push(traffic({ hours: 3 }));
  finish();
  await pipeline.finished;
  expect(ends(seen).at(-1)).toMatch(/03:00$/);
  expect(seen).toHaveLength(36 + 6);
});

test("what is counted is judged only after it is stored", async () => {
  const order: string[] = [];
  const spied: Store = {
    ...store,
    commit: async (batch) => {
      await store.commit(batch);
      order.push("panes");
    },
  };
  const { push, finish, pipeline } = await start({ store: spied, onDecided: () => void order.push("decided") });
  push(traffic({ hours: 1 }));
  finish();
  await pipeline.finished;
  expect(order[0]).toBe("panes");
  expect(order).toContain("decided");
});

describe("a store that refuses", () => {
  const refusing = (error: () => Error | undefined): Store => ({
    ...store,
    commit: (batch) => {
      const refusal = error();
      return refusal === undefined ? store.commit(batch) : Promise.reject(refusal);
    },
  });
  const full = () => new DriftdError("STORE_FULL", "the disk is full");

  test("is asked again, is a problem meanwhile, and nothing is lost", async () => {
    let refuses = true;
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (_, message) => void lines.push(message), info: (_, message) => void lines.push(message) };
    const { push, finish, pipeline, seen } = await start({ store: refusing(() => (refuses ? full() : undefined)), log });
    push(traffic({ hours: 2 }));
    await until("it is a problem", 5_000, () => pipeline.storeProblem() === "the disk is full");
    expect(seen).toEqual([]);
    refuses = false;
    finish();
    await pipeline.finished;
    expect(pipeline.storeProblem()).toBeUndefined();
    expect((await store.panes({ model: "m" })).reduce((sum, { records }) => sum + records, 0)).toBe(480);
    // A repeating error is said once.
    expect(lines).toEqual(["the store refuses: nothing is lost, it will be tried again", "the store answers again"]);
  });

  test("is the end of a replay", async () => {
    const { push, finish, pipeline, fatal } = await start({ store: refusing(full), patient: false });
    push(traffic({ hours: 1 }));
    finish();
    await expect(pipeline.finished).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(fatal).toHaveLength(1);
  });

  test.each([
    ["a bug of ours", new TypeError("undefined is not a function")],
    ["a store that is gone", new DriftdError("STORE_CLOSED", "closed")],
  ])("with %s is never asked again", async (_, error) => {
    const { push, finish, pipeline, fatal } = await start({ store: refusing(() => error) });
    push(traffic({ hours: 1 }));
    finish();
    await expect(pipeline.finished).rejects.toBe(error);
    expect(fatal).toEqual([error]);
  });

  test("pauses the source once much has closed, and lets it go on after the commit", async () => {
    const snapshot = smallSnapshot("m");
    const wide = { ...compileLayout(snapshot), row: { ...compileLayout(snapshot).row, slots: 400_000 } };
    const judges = { ...judgesOf(), route: (_: string | undefined, version: string) => ({ model: "m", version, layout: wide }) };
    let refuses = true;
    const emptied: Store = { ...store, commit: (batch) => (refuses ? Promise.reject(full()) : store.commit({ ...batch, panes: [] })) };
    const { push, calls } = await start({ store: emptied, judges, sources: ["another, so that nothing is evaluated"] });
    push(traffic({ hours: 6, perMinute: 1 }));
    expect(calls).toContain("pause");
    refuses = false;
    await until("it goes on", 5_000, () => calls.includes("resume"));
  });
});

test("with a foreign member in the group records are counted and nothing is judged, until it has left", async () => {
  const { push, foreign, pipeline, seen } = await start();
  foreign(true);
  push(traffic({ hours: 2 }));
  await until("it is stored", 5_000, async () => (await store.panes({ model: "m", finalOnly: true })).length > 10);
  expect(pipeline.blocked()).toContain("foreign member");
  expect(seen).toEqual([]);
  foreign(false);
  push(traffic({ fromMs: T0 + 2 * HOUR, hours: 1 }));
  await until("it is judged", 5_000, () => seen.length > 0);
  expect(ends(seen)[0]).toBe("1h 00:05");
});

test("a stop commits what is counted, and a new start goes on without a record lost or counted twice", async () => {
  const lines = traffic({ hours: 3 });
  const first = await start();
  first.push(lines.slice(0, 401));
  await first.pipeline.stop();
  const second = await start();
  second.push(lines.slice(401));
  second.finish();
  await second.pipeline.finished;
  const panes = await store.panes({ model: "m" });
  expect(panes.reduce((sum, { records }) => sum + records, 0)).toBe(lines.length);
  expect(panes).toHaveLength(36);
  const all = ends([...first.seen, ...second.seen]);
  expect(new Set(all).size).toBe(all.length);
});

describe("another configuration", () => {
  test("is judged by from the next turn on, and what was judged last is judged again", async () => {
    const restored: Evaluation[][] = [];
    const { push, pipeline, seen } = await start({ onRestored: (evaluations) => void restored.push([...evaluations]) });
    push(traffic({ hours: 3 }));
    await until("it is judged", 5_000, () => ends(seen).includes("1h 02:45"));
    let applied = false;
    await pipeline.reconfigure({ judges: judgesOf(2), windows: WINDOWS.slice(0, 1) }, () => {
      applied = true;
    });
    expect(applied).toBe(true);
    expect(restored.at(-1)).toMatchObject([{ window: "1h", endMs: T0 + 165 * MINUTE, verdict: "no_drift" }]);
    const x = restored.at(-1)?.[0]?.features.find(({ feature }) => feature === "x");
    expect(x).toMatchObject({ verdict: "insufficient_data", reason: "reference_changed" });
    const before = seen.length;
    push(traffic({ fromMs: T0 + 3 * HOUR, hours: 3 }));
    await until("it goes on", 5_000, () => ends(seen).includes("1h 05:45"));
    expect(new Set(seen.slice(before).map(({ window }) => window))).toEqual(new Set(["1h"]));
  });

  test("does not wait for the end of a long walk, and the walk is not cut short by it", async () => {
    let asked: Promise<void> | undefined;
    const { push, finish, pipeline, seen } = await start({
      onDecided: (evaluations) => {
        seenHere.push(...evaluations);
        asked ??= pipeline.reconfigure({ judges: judgesOf(), windows: WINDOWS }, () => {
          appliedAfter = seenHere.length;
        });
      },
    });
    const seenHere = seen;
    let appliedAfter = 0;
    push(traffic({ hours: 48, perMinute: 1 }));
    finish();
    await pipeline.finished;
    await asked;
    expect(appliedAfter).toBeLessThan(200);
    expect(seenHere).toHaveLength(48 * 12 + 48 * 2);
  });
});
