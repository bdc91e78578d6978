import { describe, expect, test } from "vitest";

import { createDecider } from "../../src/decide/decider.ts";
import type { DecideRule, Decision } from "../../src/decide/decision.ts";
import type { RetrainRule } from "../../src/decide/retrain.ts";
import type { Evaluation } from "../../src/evaluate/evaluation.ts";
import { hashParts } from "../../src/outputs/identity.ts";
import type { AlertStateRow } from "../../src/store/store.ts";
import { evaluation, feature, HOUR, MINUTE } from "./evaluations.ts";

const START = Date.UTC(2001, 1, 5, 1);

function ruleWith(retrain: Partial<RetrainRule> = {}): DecideRule {
  return {
    alert: { forMs: 0, keepFiringForMs: 2 * HOUR, windows: ["1h", "6h"] },
    retrain: {
      to: ["pipeline"],
      repeatIntervalMs: undefined,
      dailyLimit: 3,
      minSamples: 0,
      dryRun: false,
      paused: false,
      actionMaxAgeMs: 24 * HOUR,
      ...retrain,
    },
    links: {},
  };
}

function decider(rule: DecideRule | (() => DecideRule) = ruleWith(), restored: readonly AlertStateRow[] = []) {
  return createDecider({
    ruleOf: (model) => (model === "unknown" ? undefined : typeof rule === "function" ? rule() : rule),
    hash: hashParts,
    restored,
    referenceRecords: () => 230_000,
  });
}

/** Evaluations of `delay`, one every 5 minutes from `START`. */
function marks(text: string, startMs = START): Evaluation[] {
  return [...text].map((mark, i) => evaluation(startMs + i * 5 * MINUTE, [feature("delay", mark), feature("origin", "n")]));
}

/** Decides end by end, the guard clock at each window's end; the decisions are accepted. */
function walk(deciding: ReturnType<typeof decider>, evaluations: readonly Evaluation[]): Decision[] {
  return evaluations.map((one) => {
    const decision = deciding.decide([one], one.endMs);
    deciding.accept(decision);
    return decision;
  });
}

