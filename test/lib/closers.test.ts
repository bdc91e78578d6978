import { expect, test } from "vitest";

import type { Clock } from "../../src/lib/clock.ts";
import { createClosers } from "../../src/lib/closers.ts";
import { silentLog } from "../../src/lib/log.ts";

/** A clock that jumps at once to whatever is waited for longest ago, once nothing else is left to do. */
function jumpingClock(): Clock & { readonly waits: number[] } {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        waits.push(ms);
        setImmediate(() => {
          if (signal?.aborted !== true) nowMs += ms;
          resolve();
        });
      }),
    every: () => () => {},
  };
}

const closers = (deadlineMs = 1000, clock = jumpingClock()) => createClosers({ deadlineMs, clock, log: silentLog });

test("steps run in reverse order of their opening", async () => {
  const order: string[] = [];
  const pile = closers();
  for (const name of ["store", "http", "source"]) pile.add(name, () => void order.push(name));
  await pile.close();
  expect(order).toEqual(["source", "http", "store"]);
});

test("a failing step does not skip the rest, and is named in the error", async () => {
  const order: string[] = [];
  const pile = closers();
  pile.add("store", () => void order.push("store"));
  pile.add("http", () => {
    throw new Error("port gone");
  });
  pile.add("source", () => Promise.reject(new Error("peer gone")));
  await expect(pile.close()).rejects.toMatchObject({
    code: "CLOSE_FAILED",
    message: "closing failed: source (peer gone), http (port gone)",
  });
  expect(order).toEqual(["store"]);
});

test("a hanging step leaves time to those below it, and is told to end", async () => {
  const order: string[] = [];
  const pile = closers();
  let told = false;
  pile.add("store", () => void order.push("store"));
  pile.add("source", (signal) => {
    signal.addEventListener("abort", () => {
      told = true;
    });
    return new Promise(() => {});
  });
  await expect(pile.close()).rejects.toMatchObject({ message: "closing failed: source (not done after 500 ms)" });
  expect([told, order]).toEqual([true, ["store"]]);
});

test("however many steps hang, the whole ends by the deadline", async () => {
  const clock = jumpingClock();
  const pile = closers(1000, clock);
  for (const name of ["a", "b", "c"]) pile.add(name, () => new Promise(() => {}));
  await expect(pile.close()).rejects.toMatchObject({ code: "CLOSE_FAILED" });
  expect([clock.waits, clock.monotonicMs()]).toEqual([[500, 250, 250], 1000]);
});

test("closing twice gives the first answer and runs no step again", async () => {
  let runs = 0;
  const pile = closers();
  pile.add("a", () => {
    runs++;
    throw new Error("once");
  });
  const first = pile.close();
  expect(pile.close()).toBe(first);
  await expect(first).rejects.toMatchObject({ code: "CLOSE_FAILED" });
  expect(runs).toBe(1);
});

test("nothing can be added once closing has begun", async () => {
  const pile = closers();
  await pile.close();
  expect(() => pile.add("late", () => {})).toThrow("late was opened after closing had begun");
});

test("a step that fails after its time harms nothing", async () => {
  const pile = closers();
  const late = Promise.withResolvers<void>();
  pile.add("a", () => late.promise);
  await expect(pile.close()).rejects.toMatchObject({ code: "CLOSE_FAILED" });
  late.reject(new Error("too late"));
  await new Promise((resolve) => setImmediate(resolve));
});
