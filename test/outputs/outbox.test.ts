import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { systemClock } from "../../src/lib/clock.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import { type Metrics, noMetrics } from "../../src/metrics/metrics.ts";
import { createOutbox, disabledFact, type Outbox, type OutboxOptions } from "../../src/outputs/outbox.ts";
import type { AttemptResult, OutboxMessage, Output } from "../../src/outputs/output.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

const START = Date.UTC(2026, 0, 10);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const ok: AttemptResult = Object.freeze({ ok: true, status: 204, excerpt: "" });
const down: AttemptResult = Object.freeze({ ok: false, failure: "connection", retry: true, excerpt: "ECONNREFUSED" });
const refused: AttemptResult = Object.freeze({ ok: false, failure: "http_4xx", retry: false, status: 400, excerpt: "no" });
const gone: AttemptResult = Object.freeze({ ok: false, failure: "gone", retry: false, disable: true, status: 410, excerpt: "" });

let folder: string;
let store: Store;
let clock: ManualClock;
const running = new Set<Outbox>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-outbox-"));
  store = await openStore();
  clock = createManualClock(START);
});
afterEach(async () => {
  for (const outbox of running) await outbox.stop();
  running.clear();
  await store.close();
  await rm(folder, { recursive: true });
});

function openStore(): Promise<Store> {
  return openSqliteStore({ path: join(folder, "driftd.db"), log: silentLog, driftdVersion: "0.1.0" });
}

/** An output that answers by a script (its last answer goes on) and keeps what it was sent. */
function scripted(name: string, ...answers: (AttemptResult | ((message: OutboxMessage, signal: AbortSignal) => Promise<AttemptResult>))[]) {
  const sent: string[] = [];
  const output: Output = {
    name,
    type: "webhook",
    send: (message, signal) => {
      const answer = answers[Math.min(sent.length, answers.length - 1)]!;
      sent.push(message.id);
      return typeof answer === "function" ? answer(message, signal) : Promise.resolve(answer);
    },
    close: () => Promise.resolve(),
  };
  return { output, sent };
}

function start(outputs: readonly Output[], options: Partial<OutboxOptions> = {}): Outbox {
  const outbox = createOutbox({ store, outputs, clock, metrics: noMetrics, log: silentLog, random: () => 0.5, ...options });
  running.add(outbox);
  outbox.start();
  return outbox;
}

function put(...ids: string[]): Promise<void> {
  const outbox = ids.map((id) => {
    const output = id.includes("@") ? id.split("@")[1]! : "pipeline";
    return {
      id,
      output,
      type: "driftd.retrain.requested",
      model: "flights",
      version: "1",
      body: `{"id":"${id}"}`,
      createdAtMs: clock.nowMs(),
    };
  });
  return store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox, events: [] });
}

async function statusOf(id: string): Promise<string | undefined> {
  return (await store.deliveries({ id }))[0]?.status;
}

/** Metrics as a map from name and labels to the value. */
function keepMetrics() {
  const values = new Map<string, number>();
  const key = (name: string, labels: object = {}) => `${name}${JSON.stringify(labels)}`;
  const metrics: Metrics = {
    inc: (name, labels, by = 1) => values.set(key(name, labels), (values.get(key(name, labels)) ?? 0) + by),
    set: (name, labels, value) => values.set(key(name, labels), value),
    remove: (name, labels) => values.delete(key(name, labels)),
    observe: (name, labels, value) => values.set(key(name, labels), value),
  };
  const read = (name: string, more: object = {}) => values.get(key(`driftd_webhook_${name}`, { target: "pipeline", ...more }));
  return { metrics, read };
}

/** Log lines as `level message`. */
function keepLog() {
  const lines: string[] = [];
  const at = (level: string) => (_fields: unknown, message: string) => void lines.push(`${level} ${message}`);
  const log: Log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { log, lines };
}

