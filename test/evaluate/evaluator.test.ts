import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Evaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { createEvaluator, type DecisionRows, type Evaluator, slideOf, type WindowSpec } from "../../src/evaluate/evaluator.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { EvaluatedThrough } from "../../src/store/store.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const spec = (name: string, lengthMs: number): WindowSpec => ({ name, lengthMs, slideMs: slideOf(lengthMs) });
const WINDOWS = [spec("1h", HOUR), spec("6h", 6 * HOUR)];

/** One pane: start and the version that it is of. */
type PaneAt = { readonly startMs: number; readonly version: string };

type Rig = {
  readonly evaluator: () => Promise<Evaluator>;
  /** What was decided and committed, in order: `version window end records`. */
  readonly seen: string[];
  readonly through: Map<string, EvaluatedThrough>;
  failCommits: number;
  failReads: number;
  failed: number;
};

/** An evaluator over panes that are visible once the gate has passed their end, as the pane log of a live daemon would have them. */
function rig(panes: readonly PaneAt[], visibleTo: () => number, windows = WINDOWS, outboxAt?: number): Rig {
  const through = new Map<string, EvaluatedThrough>();
  const seen: string[] = [];
  const visible = (version: string) => panes.filter((pane) => pane.version === version && pane.startMs < visibleTo());
  const it: Rig = {
    through,
    seen,
    failCommits: 0,
    failReads: 0,
    failed: 0,
    evaluator: () =>
      createEvaluator<DecisionRows & { readonly note: string }>({
        windows,
        clock: systemClock,
        store: {
          evaluatedThrough: async () => [...through.values()],
          firstPane: async (_model, version, fromMs = Number.NEGATIVE_INFINITY) => {
            const starts = visible(version).map(({ startMs }) => startMs);
            const first = Math.min(...starts.filter((startMs) => startMs >= fromMs));
            return first === Number.POSITIVE_INFINITY ? undefined : first;
          },
          commitDecision: async ({ evaluatedThrough, events }) => {
            if (it.failCommits > 0) {
              it.failCommits--;
              throw new Error("the store refuses");
            }
            for (const row of evaluatedThrough) {
              const key = `${row.version} ${row.window}`;
              expect(row.throughMs).toBeGreaterThan(through.get(key)?.throughMs ?? Number.NEGATIVE_INFINITY);
              through.set(key, row);
            }
            seen.push(...events.map(({ body }) => body));
          },
        },
        subjects: () =>
          [...new Set(panes.map(({ version }) => version))].sort().map((version) => ({
            model: "m",
            version,
            windowAt: (window, endMs) => {
              if (it.failReads > 0 && --it.failReads === 0) throw new Error("the store cannot be read");
              const inside = visible(version).filter(({ startMs }) => startMs >= endMs - window.lengthMs && startMs < endMs);
              return { version, window, endMs, records: inside.length } as unknown as WindowCounts;
            },
            evaluate: (counts) =>
              ({ version: counts.version, window: counts.window.name, endMs: counts.endMs, records: counts.records }) as Evaluation,
          })),
        decide: (evaluations, endMs) => ({
          note: "",
          alertState: [],
          episodes: [],
          outbox: endMs === outboxAt ? [{ id: "x" } as never] : [],
          events: evaluations.map(({ version, window, records }) => ({
            atMs: endMs,
            type: "e",
            model: "m",
            version,
            body: `${version} ${window} ${new Date(endMs).toISOString().slice(0, 16)} ${records}`,
          })),
        }),
        onDecided: () => {},
        onFailed: () => {
          it.failed++;
        },
      }),
  };
  return it;
}

async function inOneGo(panes: readonly PaneAt[], throughMs: number, windows = WINDOWS): Promise<string[]> {
  const it = rig(panes, () => throughMs, windows);
  await (await it.evaluator()).advance(throughMs);
  return it.seen;
}

const steady = (fromMs: number, toMs: number, version = "1"): PaneAt[] =>
  Array.from({ length: (toMs - fromMs) / (5 * MINUTE) }, (_, i) => ({ startMs: fromMs + i * 5 * MINUTE, version }));

