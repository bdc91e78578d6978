import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addId, type IdSet, newIdSet, readIds } from "../../src/panes/id-set.ts";

type Id = string | number;

function setOf(ids: Iterable<Id>): IdSet {
  const set = newIdSet();
  for (const id of ids) addId(set, id);
  return set;
}

function naive(ids: readonly Id[]) {
  return { checked: ids.length, repeated: ids.length - new Set(ids).size };
}

/** `count` ids, each `times(i)` times, one round after the other. */
function* rounds(count: number, times: (i: number) => number, idOf: (i: number) => Id): Generator<Id> {
  for (let round = 0; ; round++) {
    let any = false;
    for (let i = 0; i < count; i++) {
      if (times(i) <= round) continue;
      any = true;
      yield idOf(i);
    }
    if (!any) return;
  }
}

describe("up to 2^12 different ids", () => {
  test("it counts as a set does, whatever the ids", () => {
    const id = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.string({ maxLength: 700 }),
      fc.nat(20),
      fc.maxSafeInteger(),
      fc.constantFrom("", "1", 1, -1),
    );
    fc.assert(
      fc.property(fc.array(id, { maxLength: 300 }), (ids) => {
        expect(readIds(setOf(ids))).toEqual(naive(ids));
      }),
    );
  });

  test.each<[string, (i: number) => Id]>([
    ["whole numbers in a row", (i) => i],
    ["whole numbers far apart", (i) => i * 2 ** 37],
    ["numbers as text", (i) => String(i)],
    ["text that differs in its first character", (i) => `${String.fromCodePoint(0x4e00 + i)}${"x".repeat(40)}`],
    ["text that differs in one of many", (i) => `${"x".repeat(200)}${i}`],
    ["long text that differs at its end", (i) => `${"x".repeat(2000)}${i}`],
  ])("no two of %s are taken for one", (_name, idOf) => {
    const ids = Array.from({ length: 4_000 }, (_, i) => idOf(i));
    expect(readIds(setOf([...ids, ...ids.slice(0, 100)]))).toEqual({ checked: 4_100, repeated: 100 });
  });

  test("of a text of a megabyte only its ends are read", () => {
    const text = "x".repeat(1 << 20);
    const beganMs = performance.now();
    for (let i = 0; i < 1_000; i++) addId(newIdSet(), text);
    expect(performance.now() - beganMs).toBeLessThan(500);
  });
});

describe("beyond", () => {
  test.each<[string, number, (i: number) => Id]>([
    ["numbers as text", 1_000_000, (i) => `order-${i}`],
    ["whole numbers", 300_000, (i) => i],
  ])("of %s its memory is bounded and the numbers are near the true ones", (_name, count, idOf) => {
    // 3 % of the ids come twice, 1 % four times: 6 of 106 records are repeats.
    const times = (i: number) => (i % 100 === 7 ? 4 : i % 100 < 3 ? 2 : 1);
    const set = setOf(rounds(count, times, idOf));
    const { checked, repeated } = readIds(set);
    expect(set.places.byteLength).toBe(1 << 17);
    expect(checked / (1.06 * count)).toBeCloseTo(1, 1);
    // The sample holds at least 2^11 ids: a standard deviation of the share is a tenth of it.
    expect(Math.abs(repeated / checked - 6 / 106)).toBeLessThan(0.02);
  });

  test("the share has no bias: over many panes its mean is the true one", () => {
    let repeated = 0;
    let checked = 0;
    for (let pane = 0; pane < 30; pane++) {
      const found = readIds(
        setOf(
          rounds(
            50_000,
            (i) => (i % 50 === 0 ? 2 : 1),
            (i) => `${pane}/${i}`,
          ),
        ),
      );
      repeated += found.repeated;
      checked += found.checked;
    }
    expect(Math.abs(repeated / checked - 1 / 51)).toBeLessThan(0.002);
    expect(Math.abs(checked / (30 * 51_000) - 1)).toBeLessThan(0.02);
  });

  test("the order of the records changes nothing", () => {
    const ids = [
      ...rounds(
        60_000,
        (i) => (i % 9 === 0 ? 3 : 1),
        (i) => i,
      ),
    ];
    expect(readIds(setOf(ids.toReversed()))).toEqual(readIds(setOf(ids)));
  });

  test("one id alone, a million times, is a repeat each time but the first", () => {
    expect(
      readIds(
        setOf(
          rounds(
            1,
            () => 1_000_000,
            () => "a",
          ),
        ),
      ),
    ).toEqual({ checked: 1_000_000, repeated: 999_999 });
  });
});
