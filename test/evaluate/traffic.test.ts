import { describe, expect, test } from "vitest";
import { anscombe, deviationOf, spreadOf, type Traffic, usualAt } from "../../src/evaluate/traffic.ts";
import { judgeVolume } from "../../src/evaluate/volume.ts";
import { createRandom, normal } from "../bench/records.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const PANE = 5 * MINUTE;
/** A Monday. */
const T0 = Date.UTC(2024, 0, 1);

/** Poisson (Knuth below 30, else rounded normal). */
function poisson(random: () => number, mean: number): number {
  if (mean >= 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let [count, product] = [0, random()];
  for (const limit = Math.exp(-mean); product > limit; product *= random()) count++;
  return count;
}

/** Traffic of counts by pane from T0 on. */
function trafficOf(counts: Float64Array, fromMs = T0, toMs = T0 + counts.length * PANE): Traffic {
  const prefix = new Float64Array(counts.length + 1);
  for (const [i, count] of counts.entries()) prefix[i + 1] = prefix[i]! + count;
  const at = (ms: number) => prefix[Math.min(counts.length, Math.max(0, Math.round((ms - T0) / PANE)))]!;
  return { fromMs, toMs, sum: (startMs, endMs) => at(endMs) - at(startMs) };
}

function countsOf(days: number, seed: number, rate: (ms: number) => number, wander = 0): Float64Array {
  const random = createRandom(seed);
  const counts = new Float64Array((days * DAY) / PANE);
  let level = 1;
  for (let i = 0; i < counts.length; i++) {
    // A new level every hour: what counting alone does not explain.
    if (i % 12 === 0) level = Math.exp(wander * normal(random));
    counts[i] = poisson(random, (rate(T0 + i * PANE) * level * PANE) / HOUR);
  }
  return counts;
}

const hourOf = (ms: number) => Math.floor(ms / HOUR) % 24;
const isWeekend = (ms: number) => Math.floor((ms - T0) / DAY) % 7 >= 5;
const daily = (ms: number) => 600 * (1 + 0.8 * Math.sin((2 * Math.PI * (hourOf(ms) - 6)) / 24));
const business = (ms: number) => (isWeekend(ms) ? 0.1 : 1) * daily(ms);

describe("what is usual", () => {
  const flat = (days: number) => trafficOf(new Float64Array((days * DAY) / PANE).fill(10));

  test.each([
    ["2 days", 2, { lack: "short_history", days: 2 }],
    ["3 days: by hour of the day", 3, { rhythm: "hour_of_day", periods: 3, expected: 120 }],
    ["13 days", 13, { rhythm: "hour_of_day", periods: 13 }],
    ["14 days: by hour of the week", 14, { rhythm: "hour_of_week", periods: 2, expected: 120 }],
    ["28 days", 28, { rhythm: "hour_of_week", periods: 4 }],
  ])("of %s", (_name, days, expected) => {
    const traffic = flat(days);
    expect(usualAt(traffic, traffic.toMs + HOUR, HOUR)).toMatchObject(expected);
  });

  test("is the median of the weeks: one bad week moves it little", () => {
    const counts = new Float64Array((28 * DAY) / PANE).fill(10);
    counts.fill(0, (21 * DAY) / PANE);
    expect(usualAt(trafficOf(counts), T0 + 4 * WEEK + 12 * HOUR, HOUR)).toMatchObject({ expected: 120, low: 120, high: 120 });
  });

  test("takes in the hours beside it, so that neither a steep morning nor summer time alarms", () => {
    const counts = countsOf(28, 1, (ms) => (hourOf(ms) < 8 ? 60 : 6000));
    const morning = usualAt(trafficOf(counts), T0 + 4 * WEEK + 8 * HOUR, HOUR);
    if ("lack" in morning) throw new Error("no history");
    expect(morning.expected).toBeLessThan(100);
    expect(morning.high).toBeGreaterThan(5000);
  });

  test("never takes in the hour before the window: the incident may have begun in it", () => {
    for (const days of [5, 28]) {
      const counts = new Float64Array((days * DAY) / PANE).fill(10);
      counts.fill(0, counts.length - 24);
      const traffic = trafficOf(counts);
      expect(usualAt({ ...traffic, toMs: traffic.toMs - HOUR }, traffic.toMs, HOUR)).toMatchObject({ expected: 120, low: 120 });
    }
  });

  test("of a weekend is not told before a day of one was seen", () => {
    const [fiveDays, sixDays] = [5, 6].map((days) => trafficOf(countsOf(days, 2, business)));
    expect(usualAt(fiveDays!, T0 + 5 * DAY + 12 * HOUR, HOUR)).toMatchObject({ lack: "no_weekend_yet" });
    expect(usualAt(sixDays!, T0 + 6 * DAY + 12 * HOUR, HOUR)).toMatchObject({ rhythm: "hour_of_day" });
    expect(usualAt(fiveDays!, T0 + 4 * DAY + 12 * HOUR, HOUR)).toMatchObject({ rhythm: "hour_of_day" });
  });
});

describe("the spread of healthy traffic", () => {
  test.each([
    ["counting alone", 0, 0],
    ["a tenth", 0.1, 0.1],
    ["a third", 0.3, 0.3],
  ])("is found: %s", (_name, wander, expected) => {
    const found = [1, 2, 3, 4].map((seed) => spreadOf(trafficOf(countsOf(28, seed, daily, wander)), HOUR, "hour_of_week")!);
    const mean = found.reduce((sum, { c2 }) => sum + Math.sqrt(c2), 0) / found.length;
    expect(Math.abs(mean - expected)).toBeLessThan(Math.max(0.03, expected / 5));
    for (const { phi } of found) expect(phi).toBeLessThan(1.35);
  });

  test.each([
    ["a day", 10, 1.1],
    ["three days", 12, 1.3],
  ])("an incident of %s in four weeks hardly widens it", (_name, untilDay, factor) => {
    const counts = countsOf(28, 5, daily, 0.1);
    const healthy = spreadOf(trafficOf(counts), HOUR, "hour_of_week")!;
    const hurt = spreadOf(trafficOf(counts.slice().fill(0, (9 * DAY) / PANE, (untilDay * DAY) / PANE)), HOUR, "hour_of_week")!;
    expect(deviationOf(hurt, 600, 4)).toBeLessThan(factor * deviationOf(healthy, 600, 4));
  });

  test("traffic in batches of uncertain hours has a wide one", () => {
    const random = createRandom(3);
    const counts = new Float64Array((28 * DAY) / PANE);
    for (let hour = 0; hour < 28 * 24; hour++) if (random() < 0.1) counts[hour * 12] = 500;
    expect(spreadOf(trafficOf(counts), HOUR, "hour_of_week")!.phi).toBeGreaterThan(5);
  });

  test("of fewer than 24 windows is not known", () => {
    const day = trafficOf(countsOf(1, 1, daily));
    expect(spreadOf(day, HOUR, "hour_of_day")).toBeUndefined();
  });
});

test("Anscombe's scale gives Poisson counts a variance of 1 whatever their mean", () => {
  const random = createRandom(9);
  for (const mean of [5, 50, 500]) {
    const squares = Array.from({ length: 20_000 }, () => anscombe(poisson(random, mean), mean) ** 2);
    expect(squares.reduce((sum, square) => sum + square, 0) / squares.length).toBeCloseTo(1, 1);
  }
});

/** Windows of an hour every 5 minutes judged as the daemon judges them (but for the alert's 3 of 4), by day. */
function judgeAll(counts: Float64Array, fromMs: number, limit = 4.7) {
  const all = trafficOf(counts);
  const verdicts: { readonly endMs: number; readonly reason: string; readonly verdict: string }[] = [];
  const spreads = new Map<number, ReturnType<typeof spreadOf>>();
  for (let endMs = fromMs; endMs <= all.toMs; endMs += PANE) {
    const usual = usualAt({ ...all, fromMs: Math.max(T0, endMs - 4 * WEEK - HOUR), toMs: endMs - HOUR }, endMs, HOUR);
    const dayMs = Math.floor(endMs / DAY) * DAY;
    if (!("lack" in usual) && !spreads.has(dayMs)) {
      spreads.set(dayMs, spreadOf({ ...all, fromMs: Math.max(T0, dayMs - 27 * DAY), toMs: dayMs }, HOUR, usual.rhythm));
    }
    const { reason, verdict } = judgeVolume(all.sum(endMs - HOUR, endMs), usual, spreads.get(dayMs), limit);
    verdicts.push({ endMs, reason, verdict });
  }
  return verdicts;
}

describe("healthy traffic", () => {
  test.each<[string, (ms: number) => number, number]>([
    ["with a daily cycle", daily, 0],
    ["that wanders by a fifth", daily, 0.2],
    ["of business days", business, 0.1],
    ["of a few records an hour", () => 6, 0.2],
    ["that grows by a tenth a week", (ms) => daily(ms) * 1.1 ** ((ms - T0) / WEEK), 0.1],
    ["whose summer time begins in the fifth week", (ms) => business(ms >= T0 + 4 * WEEK ? ms + HOUR : ms), 0.1],
  ])("%s is never a collapse nor a flood in five weeks from its first day on", (_name, rate, wander) => {
    const failing = judgeAll(countsOf(35, 11, rate, wander), T0 + HOUR).filter(({ verdict }) => verdict === "drift");
    expect(failing).toEqual([]);
  });
});

describe("an incident after four weeks", () => {
  const at = T0 + 4 * WEEK + 10 * HOUR;
  test.each<[string, number, string, number]>([
    ["traffic dropped to zero", 0, "collapse", 1],
    ["traffic halved", 0.5, "collapse", 1.2],
    ["traffic doubled", 2, "flood", 1.2],
    ["traffic times ten", 10, "flood", 0.5],
  ])("%s is seen within so many hours", (_name, factor, reason, hours) => {
    const counts = countsOf(28.5, 12, (ms) => (ms >= at ? factor : 1) * daily(ms), 0.05);
    const failing = judgeAll(counts, at - 2 * HOUR).filter(({ verdict }) => verdict === "drift");
    expect(failing[0]?.reason).toBe(reason);
    expect((failing[0]!.endMs - at) / HOUR).toBeLessThanOrEqual(hours);
  });

  test.each([
    ["a fifth less", 0.8],
    ["a quarter more", 1.25],
  ])("%s is a trifle, however many records there are", (_name, factor) => {
    const counts = countsOf(28.5, 13, (ms) => 100 * (ms >= at ? factor : 1) * daily(ms));
    expect(judgeAll(counts, at - HOUR).filter(({ verdict }) => verdict === "drift")).toEqual([]);
  });
});