describe("several models", () => {
  /** Ends in the order in which they are decided, of models a and b, the gate moving as given. */
  async function decided(together: boolean, gates: readonly number[]): Promise<string[]> {
    const order: string[] = [];
    const evaluator = await createEvaluator<DecisionRows>({
      windows: [{ name: "1h", lengthMs: HOUR, slideMs: 5 * MINUTE }],
      clock: systemClock,
      store: { evaluatedThrough: async () => [], firstPane: async () => 0, commitDecision: async () => {} },
      subjects: () =>
        ["a", "b"].map((model) => ({
          model,
          version: "",
          windowAt: (window, endMs) => ({ window, endMs, records: 1 }) as unknown as WindowCounts,
          evaluate: ({ endMs }) => ({ model, version: "", window: "1h", endMs, records: 1 }) as Evaluation,
        })),
      together: () => together,
      decide: (evaluations, endMs) => {
        order.push(`${evaluations[0]!.model} ${endMs / MINUTE}`);
        return { alertState: [], episodes: [], outbox: [], events: [] };
      },
      onDecided: () => {},
      onFailed: () => {},
    });
    for (const gateMs of gates) await evaluator.advance(gateMs);
    return order;
  }

  test("go through time one by one", async () => {
    expect(await decided(false, [10 * MINUTE])).toEqual(["a 5", "a 10", "b 5", "b 10"]);
  });

  test("go through time together where a decision about one may look at another, however the gate moves", async () => {
    const expected = ["a 5", "b 5", "a 10", "b 10", "a 15", "b 15"];
    expect(await decided(true, [15 * MINUTE])).toEqual(expected);
    expect(await decided(true, [5 * MINUTE, 12 * MINUTE, 15 * MINUTE])).toEqual(expected);
  });
});

describe("the walk", () => {
  test("every window is evaluated at each multiple of its slide after the first pane, up to the gate", async () => {
    const seen = await inOneGo(steady(0, 2 * HOUR), 2 * HOUR);
    expect(seen.filter((line) => line.includes(" 1h "))).toHaveLength(24);
    expect(seen.filter((line) => line.includes(" 6h "))).toEqual([
      "1 6h 1970-01-01T00:30 6",
      "1 6h 1970-01-01T01:00 12",
      "1 6h 1970-01-01T01:30 18",
      "1 6h 1970-01-01T02:00 24",
    ]);
  });

  test("nothing is evaluated before the first pane is there", async () => {
    const it = rig([{ startMs: DAY, version: "1" }], () => HOUR);
    expect(await (await it.evaluator()).advance(HOUR)).toBe(0);
    expect(it.through.size).toBe(0);
  });

  test("versions of a model go through time together", async () => {
    const seen = await inOneGo([...steady(0, HOUR, "1"), ...steady(0, HOUR, "2")], HOUR, [spec("1h", HOUR)]);
    const ends = seen.map((line) => line.split(" ")[2] as string);
    expect(ends).toEqual([...ends].sort());
    expect(new Set(seen.map((line) => line.slice(0, 1)))).toEqual(new Set(["1", "2"]));
  });

  test("a request goes out with the commit of its own window end", async () => {
    const atRequest: string[] = [];
    const it = rig(steady(0, HOUR), () => HOUR, WINDOWS, 15 * MINUTE);
    const evaluator = await it.evaluator();
    const push = it.seen.push.bind(it.seen);
    it.seen.push = (...lines) => {
      if (atRequest.length === 0) atRequest.push(...lines);
      return push(...lines);
    };
    await evaluator.advance(HOUR);
    expect(atRequest.at(-1)).toBe("1 1h 1970-01-01T00:15 3");
  });

  test("a window that is configured later joins the others and does not go back in time", async () => {
    const panes = steady(0, DAY);
    const before = rig(panes, () => 12 * HOUR);
    await (await before.evaluator()).advance(12 * HOUR);
    const after = rig(panes, () => DAY, [...WINDOWS, spec("12h", 12 * HOUR)]);
    for (const [key, row] of before.through) after.through.set(key, row);
    await (await after.evaluator()).advance(DAY);
    expect(after.seen.find((line) => line.includes(" 12h "))).toBe("1 12h 1970-01-01T12:30 144");
  });
});