describe("delivery", () => {
  test("a message that was there before the start is sent, and recorded", async () => {
    await put("msg_1");
    const { output, sent } = scripted("pipeline", ok);
    start([output]);
    await clock.resting();
    expect(sent).toEqual(["msg_1"]);
    expect(await statusOf("msg_1")).toBe("delivered");
    expect(await store.attempts("msg_1")).toMatchObject([{ atMs: START, ok: true, status: 204, failure: null }]);
  });

  test("a message committed later is sent when the outbox is woken, and within a minute when it is not", async () => {
    const { output, sent } = scripted("pipeline", ok);
    const outbox = start([output]);
    await clock.resting();
    await put("msg_1");
    outbox.wake();
    await clock.resting();
    expect(sent).toEqual(["msg_1"]);
    await put("msg_2");
    clock.advance(MINUTE);
    await clock.resting();
    expect(sent).toEqual(["msg_1", "msg_2"]);
  });

  test("a failed message is tried again under its id by the schedule, until it is a dead letter", async () => {
    await put("msg_1");
    const { output, sent } = scripted("pipeline", down);
    start([output]);
    const at: number[] = [];
    for (;;) {
      await clock.resting();
      const [row] = await store.deliveries({ id: "msg_1" });
      if (row?.status !== "pending") break;
      at.push(row.nextAttemptAtMs - clock.nowMs());
      // The loop looks at least once a minute; the time goes on in its own steps.
      while (clock.nowMs() < row.nextAttemptAtMs) {
        clock.advance(Math.min(...clock.sleeps()));
        await clock.resting();
      }
    }
    // Half of the longest wait each time, since `random` is 0.5.
    expect(at.map((ms) => ms / 1000)).toEqual([2.5, 150, 900, 3600, 9000, 18_000, 25_200, 36_000, 43_200]);
    expect(await statusOf("msg_1")).toBe("dead");
    expect(sent).toEqual(Array.from({ length: 10 }, () => "msg_1"));
    expect(await store.attempts("msg_1")).toHaveLength(10);
  });

  test("a refused message is a dead letter at once, and the next one goes out", async () => {
    await put("msg_1", "msg_2");
    const { output, sent } = scripted("pipeline", refused, ok);
    start([output]);
    await clock.resting();
    expect(sent).toEqual(["msg_1", "msg_2"]);
    expect([await statusOf("msg_1"), await statusOf("msg_2")]).toEqual(["dead", "delivered"]);
  });

  test("a Retry-After holds for every message of the output", async () => {
    await put("msg_1", "msg_2");
    const { output, sent } = scripted("pipeline", { ...down, failure: "rate_limited", status: 429, retryAfterMs: 30_000 }, ok);
    start([output]);
    await clock.resting();
    expect(sent).toEqual(["msg_1"]);
    clock.advance(29_999);
    await clock.resting();
    expect(sent).toEqual(["msg_1"]);
    clock.advance(1);
    await clock.resting();
    expect(sent.slice(1).sort()).toEqual(["msg_1", "msg_2"]);
  });

  test("a receiver that hangs delays no other output", async () => {
    await put("msg_1@slow", "msg_2@fast");
    const slow = scripted("slow", (_message, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(down))));
    const fast = scripted("fast", ok);
    start([slow.output, fast.output]);
    await clock.resting();
    expect(fast.sent).toEqual(["msg_2@fast"]);
    expect(await statusOf("msg_1@slow")).toBe("pending");
  });
});