describe("one request an episode", () => {
  test("is made at the end that makes the drift sustained, and not again", () => {
    const decisions = walk(decider(), marks("cccccccccc"));
    expect(decisions.map(({ outbox }) => outbox.length)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    const [message] = decisions[2]!.outbox;
    expect(message).toMatchObject({
      output: "pipeline",
      type: "driftd.retrain.requested",
      model: "flights",
      version: "1",
      createdAtMs: START + 10 * MINUTE,
    });
    const { data } = JSON.parse(message!.body) as { data: Record<string, unknown> };
    expect(data).toMatchObject({ request_id: message?.id, episode: decisions[2]!.episodes[0]?.id, severity: "critical", dry_run: false });
  });

  test("has an id that is a hash of the episode and the ordinal", () => {
    const [, , { episodes, outbox }] = walk(decider(), marks("ccc")) as [Decision, Decision, Decision];
    expect(outbox[0]?.id).toBe(`msg_${hashParts([episodes[0]!.id, 1]).slice(0, 32)}`);
  });

  test("again with repeat_interval, under the next ordinal's id", () => {
    const decisions = walk(decider(ruleWith({ repeatIntervalMs: 15 * MINUTE })), marks("ccccccccc"));
    expect(decisions.map(({ outbox }) => outbox.length)).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 1]);
    expect(new Set(decisions.flatMap(({ outbox }) => outbox.map(({ id }) => id))).size).toBe(3);
  });

  test("goes to every output in a message of its own with the same body", () => {
    const [, , { outbox }] = walk(decider(ruleWith({ to: ["pipeline", "mirror"] })), marks("ccc")) as [Decision, Decision, Decision];
    expect(outbox.map(({ output }) => output)).toEqual(["pipeline", "mirror"]);
    expect(outbox[1]!.id).toBe(`${outbox[0]!.id}-mirror`);
    expect(outbox[1]!.body).toBe(outbox[0]!.body);
  });

  test("is not made by a warning episode, which says so once", () => {
    const decisions = walk(decider(), marks("wwwwww"));
    expect(decisions.flatMap(({ outbox }) => outbox)).toEqual([]);
    expect(decisions.flatMap(({ retrain }) => retrain.map(({ reason }) => reason))).toEqual(["below_severity"]);
  });

  test("waits behind a burst of nulls, and goes out once the values are clean", () => {
    const dirty = [0, 1, 2, 3].map((i) => evaluation(START + i * 5 * MINUTE, [feature("delay", "c", { nulls: true })]));
    const clean = evaluation(START + 20 * MINUTE, [feature("delay", "c")]);
    const decisions = walk(decider(), [...dirty, clean]);
    expect(decisions.flatMap(({ retrain }) => retrain.map(({ action, reason }) => `${action}:${reason}`))).toEqual([
      "suppress:quality",
      "send:first_of_episode",
    ]);
  });

  test.each([
    { claim: "waits while an input of a computed feature is full of nulls", drifting: ["$outlier"], broken: "missing", sent: false },
    { claim: "waits while an input of a component is gone", drifting: ["$pca_1", "$pca_residual"], broken: "vanished", sent: false },
    { claim: "waits while the model answers to nulls", drifting: ["$prediction"], broken: "missing", sent: false },
    { claim: "does not wait for a check that says nothing of broken data", drifting: ["$outlier"], broken: "unseen", sent: true },
    {
      claim: "does not wait when an input drifts whose own values are fine",
      drifting: ["$outlier", "delay"],
      broken: "missing",
      sent: true,
    },
  ] as const)("$claim", ({ drifting, broken, sent }) => {
    const common = { verdict: "drift", severity: "critical", value: 0.6, limit: 0.02 } as const;
    const findings = [{ feature: "origin", check: broken, ...common }] as const;
    const features = [...drifting.map((name) => feature(name, "c")), feature("origin", "n")];
    const decisions = walk(
      decider(),
      [0, 1, 2, 3].map((i) => evaluation(START + i * 5 * MINUTE, features, { findings })),
    );
    expect(decisions.flatMap(({ outbox }) => outbox).length).toBe(sent ? 1 : 0);
    expect(decisions.flatMap(({ retrain }) => retrain.map(({ reason }) => reason))).toEqual([sent ? "first_of_episode" : "quality"]);
  });

  test("rests on a window that drifts at this very end, not on a remembered one", () => {
    const decisions = walk(decider(ruleWith({ paused: false })), marks("ccwc"));
    // Third end: 2 of 3 critical, a warning is sustained. Fourth: 3 of 4 critical.
    expect(decisions.map(({ outbox }) => outbox.length)).toEqual([0, 0, 0, 1]);
  });

  test("takes the window in which the most features drift, then the shortest", () => {
    const both = [0, 1, 2].map((i) => {
      const endMs = START + i * 30 * MINUTE;
      const short = evaluation(endMs, [feature("delay", "c")]);
      const long = evaluation(endMs, [feature("delay", "c"), feature("origin", "c")], { window: "6h", startMs: endMs - 6 * HOUR });
      return [short, long];
    });
    const deciding = decider();
    const { outbox } = both.map((ends) => deciding.decide(ends, ends[0]!.endMs)).at(-1)!;
    const { data } = JSON.parse(outbox[0]!.body) as { data: { window: { name: string }; features: { feature: string }[] } };
    expect(data.window.name).toBe("6h");
    expect(data.features.map(({ feature: name }) => name)).toEqual(["delay", "origin"]);
  });

  test("takes the shortest of windows in which as many features drift", () => {
    const ends = [0, 1, 2].map((i) => {
      const endMs = START + i * 30 * MINUTE;
      const long = evaluation(endMs, [feature("origin", "c")], { window: "6h", startMs: endMs - 6 * HOUR });
      return [long, evaluation(endMs, [feature("delay", "c")])];
    });
    const deciding = decider();
    const { outbox } = ends.map((both) => deciding.decide(both, both[0]!.endMs)).at(-1)!;
    expect((JSON.parse(outbox[0]!.body) as { data: { window: { name: string } } }).data.window.name).toBe("1h");
  });

  test("is made anew by the next episode, under another id", () => {
    const ids = walk(decider(), marks(`ccc${"n".repeat(30)}ccc`)).flatMap(({ outbox }) => outbox.map(({ id }) => id));
    expect(new Set(ids).size).toBe(2);
  });

  test("counts against the daily limit of the model, whatever the version", () => {
    const deciding = decider(ruleWith({ dailyLimit: 1 }));
    walk(deciding, marks("ccc"));
    const second = walk(
      deciding,
      marks("ccc", START + HOUR).map((one) => ({ ...one, version: "2" })),
    );
    expect(second.flatMap(({ retrain }) => retrain.map(({ reason }) => reason))).toEqual(["daily_limit"]);
  });
});

describe("a dry run", () => {
  test("sends nothing and records the request that it would have sent", () => {
    const [, , { outbox, events, retrain }] = walk(decider(ruleWith({ dryRun: true })), marks("ccc")) as [Decision, Decision, Decision];
    expect(outbox).toEqual([]);
    expect(retrain).toMatchObject([{ action: "suppress", reason: "dry_run" }]);
    const suppressed = events.find(({ type }) => type === "driftd.retrain.suppressed");
    expect(JSON.parse(suppressed!.body)).toMatchObject({
      reason: "dry_run",
      request: { data: { dry_run: true, features: [{ feature: "delay" }] } },
    });
  });
});

