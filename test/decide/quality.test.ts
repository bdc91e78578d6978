import { describe, expect, test } from "vitest";
import { createDecider } from "../../src/decide/decider.ts";
import type { Decision } from "../../src/decide/decision.ts";
import { placeOf, qualityVerdicts } from "../../src/decide/quality.ts";
import { emptyState, readState, writeState } from "../../src/decide/state.ts";
import type { Track } from "../../src/decide/track.ts";
import { type Evaluation, FEW_ROWS, FEW_VALUES, type QualityCheckName, type QualityFinding } from "../../src/evaluate/evaluation.ts";
import { evaluation, feature, HOUR, MINUTE } from "./evaluations.ts";

const START = Date.parse("2001-01-15T00:00:00Z");
const SLIDE = 5 * MINUTE;

function finding(check: QualityCheckName, name: string, severity: QualityFinding["severity"] = "warning"): QualityFinding {
  return Object.freeze({ feature: name, check, verdict: "drift" as const, severity, value: 0.6, limit: 0.05 });
}

function decider(restored: { model: string; version: string; state: string }[] = []) {
  const rule = {
    alert: { forMs: 0, keepFiringForMs: HOUR, windows: ["1h"] },
    retrain: {
      ...{ to: ["out"], repeatIntervalMs: undefined, dailyLimit: undefined, minSamples: 0 },
      ...{ dryRun: false, paused: false, actionMaxAgeMs: null },
    },
  };
  return createDecider({
    ruleOf: () => rule,
    hash: (parts) => Buffer.from(JSON.stringify(parts)).toString("hex").padEnd(64, "0"),
    restored,
    referenceRecords: () => 1000,
  });
}

/** Decides about one window end after the other. */
function walk(subject: ReturnType<typeof decider>, ends: readonly Partial<Evaluation>[], features = [feature("delay", "n")]): Decision[] {
  return ends.map((more, i) => {
    const endMs = START + (i + 1) * SLIDE;
    const decision = subject.decide([evaluation(endMs, features, more)], endMs);
    subject.accept(decision);
    return decision;
  });
}

const nulls = { findings: [finding("missing", "origin")] };
const fine = { findings: [] };

describe("the quality of the data", () => {
  test("fires after three of four, as an episode of its own, and never asks for retraining", () => {
    const subject = decider();
    const decisions = walk(subject, [nulls, nulls, nulls, nulls]);
    expect(decisions.map(({ quality }) => quality.map(({ kind }) => kind))).toEqual([["pending"], [], ["firing"], []]);
    expect(decisions.flatMap(({ changes, outbox, retrain }) => [...changes, ...outbox, ...retrain])).toEqual([]);
    const [episode] = decisions[2]!.episodes;
    expect(episode).toMatchObject({ kind: "quality", severity: "warning", features: ["origin"], checks: ["missing origin"] });
    expect(decisions[2]!.events.map(({ type }) => type)).toEqual(["driftd.quality.firing"]);
    expect(JSON.parse(decisions[2]!.events[0]!.body)).toMatchObject({ checks: ["missing origin"], checks_total: 1, features: ["origin"] });
    expect(subject.alerts()[0]).toMatchObject({
      phase: "inactive",
      episode: null,
      features: [],
      quality: { phase: "firing", checks: [{ feature: "origin", check: "missing", window: "1h", severity: "warning" }] },
    });
  });

  test("two of four do not fire", () => {
    const decisions = walk(decider(), [nulls, fine, nulls, fine, fine, fine, fine]);
    expect(decisions.flatMap(({ quality }) => quality.map(({ kind }) => kind))).toEqual(["pending", "lapsed"]);
    expect(decisions.flatMap(({ episodes }) => episodes)).toEqual([]);
  });

  test("each check has its own memory: three checks failing once each do not fire", () => {
    const each = (["missing", "nan", "wrong_type"] as const).map((check) => ({ findings: [finding(check, "origin")] }));
    expect(walk(decider(), each).flatMap(({ quality }) => quality.map(({ kind }) => kind))).toEqual(["pending"]);
  });

  test("escalates, says which checks came and went, and resolves after keep_firing_for", () => {
    const gone = { findings: [finding("vanished", "origin", "critical")] };
    const ends = [nulls, nulls, nulls, gone, gone, gone, ...new Array(16).fill(fine)] as Partial<Evaluation>[];
    const changes = walk(decider(), ends).flatMap(({ quality }) => quality);
    expect(changes.map(({ kind }) => kind)).toEqual([
      "pending",
      "firing",
      "features_changed",
      "escalated",
      "features_changed",
      "features_changed",
      "resolved",
    ]);
    expect(changes.at(-1)?.episode).toMatchObject({
      severity: "critical",
      features: ["origin"],
      checks: ["missing origin", "vanished origin"],
    });
    expect(changes.at(-1)?.episode.resolvedAtMs).toBe(changes.at(-1)?.endMs);
  });

  test("its episodes have other ids than those of drift that begin at the same end", () => {
    const decisions = walk(decider(), [nulls, nulls, nulls], [feature("delay", "c")]);
    const ids = decisions[2]!.episodes.map(({ id, kind }) => [kind ?? "drift", id]);
    expect(ids.map(([kind]) => kind)).toEqual(["drift", "quality"]);
    expect(ids[0]![1]).not.toBe(ids[1]![1]);
  });

  test("names with spaces come back from their keys", () => {
    expect(placeOf("not_null the end")).toEqual({ check: "not_null", feature: "the end" });
    expect(placeOf("missing ")).toEqual({ check: "missing", feature: "" });
  });
});

