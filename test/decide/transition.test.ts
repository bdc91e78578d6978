import { createHash } from "node:crypto";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { AlertPhase } from "../../src/decide/alert.ts";
import { type AlertRule, type AlertState, type Hash, inactiveState, sustained, transition } from "../../src/decide/transition.ts";
import type { WindowVerdict } from "../../src/decide/verdicts.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2001, 1, 5);

const hash: Hash = (parts) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");
const rule: AlertRule = Object.freeze({ forMs: 0, keepFiringForMs: 2 * HOUR, windows: Object.freeze(["1h", "6h"]) as readonly string[] });

/** A window end in which each feature has the mark given; `""` = no feature was listed. */
function verdict(endMs: number, marks: Readonly<Record<string, string>>, window = "1h"): WindowVerdict {
  const features = Object.entries(marks).map(([feature, mark]) => {
    if (mark === "c") return { feature, verdict: "drift", severity: "critical" } as const;
    if (mark === "w") return { feature, verdict: "drift", severity: "warning" } as const;
    return { feature, verdict: mark === "u" ? "insufficient_data" : "no_drift" } as const;
  });
  const worst = features.some((one) => one.verdict === "drift") ? "drift" : features.length === 0 ? "insufficient_data" : "no_drift";
  return Object.freeze({ model: "flights", version: "1", window, endMs, verdict: worst, features: Object.freeze(features) });
}

/** Runs marks of one feature, an evaluation every 5 minutes; returns the state and everything that changed, as text. */
function run(marks: string, options: { rule?: AlertRule; from?: AlertState; startMs?: number; stepMs?: number } = {}) {
  let state = options.from ?? inactiveState;
  const changes: string[] = [];
  let endMs = (options.startMs ?? START) - (options.stepMs ?? 5 * MINUTE);
  let episode = state.episode;
  for (const mark of marks) {
    endMs += options.stepMs ?? 5 * MINUTE;
    const moved = transition(state, [verdict(endMs, { delay: mark })], options.rule ?? rule, hash);
    state = moved.state;
    episode = moved.episode;
    for (const change of moved.changes) changes.push(`${change.kind}:${change.reason}@${(endMs - START) / MINUTE}`);
  }
  return { state, changes, endMs, episode };
}

const pending = run("c").state;
const warned = run("www").state;
const critical = run("ccc").state;
const clearing = run("cccnn").state;

describe("every cell of the table", () => {
  const long: AlertRule = { ...rule, forMs: HOUR };
  const cells: [string, AlertState, string, AlertRule, AlertPhase, string[]][] = [
    ["inactive, no drift", inactiveState, "n", rule, "inactive", []],
    ["inactive, cannot tell", inactiveState, "u", rule, "inactive", []],
    ["inactive, one drift", inactiveState, "w", rule, "pending", ["pending:first_drift"]],
    [
      "inactive, sustained at once by a remembered drift",
      { ...inactiveState, tracks: pending.tracks },
      "cc",
      rule,
      "firing",
      ["pending:first_drift", "firing:sustained"],
    ],
    ["pending, sustained, for 0", pending, "cc", rule, "firing", ["firing:sustained"]],
    ["pending, sustained for less than for", pending, "cc", long, "pending", []],
    ["pending, sustained for all of for", pending, "cccccccccccccc", long, "firing", ["firing:sustained"]],
    ["pending, for elapsed while it could not tell", pending, "ccuuuuuuuuuuuuuuuu", long, "pending", []],
    ["pending, drift forgotten", pending, "nnnn", rule, "inactive", ["lapsed:not_sustained"]],
    ["pending, drift forgotten among doubts", pending, "uuuu", rule, "inactive", ["lapsed:not_sustained"]],
    ["pending, drift still remembered", pending, "nnn", rule, "pending", []],
    ["pending, doubts", pending, "uuu", rule, "pending", []],
    ["firing warning, critical sustained", warned, "ccc", rule, "firing", ["escalated:critical_sustained"]],
    ["firing warning, critical not sustained", warned, "cc", rule, "firing", []],
    ["firing warning, critical for less than for", warned, "ccc", long, "firing", []],
    ["firing critical, only warning left", critical, "wwww", rule, "firing", []],
    ["firing, still drifting", critical, "c", rule, "firing", []],
    ["firing, doubts", critical, "uuuu", rule, "firing", []],
    ["firing, first clear evaluation", critical, "n", rule, "firing", []],
    ["firing, clear for less than keep_firing_for", critical, "nn", rule, "firing", ["features_changed:sustained_features"]],
    ["firing, clear, then drifting again", clearing, "ccc", rule, "firing", ["features_changed:sustained_features"]],
    ["firing, clear, one drift that is not sustained", clearing, `${"n".repeat(20)}cnnnnn`, rule, "inactive", ["resolved:clear"]],
    [
      "firing, clear for keep_firing_for",
      critical,
      "n".repeat(25),
      rule,
      "inactive",
      ["features_changed:sustained_features", "resolved:clear"],
    ],
    ["firing, cannot tell for less than 7 days", critical, "u".repeat(2016), rule, "firing", []],
    ["firing, cannot tell for 7 days", critical, "u".repeat(2017), rule, "inactive", ["resolved:no_evidence"]],
  ];
  test.each(cells)("%s", (_name, from, marks, withRule, phase, changes) => {
    // The states above end at different times; the next evaluation follows the latest of them.
    const moved = run(marks, { from, rule: withRule, startMs: START + (from === clearing ? 25 : from === pending ? 5 : 15) * MINUTE });
    expect(moved.state.phase).toBe(phase);
    expect(moved.changes.map((change) => change.split("@")[0])).toEqual(changes);
  });
});

