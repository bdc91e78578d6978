/** The figures of rule R on real traffic: half a year of US flights against its first two weeks, and its first four. */

import { beforeAll, describe, expect, it } from "vitest";
import type { Severity } from "../../src/decide/alert.ts";
import { type AlertState, type Change, inactiveState, sustained, transition } from "../../src/decide/transition.ts";
import { type PreparedReference, prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import type { CategoricalFeature } from "../../src/reference/snapshot.ts";
import { DAY, type Fault, type Feature, type Flights, HOUR, readFlights, snapshotOf, walkWindows } from "./flights.ts";

const FROM = Date.parse("2001-01-01T00:00:00Z");
/** 24 weeks after the first two. */
const TO = Date.parse("2001-07-01T00:00:00Z");
const endOf = (days: number): number => FROM + days * DAY;

let flights: Flights;
const references = new Map<number, PreparedReference>();

beforeAll(async () => {
  flights = await readFlights();
  for (const days of [14, 28]) references.set(days, prepareReference(snapshotOf(flights, FROM, endOf(days)), DEFAULT_POLICY));
}, 60_000);

/** Replays a stretch through evaluation and alert state; `go` sees the state after each window end and ends it early by false. */
function replay(
  days: number,
  stretch: { fromMs: number; toMs: number; fault?: Fault },
  go: (state: AlertState, endMs: number) => boolean = () => true,
): Change[] {
  const reference = references.get(days)!;
  const windows = DEFAULT_POLICY.windows.map(({ name }) => name);
  const rule = { forMs: 0, keepFiringForMs: DAY, windows };
  let state: AlertState = inactiveState;
  let batch: Evaluation[] = [];
  let endMs = -1;
  const seen: Change[] = [];
  const decide = (): boolean => {
    const moved = transition(state, batch, rule, (parts) => parts.join("/"));
    state = moved.state;
    seen.push(...moved.changes);
    return go(state, endMs);
  };
  walkWindows(flights, reference.snapshot, DEFAULT_POLICY.windows, stretch, (window) => {
    let on = true;
    if (window.endMs !== endMs) {
      if (batch.length > 0) on = decide();
      batch = [];
      endMs = window.endMs;
    }
    batch.push(evaluateWindow(window, reference));
    return on;
  });
  if (batch.length > 0) decide();
  return seen;
}

const episodes = (changes: readonly Change[], severity?: "critical"): Set<string> =>
  new Set(
    changes
      .filter(
        ({ kind, episode }) => (kind === "firing" || kind === "escalated") && (severity === undefined || episode.severity === severity),
      )
      .map(({ episode }) => episode.id),
  );

const daysOf = (changes: readonly Change[]): string[] =>
  [...episodes(changes)].map((id) => new Date(Number(id.split("/")[2])).toISOString().slice(0, 10));

describe("rule R on half a year of flights", () => {
  // Not because nothing can fire: the storm of 25 February and the closed airports of March, April and June are found.
  it.each([
    [14, 1, ["2001-02-25", "2001-03-05", "2001-04-11", "2001-06-09"]],
    [28, 0, ["2001-03-05", "2001-04-11", "2001-05-27", "2001-06-09"]],
  ])("after a reference of %d days fires %d critical episodes, and warns of what happened", { timeout: 120_000 }, (days, critical, all) => {
    const changes = replay(days, { fromMs: endOf(days), toMs: TO });
    const months = (TO - endOf(days)) / (30 * DAY);
    expect(episodes(changes, "critical").size).toBe(critical);
    expect(critical / months).toBeLessThanOrEqual(0.2);
    expect(daysOf(changes)).toEqual(all);
    expect(all.length / months).toBeLessThanOrEqual(1);
  });

  it("finds delay in seconds from 5 February, in one critical episode and nothing else", { timeout: 60_000 }, () => {
    const onsetMs = Date.parse("2001-02-05T00:00:00Z");
    const changes = replay(14, {
      fromMs: endOf(14),
      toMs: Date.parse("2001-02-19T00:00:00Z"),
      fault: { feature: "delay", fromMs: onsetMs, change: (minutes) => minutes * 60 },
    });
    expect([...episodes(changes)]).toHaveLength(1);
    const first = changes.find(({ kind }) => kind === "firing");
    expect(new Date(first?.endMs ?? 0).toISOString()).toBe("2001-02-05T02:00:00.000Z");
    expect(first?.episode).toMatchObject({ severity: "critical", features: ["delay"] });
    expect(changes.filter(({ kind }) => kind === "features_changed")).toEqual([]);
  });
});

describe("a fault planted in flights", () => {
  // Eight onsets, from 06:00 to 20:00, eighteen or twenty days apart; what counts is the feature that the fault befell.
  const onsetsOf = (days: number): number[] =>
    Array.from({ length: 8 }, (_, i) => endOf(days) + (4 + (days === 14 ? 20 : 18) * i) * DAY + (6 + 2 * i) * HOUR);
  const one = (in_: number) => (row: number) => (Math.imul(row, 2654435761) >>> 0) % in_ === 0;
  const fiftieth = one(50);
  const tenth = one(10);

  /** Hours until the feature has sustained the severity, ascending; Infinity where it was not found within `hours`. */
  function delays(days: number, feature: Feature, change: Fault["change"], severity: Severity, hours: number): number[] {
    return onsetsOf(days)
      .map((onsetMs) => {
        let found = Number.POSITIVE_INFINITY;
        const fault = { feature, fromMs: onsetMs, change };
        replay(days, { fromMs: onsetMs - 2 * HOUR, toMs: onsetMs + hours * HOUR, fault }, (state, endMs) => {
          const tracks = endMs <= onsetMs ? [] : sustained(state).filter((track) => track.feature === feature);
          if (tracks.some((track) => severity === "warning" || track.severity === "critical")) found = (endMs - onsetMs) / HOUR;
          return found === Number.POSITIVE_INFINITY;
        });
        return found;
      })
      .sort((a, b) => a - b);
  }
  const median = (hours: readonly number[]): number => (hours[3]! + hours[4]!) / 2;

  it.each([
    ["delay in seconds instead of minutes", "delay", (value: number) => value * 60],
    ["distance in km instead of miles", "distance", (value: number) => value * 1.609344],
    ["a new origin in 2 % of the rows", "origin", (value: number, row: number) => (fiftieth(row) ? -1 : value)],
    ["delay times 1.5 as floats", "delay", (value: number) => value * 1.5],
  ] as const)("is critical within an hour: %s", { timeout: 60_000 }, (_, feature, change) => {
    for (const days of [14, 28]) {
      const hours = delays(days, feature, change, "critical", 3);
      expect(hours[0]).toBeGreaterThan(0);
      expect(median(hours)).toBeLessThanOrEqual(1);
      expect(hours[7]).toBeLessThanOrEqual(1);
    }
  });

  it.each([14, 28])(
    "is a warning within a day, all eight times: a tenth of the delays zeroed, after %d days",
    { timeout: 60_000 },
    (days) => {
      const hours = delays(days, "delay", (value, row) => (tenth(row) ? 0 : value), "warning", 24);
      expect(hours.filter(Number.isFinite)).toHaveLength(8);
    },
  );

  it.each([14, 28])(
    "is a warning within a day, all eight times: the five largest origins rotated, after %d days",
    { timeout: 60_000 },
    (days) => {
      const { snapshot } = references.get(days)!;
      const origin = snapshot.features.find(({ feature }) => feature === "origin") as CategoricalFeature;
      const largest = origin.categories
        .map((name, i) => ({ code: flights.names.origin.indexOf(name), count: origin.counts[i]! }))
        .sort((a, b) => b.count - a.count)
        .slice(0, 5)
        .map(({ code }) => code);
      const next = new Map(largest.map((code, i) => [code, largest[(i + 1) % 5]!]));
      const hours = delays(days, "origin", (code) => next.get(code) ?? code, "warning", 24);
      expect(hours.filter(Number.isFinite)).toHaveLength(8);
    },
  );
});