describe("a notice whose episode is over", () => {
  /** Waits until it is let go. */
  function held() {
    const gate = Promise.withResolvers<AttemptResult>();
    const began = Promise.withResolvers<void>();
    const first = () => {
      began.resolve();
      return gate.promise;
    };
    return { ...scripted("pipeline", first, ok), began: began.promise, release: gate.resolve };
  }

  test("is withdrawn with its end when nobody was told the beginning", async () => {
    await put("blocker", "firing", "resolved");
    const { output, sent, began, release } = held();
    const outbox = start([output]);
    await began;
    expect(await outbox.withdraw(["firing", "never"], "resolved")).toBe(true);
    release(ok);
    await clock.resting();
    expect(sent).toEqual(["blocker"]);
    expect([await statusOf("firing"), await statusOf("resolved")]).toEqual(["cancelled", "cancelled"]);
  });

  test.each([
    ["being told just now", "firing"],
    ["told", "other"],
  ])("goes out, and its end too, when the beginning is %s", async (_, first) => {
    await put(first, ...(first === "firing" ? [] : ["firing"]), "resolved");
    const { output, began, release } = held();
    const outbox = start([output]);
    await began;
    if (first === "other") {
      release(ok);
      await clock.resting();
    }
    expect(await outbox.withdraw(["firing"], "resolved")).toBe(false);
    release(ok);
    await clock.resting();
    expect([await statusOf("firing"), await statusOf("resolved")]).toEqual(["delivered", "delivered"]);
  });

  test("is not tried again when an attempt has failed, but its end goes out: the beginning may have arrived all the same", async () => {
    await put("firing");
    const { output, sent } = scripted("pipeline", down, ok);
    const outbox = start([output]);
    await clock.resting();
    await put("resolved");
    expect(await outbox.withdraw(["firing"], "resolved")).toBe(false);
    await clock.resting();
    await clock.advance(HOUR);
    expect(sent).toEqual(["firing", "resolved"]);
    expect([await statusOf("firing"), await statusOf("resolved")]).toEqual(["cancelled", "delivered"]);
  });

  test("whose attempt fails while its end is told is not tried again", async () => {
    await put("firing", "resolved");
    const { output, sent, began, release } = held();
    const outbox = start([output]);
    await began;
    expect(await outbox.withdraw(["firing"], "resolved")).toBe(false);
    release(down);
    await clock.resting();
    await clock.advance(HOUR);
    expect(sent).toEqual(["firing", "resolved"]);
    expect([await statusOf("firing"), await statusOf("resolved")]).toEqual(["cancelled", "delivered"]);
  });

  test("nothing that is there is nothing to withdraw", async () => {
    await put("resolved");
    const outbox = start([scripted("pipeline", ok).output]);
    expect(await outbox.withdraw(["firing"], "resolved")).toBe(false);
  });
});

test("whoever watches is told of every attempt and every cancellation", async () => {
  await put("msg_1", "msg_2");
  let moved = 0;
  const outbox = start([scripted("pipeline", ok, down).output], { onMoved: () => moved++ });
  await clock.resting();
  expect(moved).toBe(2);
  expect(await outbox.cancel(["msg_2"])).toBe(1);
  expect(moved).toBe(3);
});

describe("a crash", () => {
  test("between an attempt and its record sends the message again under the same id", async () => {
    await put("msg_1");
    const { output, sent } = scripted("pipeline", ok);
    const dying = { ...store, recordAttempt: () => Promise.reject(new Error("killed")) };
    const first = start([output], { store: dying });
    await clock.resting();
    await first.stop();
    await store.close();
    store = await openStore();
    start([output]);
    await clock.resting();
    expect(sent).toEqual(["msg_1", "msg_1"]);
    expect(await statusOf("msg_1")).toBe("delivered");
  });

  test("at any point loses no message and gives none a second id", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 }), async (lives) => {
        const ids = [1, 2, 3].map((n) => `msg_${n}_${lives.join("")}_${clock.nowMs()}`);
        await put(...ids);
        const { output, sent } = scripted("pipeline", ok);
        for (const calls of [...lives, 1000]) {
          // The store stops answering after so many calls: all that a killed process leaves behind.
          let left = calls;
          const guard =
            <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
            (...args: A): Promise<R> =>
              left-- > 0 ? call(...args) : Promise.reject(new Error("killed"));
          const mortal = {
            ...store,
            due: guard(store.due),
            recordAttempt: guard(store.recordAttempt),
            deliveries: guard(store.deliveries),
          };
          const outbox = start([output], { store: mortal });
          await clock.resting();
          await outbox.stop();
        }
        for (const id of ids) expect(await statusOf(id)).toBe("delivered");
        expect([...new Set(sent)].sort()).toEqual([...ids].sort());
        clock.advance(1);
      }),
      { numRuns: 15 },
    );
  });

  test("of the store alone is logged once, and delivery goes on when it is back", async () => {
    await put("msg_1");
    const { output, sent } = scripted("pipeline", ok);
    let broken = true;
    const flaky = {
      ...store,
      due: (...args: Parameters<Store["due"]>) => (broken ? Promise.reject(new Error("disk full")) : store.due(...args)),
    };
    const { log, lines } = keepLog();
    start([output], { store: flaky, log });
    for (let i = 0; i < 3; i++) {
      await clock.resting();
      clock.advance(MINUTE);
    }
    await clock.resting();
    broken = false;
    clock.advance(MINUTE);
    await clock.resting();
    expect(sent).toEqual(["msg_1"]);
    expect(lines).toEqual(["error outbox cannot use the store", "info delivered"]);
  });
});