describe("times are window ends", () => {
  test("an episode is pending at its first drift, firing once sustained, resolved keep_firing_for after the last sustained end", () => {
    const { changes, episode } = run(`ccc${"n".repeat(30)}`);
    // The level lasts one evaluation longer than the drift (3 of 4), so minute 15 is the last sustained end.
    expect(changes).toEqual([
      "pending:first_drift@0",
      "firing:sustained@10",
      "features_changed:sustained_features@20",
      "resolved:clear@135",
    ]);
    expect(episode).toBe(null);
  });

  test("`for` counts from the first sustained end", () => {
    const { changes } = run("c".repeat(20), { rule: { ...rule, forMs: 30 * MINUTE } });
    expect(changes).toEqual(["pending:first_drift@0", "firing:sustained@40"]);
  });

  test("a break in the drift begins `for` anew", () => {
    const { changes } = run("ccccnnccccccccccc", { rule: { ...rule, forMs: 30 * MINUTE } });
    expect(changes).toEqual(["pending:first_drift@0", "firing:sustained@70"]);
  });

  test("a stretch of missing window ends changes nothing but the time", () => {
    const { state } = run("c", { from: critical, startMs: START + 40 * HOUR });
    expect(state.phase).toBe("firing");
  });
});

describe("an episode", () => {
  test("is not begun by a drift that was remembered from before the last one's end, only counted with it", () => {
    // Resolved at minute 135, at a drifting evaluation; the next two drifts make three.
    const { changes } = run(`${"n".repeat(22)}cncc`, { from: clearing, startMs: START + 25 * MINUTE });
    expect(changes).toEqual(["resolved:clear@135", "pending:first_drift@145", "firing:sustained@150"]);
  });

  test("has an id that hangs on model, version and its first window end alone", () => {
    const a = run("ccc").episode;
    const b = run("nnwwcccc", { startMs: START - 10 * MINUTE }).episode;
    const later = run("ccc", { startMs: START + 5 * MINUTE }).episode;
    expect(a?.id).toMatch(/^ep_[0-9a-f]{24}$/);
    expect(b?.id).toBe(a?.id);
    expect(later?.id).not.toBe(a?.id);
  });

  test("keeps its worst severity until it is resolved", () => {
    expect(run(`ccc${"w".repeat(30)}`).episode?.severity).toBe("critical");
  });

  test("is one for all features and windows, and lists every feature that was ever sustained in it", () => {
    let state = inactiveState;
    const kinds: string[] = [];
    const step = (minute: number, delay: string, origin: string) => {
      const endMs = START + minute * MINUTE;
      const moved = transition(state, [verdict(endMs, { delay }, "1h"), verdict(endMs, { origin }, "6h")], rule, hash);
      state = moved.state;
      kinds.push(...moved.changes.map((change) => change.kind));
      return moved;
    };
    for (let i = 0; i < 3; i++) step(i * 5, "c", "n");
    for (let i = 3; i < 8; i++) step(i * 5, "n", "w");
    expect(kinds.filter((kind) => kind === "firing")).toHaveLength(1);
    expect(state.episode?.features).toEqual(["delay", "origin"]);
    expect(sustained(state)).toEqual([{ feature: "origin", window: "6h", severity: "warning" }]);
  });

  test("features_changed names what came and what went", () => {
    let state = critical;
    const seen: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const moved = transition(state, [verdict(START + (15 + i * 5) * MINUTE, { delay: "n", origin: "c" })], rule, hash);
      state = moved.state;
      seen.push(...moved.changes.map((change) => (change.kind === "features_changed" ? [change.added, change.removed] : change.kind)));
    }
    expect(seen).toEqual([
      [[], ["delay"]],
      [["origin"], []],
    ]);
  });

  test("begins anew, with another id, after it was resolved", () => {
    const first = run("ccc").episode;
    const { changes, episode } = run(`${"n".repeat(30)}ccc`, { from: critical, startMs: START + 15 * MINUTE });
    expect(changes.filter((change) => change.startsWith("firing"))).toHaveLength(1);
    expect(episode?.id).not.toBe(first?.id);
  });
});