describe("what could not be judged", () => {
  const tracks: readonly Track[] = [
    { feature: "missing origin", window: "1h", ring: "www", level: "warning" },
    { feature: "unseen origin", window: "1h", ring: "www", level: "warning" },
    { feature: "between origin", window: "1h", ring: "www", level: "warning" },
  ];
  const judged = (bits: number, findings?: readonly QualityFinding[]) =>
    qualityVerdicts(
      [
        evaluation(START, [], {
          outcomes: { features: ["delay", "origin"], codes: new Uint8Array(2) },
          unjudged: Uint8Array.of(0, bits),
          ...(findings === undefined ? {} : { findings }),
        }),
      ],
      tracks,
    )[0]!;

  test.each([
    ["too few rows and values", FEW_ROWS | FEW_VALUES, ["missing origin", "unseen origin"]],
    ["too few values", FEW_VALUES, ["unseen origin"]],
    ["nothing", 0, []],
  ])("%s", (_, bits, keys) => {
    expect(judged(bits, []).features.map((one) => [one.feature, one.verdict])).toEqual(keys.map((key) => [key, "insufficient_data"]));
  });

  test("a window that was not looked at clears nothing", () => {
    expect(judged(0).verdict).toBe("insufficient_data");
    const decisions = walk(
      decider(),
      [nulls, nulls, nulls, ...new Array(30).fill({ verdict: "insufficient_data" })] as Partial<Evaluation>[],
      [],
    );
    expect(decisions.flatMap(({ quality }) => quality.map(({ kind }) => kind))).toEqual(["pending", "firing"]);
  });
});

describe("the stored state", () => {
  test("goes on where it was, quality and drift", () => {
    const first = decider();
    const before = walk(first, [nulls, nulls]);
    const again = decider(before.flatMap(({ alertState }) => alertState).slice(-1));
    const decision = again.decide([evaluation(START + 3 * SLIDE, [], nulls)], START);
    expect(decision.quality.map(({ kind }) => kind)).toEqual(["firing"]);
  });

  test("of an older driftd is read: nothing of quality is remembered", () => {
    const { quality: _, ...old } = emptyState;
    const text = JSON.stringify({ v: 1, ...old });
    expect(readState(text, "m", "1")).toEqual(emptyState);
    expect(readState(writeState(emptyState), "m", "1")).toEqual(emptyState);
  });
});
