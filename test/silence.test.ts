import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Volume } from "../src/evaluate/volume.ts";
import { silentLog } from "../src/lib/log.ts";
import type { LastRecord } from "../src/panes/tally.ts";
import { createSilences, type SilentModel } from "../src/silence.ts";
import type { SourceStatus } from "../src/sources/source.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import type { EventRow, Store } from "../src/store/store.ts";
import { createHandClock } from "./panes/harness.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", log: silentLog, driftdVersion: "test" });
});
afterEach(() => store.close());

/** A model `m` of a topic with two partitions, looked at every 5 s of a clock moved by hand. */
function watch(silenceMs: SilentModel["silenceMs"] = 10 * MINUTE) {
  const clock = createHandClock();
  const state = {
    models: [{ name: "m", silenceMs }] as SilentModel[],
    connected: true,
    assigned: true,
    storeProblem: undefined as string | undefined,
    /** Positions and ends of both partitions. */
    next: [0, 0],
    end: [0, 0] as (number | null)[],
    zero: { verdict: "drift", reason: "collapse", records: 0, expected: 120 } as Volume | undefined,
    asked: [] as { readonly startMs: number; readonly endMs: number }[],
    series: new Map<string, number>(),
  };
  const last = new Map<string, LastRecord>();
  const events: EventRow[] = [];
  const metrics = {
    set: (name: string, labels: object, value: number) => void state.series.set(`${name} ${JSON.stringify(labels)}`, value),
    remove: (name: string, labels: object) => void state.series.delete(`${name} ${JSON.stringify(labels)}`),
    inc: () => {},
    observe: () => {},
  };
  const options = {
    models: () => state.models,
    sources: (): SourceStatus[] => [
      {
        source: "kafka:t",
        connected: state.connected,
        partitions: [0, 1].map((partition) => ({
          ...{ partition, next: state.next[partition]!, end: state.end[partition]!, assigned: state.assigned },
        })),
      },
    ],
    storeProblem: () => state.storeProblem,
    lastRecords: () => [...last.values()],
    zeroBetween: async (_model: string, startMs: number, endMs: number) => {
      state.asked.push({ startMs, endMs });
      return state.zero;
    },
    leastMs: 20 * MINUTE,
    store,
    onEvents: (rows: readonly EventRow[]) => void events.push(...rows),
    ...{ metrics: metrics as never, clock, log: silentLog },
  };
  let silences = createSilences(options);
  return {
    state,
    events,
    clock,
    of: () => silences.of("m"),
    record: (version = "1") => void last.set(version, { model: "m", version, atMs: clock.nowMs() }),
    /** Lets time pass, looking every 5 s. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 5 * SECOND) {
        clock.move(5 * SECOND);
        await silences.look();
      }
    },
    restart() {
      last.clear();
      silences = createSilences(options);
    },
  };
}

const typesOf = (events: readonly EventRow[]) => events.map(({ type }) => type);

describe("a model without records", () => {
  test("is silent once the time is over, not before, and resumes with the first record", async () => {
    const { pass, record, of, events, state, clock } = watch();
    await pass(10 * SECOND);
    record();
    const lastMs = clock.nowMs();
    await pass(9 * MINUTE);
    expect(of()).toEqual({ model: "m", version: "1", silent: false, reason: "not_due", sinceMs: lastMs, lastRecordMs: lastMs });
    await pass(65 * SECOND);
    expect(of()).toMatchObject({ silent: true, reason: "silent", sinceMs: lastMs });
    expect(state.series.get('driftd_model_silent {"model":"m","version":"1"}')).toBe(1);
    await pass(HOUR);
    expect(typesOf(events)).toEqual(["driftd.volume.silence"]);
    expect(JSON.parse(events[0]!.body)).toEqual({ since: new Date(lastMs).toISOString(), silent_seconds: 605 });
    record();
    await pass(5 * SECOND);
    expect(of()).toMatchObject({ silent: false, reason: "records" });
    expect(state.series.get('driftd_model_silent {"model":"m","version":"1"}')).toBe(0);
    expect(typesOf(events)).toEqual(["driftd.volume.silence", "driftd.volume.resumed"]);
    expect(await store.events({ after: 0, limit: 10 })).toMatchObject([{ type: "driftd.volume.silence", model: "m", version: "1" }, {}]);
  });

  test("is silent too if none came since the start", async () => {
    const { pass, of } = watch();
    await pass(9 * MINUTE);
    expect(of()).toMatchObject({ silent: false });
    await pass(2 * MINUTE);
    expect(of()).toMatchObject({ silent: true, version: "" });
  });

  test("is never silent where that is switched off, and a silence under way ends without a series", async () => {
    const { pass, of, state } = watch();
    await pass(11 * MINUTE);
    expect(of()).toMatchObject({ silent: true });
    state.models = [{ name: "m", silenceMs: null }];
    await pass(5 * SECOND);
    expect([of(), [...state.series]]).toEqual([undefined, []]);
  });

  test("a new version takes the series over", async () => {
    const { pass, record, state } = watch();
    record("1");
    await pass(5 * SECOND);
    record("2");
    await pass(5 * SECOND);
    expect([...state.series.keys()]).toEqual(['driftd_model_silent {"model":"m","version":"2"}']);
  });
});

describe("what is not the model's silence", () => {
  test.each<[string, (down: boolean) => Partial<ReturnType<typeof watch>["state"]>, string]>([
    ["a source that is down", (down) => ({ connected: !down }), "source_down"],
    ["partitions of another", (down) => ({ assigned: !down }), "unassigned"],
    ["a store that refuses", (down) => ({ storeProblem: down ? "full" : undefined }), "store"],
  ])("%s, and its time does not count", async (_name, stateWhen, reason) => {
    const { pass, of, state, events } = watch();
    await pass(6 * MINUTE);
    Object.assign(state, stateWhen(true));
    await pass(HOUR);
    expect(of()).toMatchObject({ silent: false, reason });
    Object.assign(state, stateWhen(false));
    await pass(9 * MINUTE);
    expect([of()?.silent, events]).toEqual([false, []]);
    await pass(2 * MINUTE);
    expect(of()).toMatchObject({ silent: true });
  });

  test("a backlog: the model's records may stand in what has not been read", async () => {
    const { pass, of, state, events } = watch();
    await pass(MINUTE);
    state.end = [0, 1_000];
    for (let read = 0; read < 1_000; read += 10) {
      state.next = [0, read];
      await pass(MINUTE);
    }
    expect(of()).toMatchObject({ silent: false, reason: "catching_up" });
    expect(events).toEqual([]);
    state.next = [0, 1_000];
    await pass(MINUTE);
    // All that stood there was read, and none of it was the model's.
    expect(of()).toMatchObject({ silent: true });
  });

  test("a log that grows all the time is read through as long as what was seen of it is passed", async () => {
    const { pass, of, state } = watch();
    for (let minute = 0; minute < 12; minute++) {
      state.next = [100 * minute, 100 * minute];
      state.end = [100 * minute + 7, 100 * minute + 7]; // never quite at the end
      await pass(MINUTE);
    }
    expect(of()).toMatchObject({ silent: true });
  });

  test("ends that no answer has told yet", async () => {
    const { pass, of, state } = watch();
    state.end = [0, null];
    await pass(HOUR);
    expect(of()).toMatchObject({ silent: false, reason: "catching_up" });
  });
});

describe("auto", () => {
  test("asks the past after two panes and the lateness, for the time that was read", async () => {
    const { pass, of, state, record, clock } = watch("auto");
    await pass(5 * SECOND);
    record();
    const lastMs = clock.nowMs();
    await pass(20 * MINUTE);
    expect([state.asked, of()?.silent]).toEqual([[], false]);
    await pass(10 * SECOND);
    expect(state.asked).toEqual([{ startMs: lastMs, endMs: expect.any(Number) }]);
    expect(state.asked[0]!.endMs - lastMs).toBeGreaterThanOrEqual(20 * MINUTE);
    expect(of()).toMatchObject({ silent: true });
  });

  test.each<[string, Volume | undefined, string]>([
    ["zero is usual at this hour", { verdict: "insufficient_data", reason: "thin_hour", records: 0 }, "not_due"],
    ["zero is no wonder", { verdict: "no_drift", reason: "usual", records: 0 }, "not_due"],
    ["the past is short", { verdict: "insufficient_data", reason: "short_history", records: 0 }, "unknown"],
    ["nothing is known", undefined, "unknown"],
  ])("where %s the model is not silent, and asked again", async (_name, zero, reason) => {
    const { pass, of, state } = watch("auto");
    state.zero = zero;
    await pass(2 * HOUR);
    expect(of()).toMatchObject({ silent: false, reason });
    state.zero = { verdict: "drift", reason: "collapse", records: 0, expected: 30 };
    await pass(5 * SECOND);
    expect(of()).toMatchObject({ silent: true });
  });
});

describe("after a restart", () => {
  test("a silence goes on without a second event, and ends with the first record", async () => {
    const { pass, of, record, restart, events } = watch();
    await pass(11 * MINUTE);
    restart();
    await pass(5 * SECOND);
    expect(of()).toMatchObject({ silent: true });
    await pass(HOUR);
    record();
    await pass(5 * SECOND);
    restart();
    await pass(5 * SECOND);
    expect(of()).toMatchObject({ silent: false });
    expect(typesOf(events)).toEqual(["driftd.volume.silence", "driftd.volume.resumed"]);
  });

  test("the time of silence begins anew: the downtime was driftd's", async () => {
    const { pass, of, restart, clock } = watch();
    await pass(6 * MINUTE);
    clock.move(5 * HOUR);
    restart();
    await pass(9 * MINUTE);
    expect(of()).toMatchObject({ silent: false });
  });
});