test("levels that were only held by doubts end with their episode: nothing of them begins the next", () => {
  const over = run("u".repeat(2017), { from: critical, startMs: START + 15 * MINUTE });
  expect(over.state).toEqual(inactiveState);
});

describe("what an evaluation leaves out", () => {
  test("a feature that is not listed did not drift", () => {
    let state = critical;
    for (let i = 1; i <= 2; i++) state = transition(state, [verdict(START + (10 + 5 * i) * MINUTE, { other: "n" })], rule, hash).state;
    expect(state.tracks).toEqual([{ feature: "delay", window: "1h", ring: "ccnn", level: null }]);
  });

  test("a window that could not be judged at all clears nothing", () => {
    let state = critical;
    for (let i = 1; i <= 10; i++) state = transition(state, [verdict(START + (10 + 5 * i) * MINUTE, {})], rule, hash).state;
    expect(sustained(state)).toEqual([{ feature: "delay", window: "1h", severity: "critical" }]);
  });

  test("a window that has no end now keeps its marks", () => {
    const { state } = transition(critical, [verdict(START + 15 * MINUTE, { origin: "n" }, "6h")], rule, hash);
    expect(state.tracks).toEqual(critical.tracks);
  });

  test("a window that is no longer configured is forgotten", () => {
    const { state } = transition(critical, [verdict(START + 15 * MINUTE, { delay: "c" }, "6h")], { ...rule, windows: ["6h"] }, hash);
    expect(state.tracks.map(({ window }) => window)).toEqual(["6h"]);
  });

  test("codes of `outcomes` mean what the features' verdicts mean", () => {
    const marks = { a: "u", b: "n", c: "w", d: "c" };
    const detailed = verdict(START, marks);
    const compact: WindowVerdict = {
      ...detailed,
      features: [],
      outcomes: { features: ["a", "b", "c", "d"], codes: Uint8Array.of(0, 1, 2, 3) },
    };
    expect(transition(inactiveState, [compact], rule, hash)).toEqual(transition(inactiveState, [detailed], rule, hash));
  });
});

describe("the state", () => {
  test("is the same object while nothing happens", () => {
    expect(transition(inactiveState, [verdict(START, { delay: "n", origin: "u" })], rule, hash).state).toBe(inactiveState);
  });

  test("holds nothing of quiet features", () => {
    const { state } = transition(inactiveState, [verdict(START, { a: "n", b: "u", c: "c", d: "n" })], rule, hash);
    expect(state.tracks.map(({ feature }) => feature)).toEqual(["c"]);
  });

  test("survives JSON, with names such as __proto__ in it", () => {
    const marks = JSON.parse('{"__proto__":"c","constructor":"c","a\\"b\\n🐘":"c"}') as Record<string, string>;
    let state = inactiveState;
    for (let i = 0; i < 3; i++) {
      state = JSON.parse(JSON.stringify(transition(state, [verdict(START + i * 5 * MINUTE, marks)], rule, hash).state)) as AlertState;
    }
    expect(state.episode?.features).toEqual(["__proto__", 'a"b\n🐘', "constructor"]);
    expect(state.phase).toBe("firing");
  });
});

test("cutting a run anywhere and going on from the stored state gives the same changes", () => {
  const marks = fc.string({ unit: fc.constantFrom("c", "w", "n", "u"), maxLength: 60 });
  fc.assert(
    fc.property(marks, fc.nat(60), (sequence, cut) => {
      const at = Math.min(cut, sequence.length);
      const whole = run(sequence);
      const before = run(sequence.slice(0, at));
      const stored = JSON.parse(JSON.stringify(before.state)) as AlertState;
      const after = run(sequence.slice(at), { from: stored, startMs: START + at * 5 * MINUTE });
      expect([...before.changes, ...after.changes]).toEqual(whole.changes);
      expect(after.state).toEqual(JSON.parse(JSON.stringify(whole.state)));
    }),
  );
});

test("fires and resolves in turns, whatever comes", () => {
  const marks = fc.string({ unit: fc.constantFrom("c", "w", "n", "n", "n", "u"), maxLength: 200 });
  fc.assert(
    fc.property(marks, (sequence) => {
      const ends = run(sequence, { rule: { ...rule, keepFiringForMs: 15 * MINUTE } }).changes.map((change) => change.split(":")[0]);
      const turns = ends.filter((kind) => kind === "firing" || kind === "resolved");
      for (const [i, kind] of turns.entries()) expect(kind).toBe(i % 2 === 0 ? "firing" : "resolved");
    }),
  );
});
