/**
 * Watches the event loop from inside: how long it was held (by the clock, and by this thread's own CPU time, which leaves out what other
 * processes of a busy machine took), the longest garbage collection, and the greatest RSS.
 */

import { monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";

export type LoopReport = {
  /** Delay of timers by the clock, ms. */
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The most CPU time that this thread spent between two turns of the loop, ms. */
  readonly maxCpuMs: number;
  readonly maxGcMs: number;
  readonly maxRssBytes: number;
};

const LOOK_MS = 1;
const RSS_EVERY_LOOKS = 50;

/** Begins to watch; `stop` says what was seen. Costs about half a percent of a core. */
export function watchLoop(): { readonly stop: () => LoopReport } {
  const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  delay.enable();
  let maxGcMs = 0;
  const collector = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) maxGcMs = Math.max(maxGcMs, duration);
  });
  collector.observe({ entryTypes: ["gc"] });
  let maxCpuMs = 0;
  let maxRssBytes = 0;
  let looks = 0;
  let before = threadCpuMs();
  const timer = setInterval(() => {
    const now = threadCpuMs();
    maxCpuMs = Math.max(maxCpuMs, now - before);
    before = now;
    if (looks++ % RSS_EVERY_LOOKS === 0) maxRssBytes = Math.max(maxRssBytes, process.memoryUsage.rss());
  }, LOOK_MS);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      delay.disable();
      collector.disconnect();
      return {
        p99Ms: delay.percentile(99) / 1e6 - LOOK_MS,
        maxMs: delay.max / 1e6 - LOOK_MS,
        maxCpuMs,
        maxGcMs,
        maxRssBytes: Math.max(maxRssBytes, process.memoryUsage.rss()),
      };
    },
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The most CPU time, ms, that one asynchronous piece of work takes in a single turn of the loop, and by the clock as a whole. */
export async function longestTurn(work: () => Promise<unknown>): Promise<{ readonly heldMs: number; readonly tookMs: number }> {
  let heldMs = 0;
  let working = true;
  let before = threadCpuMs();
  const look = () => {
    const now = threadCpuMs();
    heldMs = Math.max(heldMs, now - before);
    before = now;
    if (working) setImmediate(look);
  };
  setImmediate(look);
  const beganMs = performance.now();
  await work();
  const tookMs = performance.now() - beganMs;
  working = false;
  await new Promise((resolve) => setImmediate(resolve));
  return { heldMs, tookMs };
}
