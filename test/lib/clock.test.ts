import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a sleep longer than a timer can be ends when it is over, not at once", async () => {
  const days = 86_400_000;
  let over = false;
  void systemClock.sleep(60 * days).then(() => {
    over = true;
  });
  await vi.advanceTimersByTimeAsync(59 * days);
  expect(over).toBe(false);
  await vi.advanceTimersByTimeAsync(days);
  expect(over).toBe(true);
});

test("a signal ends a long sleep, and leaves no timer behind", async () => {
  const stop = new AbortController();
  const sleep = systemClock.sleep(60 * 86_400_000, stop.signal);
  await vi.advanceTimersByTimeAsync(30 * 86_400_000);
  stop.abort();
  await sleep;
  expect(vi.getTimerCount()).toBe(0);
});