describe("a 410", () => {
  test("disables the output, also after a restart; its other messages wait", async () => {
    await put("msg_1", "msg_2");
    const first = scripted("pipeline", gone);
    const before = start([first.output]);
    await clock.resting();
    expect(first.sent).toEqual(["msg_1"]);
    expect(await before.disabled()).toEqual(["pipeline"]);
    await before.stop();
    const second = scripted("pipeline", ok);
    start([second.output]);
    await clock.resting();
    expect(second.sent).toEqual([]);
    expect([await statusOf("msg_1"), await statusOf("msg_2")]).toEqual(["dead", "pending"]);
    expect(await store.getFact(disabledFact("pipeline"))).toBe("2026-01-10T00:00:00.000Z");
  });

  test("is lifted by a replay, which sends that message and those that waited", async () => {
    await put("msg_1", "msg_2");
    const { output, sent } = scripted("pipeline", gone, ok);
    const outbox = start([output]);
    await clock.resting();
    expect(await outbox.replay("msg_1")).toBe("replayed");
    await clock.resting();
    expect(sent.toSorted()).toEqual(["msg_1", "msg_1", "msg_2"]);
    expect(await outbox.disabled()).toEqual([]);
  });
});

describe("a replay", () => {
  test("sends a delivered message again under its id", async () => {
    await put("msg_1");
    const { output, sent } = scripted("pipeline", ok);
    const outbox = start([output]);
    await clock.resting();
    await outbox.replay("msg_1");
    await clock.resting();
    expect(sent).toEqual(["msg_1", "msg_1"]);
    expect(await store.attempts("msg_1")).toHaveLength(2);
  });

  test("knows what it does not know", async () => {
    await put("msg_1@elsewhere");
    const outbox = start([scripted("pipeline", ok).output]);
    expect(await outbox.replay("msg_0")).toBe("unknown_delivery");
    expect(await outbox.replay("msg_1@elsewhere")).toBe("unknown_output");
  });
});

describe("when an episode is over", () => {
  test("its waiting messages are cancelled, attempted before or not; delivered ones stay delivered", async () => {
    await put("msg_done");
    const { output, sent } = scripted("pipeline", ok, down);
    const outbox = start([output]);
    await clock.resting();
    await put("msg_tried");
    outbox.wake();
    await clock.resting();
    expect(await outbox.cancel(["msg_done", "msg_tried", "msg_unknown"])).toBe(1);
    clock.advance(HOUR);
    await clock.resting();
    expect(sent).toEqual(["msg_done", "msg_tried"]);
    expect([await statusOf("msg_done"), await statusOf("msg_tried")]).toEqual(["delivered", "cancelled"]);
  });

  test.each([
    ["a failure cancels it", down, "cancelled"],
    ["a success counts", ok, "delivered"],
  ] as [string, AttemptResult, string][])("an attempt in flight ends first: %s", async (_name, answer, status) => {
    await put("msg_1");
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<AttemptResult>();
    const { output } = scripted("pipeline", () => {
      asked.resolve();
      return answered.promise;
    });
    const outbox = start([output]);
    await asked.promise;
    expect(await outbox.cancel(["msg_1"])).toBe(1);
    answered.resolve(answer);
    await clock.resting();
    expect(await statusOf("msg_1")).toBe(status);
    expect(await store.attempts("msg_1")).toHaveLength(1);
  });

  test("a message that was read but not yet sent is not sent", async () => {
    await put("msg_1");
    const { output, sent } = scripted("pipeline", ok);
    let outbox: Outbox | undefined;
    let raced = false;
    const racing = {
      ...store,
      due: async (...args: Parameters<Store["due"]>) => {
        const rows = await store.due(...args);
        if (!raced && rows.length > 0) {
          raced = true;
          await outbox?.cancel(["msg_1"]);
        }
        return rows;
      },
    };
    outbox = start([output], { store: racing });
    await clock.resting();
    expect(raced).toBe(true);
    expect(sent).toEqual([]);
    expect(await statusOf("msg_1")).toBe("cancelled");
  });
});

