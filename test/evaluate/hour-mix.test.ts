import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { calibrationOf, createNormal, createRandom, DAY, HOUR, numericFeature, START, snapshotOf, windowOf } from "./make.ts";

/** Values of a half hour: a daily cycle of one deviation, 60 values. */
const SLOT_VALUES = 60;
const random = createNormal(createRandom(5));
const cycle = (slot: number) => Math.sin((2 * Math.PI * slot) / 48);
const valuesAt = (slot: number, shift = 0) => Array.from({ length: SLOT_VALUES }, () => cycle(slot) + random() + shift);

function referenceOf(days: number, hours: readonly number[] = Array.from({ length: 24 }, (_, h) => h)) {
  const slots = Array.from({ length: days * 48 }, (_, slot) => (hours.includes(Math.floor((slot % 48) / 2)) ? valuesAt(slot) : []));
  const x = numericFeature("x", slots.flat());
  return prepareReference(
    snapshotOf(
      [x],
      calibrationOf(x, days, (slot) => slots[slot]!),
    ),
    DEFAULT_POLICY,
  );
}

/** The 24 h of one day, of which only the half hours from `from` up to `to` hold values. */
function dayOf(reference: ReturnType<typeof referenceOf>, from: number, to: number, shift = 0): WindowCounts {
  const held = Array.from({ length: 48 }, (_, slot) => (slot >= from && slot < to ? valuesAt(slot, shift) : []));
  const endMs = START + 31 * DAY;
  return {
    ...windowOf(reference.snapshot, { x: { values: held.flat() } }, { window: "24h", endMs, coverage: (to - from) / 48 }),
    blocks: held.map((values, b) => ({ startMs: endMs - DAY + (b * HOUR) / 2, values: Uint32Array.of(values.length) })),
  };
}

const verdictOf = (window: WindowCounts, reference: ReturnType<typeof referenceOf>) => evaluateWindow(window, reference).features[0]!;

describe("a window of a day that lacks some of its hours", () => {
  const calibrated = referenceOf(14);

  it.each([
    ["the first 14 hours, as on a daemon's first day", 20, 48],
    ["the last 10 hours, as after a field was null all evening", 0, 28],
  ])("is no drift of a feature with a daily cycle: %s", (_, from, to) => {
    const { verdict, reason } = verdictOf(dayOf(calibrated, from, to), calibrated);
    expect([verdict, reason]).toEqual(["no_drift", "within_noise"]);
  });

  it("still finds a shift at the hours that it has", () => {
    expect(verdictOf(dayOf(calibrated, 20, 48, 0.5), calibrated)).toMatchObject({ verdict: "drift", reason: "shift" });
  });

  it("is no drift either where three days could not be calibrated", () => {
    const short = referenceOf(3);
    expect(verdictOf(dayOf(short, 20, 48), short)).toMatchObject({ verdict: "no_drift", calibrated: false });
  });

  it("is held against the whole reference where that does not know the hours", () => {
    const nights = referenceOf(14, [0, 1, 2, 3, 4, 5, 6, 7]);
    expect(verdictOf(dayOf(nights, 20, 48), nights)).toMatchObject({ verdict: "drift" });
  });
});

describe("a whole day", () => {
  it("is held against the whole reference, to the last count", () => {
    const reference = referenceOf(14);
    const found = verdictOf(dayOf(reference, 0, 48), reference);
    expect(found.verdict).toBe("no_drift");
    expect(found.gates.find(({ gate }) => gate === "reference_values")?.value).toBe(14 * 48 * SLOT_VALUES);
  });
});