describe("silence", () => {
  const TEN_YEARS = 3650 * DAY;

  test("a version without traffic is looked at 1, 2, 4 and 8 days after its longest window has emptied", async () => {
    const seen = await inOneGo([...steady(0, HOUR), ...steady(0, 10 * DAY, "2")], 10 * DAY);
    const after = seen.filter((line) => line.startsWith("1 ") && (line.split(" ")[2] as string) > "1970-01-01T07:00");
    expect(after).toEqual(["02", "03", "05", "09"].map((day) => `1 6h 1970-01-${day}T07:00 0`));
  });

  test("ten years of nothing between two records cost a dozen looks, not one each five minutes", async () => {
    const seen = await inOneGo([...steady(0, HOUR), ...steady(TEN_YEARS, TEN_YEARS + HOUR)], TEN_YEARS + HOUR);
    expect(seen.length).toBeLessThan(150);
    expect(seen.slice(-14)).toContain("1 1h 1979-12-30T00:05 1");
  });

  test("an open pane far ahead does not make the panes before it go unseen", async () => {
    const ahead = { startMs: TEN_YEARS, version: "1" };
    let gate = 2 * DAY;
    const panes = [...steady(0, HOUR), ahead, ...steady(4 * DAY, 4 * DAY + HOUR)];
    const visible = panes.filter(({ startMs }) => startMs < gate || startMs === TEN_YEARS);
    const it = rig(visible, () => Number.POSITIVE_INFINITY);
    const evaluator = await it.evaluator();
    await evaluator.advance(gate);
    gate = 5 * DAY;
    visible.push(...steady(4 * DAY, 4 * DAY + HOUR));
    await evaluator.advance(gate);
    expect(it.seen).toContain("1 1h 1970-01-05T01:00 12");
  });

  test("progress goes on in silence, so that old panes can be removed", async () => {
    const it = rig([...steady(0, HOUR), ...steady(0, 10 * DAY, "2")], () => 10 * DAY);
    await (await it.evaluator()).advance(10 * DAY);
    for (const window of ["1h", "6h"]) expect(it.through.get(`1 ${window}`)?.throughMs).toBeGreaterThan(8 * DAY);
  });
});

describe("the same panes give the same evaluations", () => {
  const traffic = fc.array(
    fc.record({
      startMs: fc.integer({ min: 0, max: 140 }).map((i) => i * 7 * HOUR),
      burst: fc.integer({ min: 1, max: 20 }),
      version: fc.constantFrom("1", "2"),
    }),
    { minLength: 1, maxLength: 6 },
  );
  const panesOf = (bursts: readonly { startMs: number; burst: number; version: string }[]): PaneAt[] =>
    bursts.flatMap(({ startMs, burst, version }) => steady(startMs, startMs + burst * 5 * MINUTE, version));
  const END = 45 * DAY;

  test("however the gate moves and wherever the process is killed", () =>
    fc.assert(
      fc.asyncProperty(
        traffic,
        fc.array(fc.record({ gate: fc.integer({ min: 0, max: END / MINUTE }), killed: fc.boolean() }), { maxLength: 12 }),
        async (bursts, steps) => {
          const panes = panesOf(bursts);
          let gateMs = 0;
          const it = rig(panes, () => gateMs);
          let evaluator = await it.evaluator();
          for (const { gate, killed } of [...steps].sort((a, b) => a.gate - b.gate)) {
            gateMs = gate * MINUTE;
            await evaluator.advance(gateMs);
            if (killed) evaluator = await it.evaluator();
          }
          gateMs = END;
          await evaluator.advance(END);
          expect(it.seen).toEqual(await inOneGo(panes, END));
        },
      ),
      { numRuns: 60 },
    ));

  test.each([
    ["a commit fails", { failCommits: 1 }],
    ["a read fails in the middle of a stretch", { failReads: 9 }],
  ])("when %s nothing is skipped, and what was decided since is forgotten", async (_, failure) => {
    const panes = steady(0, 12 * HOUR);
    const it = Object.assign(
      rig(panes, () => 12 * HOUR),
      failure,
    );
    const evaluator = await it.evaluator();
    await expect(evaluator.advance(12 * HOUR)).rejects.toThrow("the store");
    expect(it.failed).toBe(1);
    await evaluator.advance(12 * HOUR);
    expect(it.seen).toEqual(await inOneGo(panes, 12 * HOUR));
  });

  test("when it is stopped it commits what it has and goes on from there", async () => {
    const panes = steady(0, 12 * HOUR);
    const it = rig(panes, () => 12 * HOUR);
    const evaluator = await it.evaluator();
    await evaluator.advance(12 * HOUR, AbortSignal.abort());
    await evaluator.advance(12 * HOUR);
    expect(it.seen).toEqual(await inOneGo(panes, 12 * HOUR));
  });
});