describe("stopping", () => {
  test("ends an attempt in flight without recording it", async () => {
    await put("msg_1");
    const asked = Promise.withResolvers<void>();
    const { output } = scripted("pipeline", (_message, signal) => {
      asked.resolve();
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(down)));
    });
    const outbox = start([output]);
    await asked.promise;
    await outbox.stop();
    expect(await statusOf("msg_1")).toBe("pending");
    expect(await store.attempts("msg_1")).toEqual([]);
  });

  test("returns in bounded time from an output that does not heed its signal", async () => {
    await put("msg_1");
    const asked = Promise.withResolvers<void>();
    const { output } = scripted("pipeline", () => {
      asked.resolve();
      return new Promise(() => {});
    });
    const outbox = start([output]);
    await asked.promise;
    const stopped = outbox.stop();
    await clock.resting();
    clock.advance(2000);
    await stopped;
    expect(await statusOf("msg_1")).toBe("pending");
  });

  test("may be preceded by drain, which sends what is due and stops nothing", async () => {
    const { output, sent } = scripted("pipeline", ok);
    const outbox = start([output]);
    await clock.resting();
    await put("msg_1", "msg_2");
    await outbox.drain(5000);
    expect(sent).toEqual(["msg_1", "msg_2"]);
    await put("msg_3");
    await outbox.drain(5000);
    expect(sent).toEqual(["msg_1", "msg_2", "msg_3"]);
  });

  test("is not held up by a drain: it ends at its deadline", async () => {
    await put("msg_1");
    const asked = Promise.withResolvers<void>();
    const { output } = scripted("pipeline", (_message, signal) => {
      asked.resolve();
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(down)));
    });
    const outbox = start([output]);
    await asked.promise;
    const drained = outbox.drain(5000);
    await clock.resting();
    clock.advance(5000);
    await drained;
    expect(await statusOf("msg_1")).toBe("pending");
  });

  test("twice is one stop, and a start after it fails", async () => {
    const outbox = start([scripted("pipeline", ok).output]);
    expect(outbox.stop()).toBe(outbox.stop());
    await outbox.stop();
    expect(() => outbox.start()).toThrow();
  });
});

describe("what is told", () => {
  test("the metrics of a target", async () => {
    await put("msg_1", "msg_2", "msg_3");
    const { metrics, read } = keepMetrics();
    const { output } = scripted("pipeline", ok, refused, down);
    start([output], { metrics });
    await clock.resting();
    expect(read("attempts_total")).toBe(3);
    expect(read("attempt_failures_total", { reason: "http_4xx" })).toBe(1);
    expect(read("attempt_failures_total", { reason: "connection" })).toBe(1);
    expect(read("attempt_failures_total", { reason: "timeout" })).toBe(0);
    expect(read("queue_length")).toBe(1);
    expect(read("oldest_pending_timestamp_seconds")).toBe(START / 1000);
    expect(read("dead_letters")).toBe(1);
    expect(read("target_disabled")).toBe(0);
    expect(read("last_success_timestamp_seconds")).toBe(START / 1000);
  });

  test("an empty queue has no oldest message", async () => {
    await put("msg_1");
    const { metrics, read } = keepMetrics();
    start([scripted("pipeline", ok).output], { metrics });
    await clock.resting();
    expect(read("queue_length")).toBe(0);
    expect(read("oldest_pending_timestamp_seconds")).toBe(undefined);
  });

  test("a repeating failure is logged once, the dead letter and the success always", async () => {
    await put("msg_1");
    const { log, lines } = keepLog();
    start([{ ...scripted("pipeline", down, down, down, refused).output }], { log });
    for (let i = 0; i < 4; i++) {
      await clock.resting();
      const [row] = await store.deliveries({ id: "msg_1" });
      while (row !== undefined && clock.nowMs() < row.nextAttemptAtMs) {
        clock.advance(Math.min(...clock.sleeps()));
        await clock.resting();
      }
    }
    expect(lines).toEqual(["warn delivery failed, will be tried again", "error delivery given up"]);
  });

  test("an output that throws is our bug, and the message is tried again", async () => {
    await put("msg_1");
    const { log, lines } = keepLog();
    start([scripted("pipeline", () => Promise.reject(new TypeError("x is not a function"))).output], { log });
    await clock.resting();
    expect(lines[0]).toBe("error output failed by itself");
    expect(await statusOf("msg_1")).toBe("pending");
  });
});

test("the host's clock does it too", async () => {
  await put("msg_1");
  const done = Promise.withResolvers<void>();
  const { output } = scripted("pipeline", () => {
    done.resolve();
    return Promise.resolve(ok);
  });
  const outbox = start([output], { clock: systemClock });
  await done.promise;
  await outbox.drain(5000);
  expect(await statusOf("msg_1")).toBe("delivered");
});