describe("rows", () => {
  test("a pending episode is an event and a state, no episode", () => {
    const [first] = walk(decider(), marks("c"));
    expect(first?.episodes).toEqual([]);
    expect(first?.events.map(({ type }) => type)).toEqual(["driftd.drift.pending"]);
    expect(first?.alertState).toHaveLength(1);
  });

  test("every change is an event with its reason", () => {
    const events = walk(decider(), marks(`wwwccc${"n".repeat(30)}`)).flatMap((decision) => decision.events);
    expect(events.map(({ type, body }) => [type, (JSON.parse(body) as { reason: string }).reason])).toEqual([
      ["driftd.drift.pending", "first_drift"],
      ["driftd.drift.firing", "sustained"],
      ["driftd.retrain.suppressed", "below_severity"],
      ["driftd.drift.escalated", "critical_sustained"],
      ["driftd.retrain.requested", "first_of_episode"],
      ["driftd.drift.features_changed", "sustained_features"],
      ["driftd.drift.resolved", "clear"],
    ]);
  });

  test("the end of an episode names the messages that have lost their point", () => {
    const decisions = walk(decider(), marks(`ccc${"n".repeat(30)}`));
    const sent = decisions.flatMap(({ outbox }) => outbox.map(({ id }) => id));
    expect(sent).toHaveLength(1);
    expect(decisions.flatMap(({ cancel }) => cancel)).toEqual(sent);
  });

  test("quiet ends write nothing", () => {
    const [decision] = walk(decider(), marks("n"));
    expect(decision).toEqual({
      ...{ alertState: [], episodes: [], outbox: [], events: [], requests: [] },
      ...{ cancel: [], withdraw: [], changes: [], quality: [], retrain: [] },
    });
  });

  test("the evaluations of several ends and models at once give the same rows as one by one", () => {
    const a = marks("ccc");
    const b = marks("cncc").map((one) => ({ ...one, model: "fares" }));
    const at = Math.max(...b.map(({ endMs }) => endMs));
    const together = decider().decide([...b, ...a].reverse(), at);
    const single = decider();
    const parts = [...a, ...b].sort((x, y) => x.endMs - y.endMs || (x.model < y.model ? -1 : 1)).map((one) => single.decide([one], at));
    expect(together.outbox).toEqual(parts.flatMap(({ outbox }) => outbox));
    expect(together.events).toEqual(parts.flatMap(({ events }) => events));
    expect(together.alertState).toHaveLength(2);
  });

  test("a model that is not configured is passed over", () => {
    expect(
      decider().decide(
        marks("ccc").map((one) => ({ ...one, model: "unknown" })),
        START,
      ).alertState,
    ).toEqual([]);
  });
});

describe("after a restart", () => {
  test("from any point on, the same evaluations give the same bytes", () => {
    const all = marks(`nwccc${"n".repeat(8)}uuccc${"n".repeat(30)}c`);
    const whole = walk(decider(), all);
    for (let cut = 0; cut <= all.length; cut++) {
      const first = decider();
      const rows = new Map<string, AlertStateRow>();
      for (const decision of walk(first, all.slice(0, cut))) for (const row of decision.alertState) rows.set(row.version, row);
      const rest = walk(decider(ruleWith(), [...rows.values()]), all.slice(cut));
      expect(JSON.stringify(rest)).toBe(JSON.stringify(whole.slice(cut)));
    }
  });

  test("a decision whose commit failed is forgotten by `revert`, and made again alike", () => {
    const deciding = decider();
    walk(deciding, marks("cc"));
    const third = marks("ccc")[2]!;
    const lost = deciding.decide([third], third.endMs);
    deciding.revert();
    expect(deciding.decide([third], third.endMs)).toEqual(lost);
    expect(lost.outbox).toHaveLength(1);
  });

  test("a state of a newer driftd is refused", () => {
    const row = { model: "flights", version: "1", state: '{"v":3,"alert":{},"retrain":{}}' };
    expect(() => decider(ruleWith(), [row])).toThrow(expect.objectContaining({ code: "DECIDE_STATE_NEWER" }));
  });

  test.each([
    "",
    "[]",
    "null",
    "{}",
    '{"v":1}',
    '{"v":1,"alert":{"tracks":[]},"retrain":{}}',
    '{"v":2,"alert":{"tracks":[]},"retrain":{"recentMs":[]}}',
  ])("a state that is none is refused: %j", (state) => {
    expect(() => decider(ruleWith(), [{ model: "flights", version: "1", state }])).toThrow(
      expect.objectContaining({ code: "DECIDE_STATE_UNREADABLE" }),
    );
  });
});

test("alerts tell what is pending and firing now", () => {
  const deciding = decider();
  expect(deciding.alerts()).toEqual([]);
  walk(deciding, marks("ccc"));
  expect(deciding.alerts()).toMatchObject([
    { model: "flights", version: "1", phase: "firing", features: [{ feature: "delay", window: "1h", severity: "critical" }] },
  ]);
});
