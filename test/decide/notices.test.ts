import { describe, expect, test } from "vitest";

import { createDecider } from "../../src/decide/decider.ts";
import type { Decision } from "../../src/decide/decision.ts";
import { type NotifyRule, noticesOf } from "../../src/decide/notices.ts";
import { utf8Length } from "../../src/decide/request.ts";
import type { Change } from "../../src/decide/transition.ts";
import type { QualityFinding } from "../../src/evaluate/evaluation.ts";
import { hashParts } from "../../src/outputs/identity.ts";
import { MESSAGE_TYPES } from "../../src/outputs/output.ts";
import { evaluation, feature, HOUR, MINUTE } from "./evaluations.ts";

const START = Date.UTC(2001, 1, 5, 1);
const QUIET = "n".repeat(30);
const BROKEN: QualityFinding = { feature: "origin", check: "missing", verdict: "drift", severity: "warning", value: 0.6, limit: 0.02 };

function decider(notify: Partial<NotifyRule> = {}) {
  return createDecider({
    ruleOf: () => ({
      alert: { forMs: 0, keepFiringForMs: 2 * HOUR, windows: ["1h"] },
      retrain: undefined,
      notify: { to: ["chat"], severity: "warning", quality: true, ...notify },
      links: { driftd: "http://driftd/" },
    }),
    hash: hashParts,
    restored: [],
    referenceRecords: () => undefined,
  });
}

/** Drift by mark; an upper case Q is a quiet end with broken data. */
function walk(text: string, notify: Partial<NotifyRule> = {}): Decision[] {
  const deciding = decider(notify);
  return [...text].map((mark, i) => {
    const endMs = START + i * 5 * MINUTE;
    const findings = mark === "Q" ? [BROKEN] : [];
    const features = [feature("delay", mark === "Q" ? "n" : mark), feature("origin", "n")];
    const decision = deciding.decide([evaluation(endMs, features, { findings })], endMs);
    deciding.accept(decision);
    return decision;
  });
}

const messages = (decisions: readonly Decision[]) => decisions.flatMap(({ outbox }) => outbox);
const types = (decisions: readonly Decision[]) => messages(decisions).map(({ type }) => type);
const dataOf = (body: string) => (JSON.parse(body) as { data: Record<string, unknown> }).data;

describe("notices of drift", () => {
  test("tell that an episode fires, becomes critical and is over", () => {
    expect(types(walk(`wwwccc${QUIET}`))).toEqual(["driftd.drift.firing", "driftd.drift.escalated", "driftd.drift.resolved"]);
  });

  test("are silent about a pending episode and one that lapsed", () => {
    expect(types(walk("cnnnnwnnnn"))).toEqual([]);
  });

  test("tell critical episodes only, from the moment they are critical, where it is so configured", () => {
    expect(types(walk(`wwwccc${QUIET}`, { severity: "critical" }))).toEqual(["driftd.drift.escalated", "driftd.drift.resolved"]);
    expect(types(walk(`www${QUIET}`, { severity: "critical" }))).toEqual([]);
    expect(types(walk(`ccc${QUIET}`, { severity: "critical" }))).toEqual(["driftd.drift.firing", "driftd.drift.resolved"]);
  });

  test("carry the evidence, and links", () => {
    const [fired, resolved] = messages(walk(`ccc${QUIET}`)) as unknown as [{ body: string }, { body: string }];
    expect(JSON.parse(fired.body)).toMatchObject({
      type: "driftd.drift.firing",
      timestamp: "2001-02-05T01:10:00Z",
      data: {
        ...{ model: "flights", version: "1", kind: "drift", status: "firing", severity: "critical", reason: "sustained" },
        window: { name: "1h", start: "2001-02-05T00:10:00Z", end: "2001-02-05T01:10:00Z", records: 660 },
        features: [{ feature: "delay", severity: "critical", statistics: { psi: { excess: 0.5 } } }],
        ...{ features_total: 1, links: { driftd: "http://driftd/" } },
      },
    });
    expect(dataOf(resolved.body)).toMatchObject({ status: "resolved", features: [{ feature: "delay" }], features_total: 1 });
    expect(dataOf(resolved.body)["resolved_at"]).not.toBe(null);
  });

  test("have ids that are hashes of the episode and the kind; each output gets its own message", () => {
    const of = () => messages(walk(`wwwccc${QUIET}`, { to: ["chat", "pager"] }));
    const ids = of().map(({ id }) => id);
    expect(of().map(({ id }) => id)).toEqual(ids);
    expect(new Set(ids).size).toBe(6);
    expect(ids[1]).toBe(`${ids[0]}-pager`);
  });

  test("the end names what it makes pointless if nobody was told the beginning", () => {
    const decisions = walk(`wwwccc${QUIET}`);
    const [firing, escalated, resolved] = messages(decisions).map(({ id }) => id);
    expect(decisions.flatMap(({ withdraw }) => withdraw)).toEqual([{ earlier: [firing, escalated], last: resolved }]);
  });
});

describe("notices of quality", () => {
  test("tell firing and resolved, with the checks that fail", () => {
    const decisions = walk(`QQQ${QUIET}`);
    expect(types(decisions)).toEqual(["driftd.quality.firing", "driftd.quality.resolved"]);
    const [fired] = messages(decisions);
    expect(dataOf(fired!.body)).toMatchObject({
      ...{ kind: "quality", status: "firing", severity: "warning", features_total: 1 },
      features: [{ feature: "origin", check: "missing", severity: "warning" }],
    });
  });

  test("have another id when a change of the configuration lets the same episode fire twice", () => {
    const rule = { to: ["chat"], quality: true };
    const tell = (kind: "firing" | "escalated", severity: "warning" | "critical") => {
      const episode = {
        ...{ id: "ep_q", kind: "quality", model: "m", version: "1", severity, features: ["origin"], checks: ["missing origin"] },
        ...{ pendingAtMs: START, firingAtMs: START, resolvedAtMs: null },
      } as const;
      const change = kind === "firing" ? { kind, reason: "sustained" } : { kind, reason: "critical_sustained" };
      const quality = [{ ...change, endMs: START, episode } as Change];
      const input = { changes: [], quality, evaluations: [evaluation(START, [])], tracks: [], failing: [] };
      return noticesOf(input, { ...rule, severity }, { links: {}, hash: hashParts, nowMs: START }).outbox;
    };
    const told = [...tell("firing", "warning"), ...tell("escalated", "critical")];
    expect(told.map(({ type }) => type)).toEqual(["driftd.quality.firing", "driftd.quality.firing"]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(2);
  });

  test("can be left out", () => {
    expect(types(walk(`QQQ${QUIET}`, { quality: false }))).toEqual([]);
  });
});

test("a body stays under 20 kB, however many features and long their names", () => {
  const names = Array.from({ length: 3000 }, (_, i) => `${"é".repeat(400)}${i}`);
  const endMs = START;
  const episode = {
    id: "ep_1",
    model: "m",
    version: "1",
    severity: "critical",
    features: names,
    pendingAtMs: 0,
    firingAtMs: 0,
    resolvedAtMs: null,
  } as const;
  const { outbox } = noticesOf(
    {
      changes: [{ kind: "firing", reason: "sustained", endMs, episode }],
      quality: [],
      evaluations: [
        evaluation(
          endMs,
          names.map((name) => feature(name, "c")),
        ),
      ],
      tracks: names.map((name) => ({ feature: name, window: "1h", ring: "ccc", level: "critical" as const })),
      failing: [],
    },
    { to: ["chat"], severity: "warning", quality: true },
    { links: {}, hash: hashParts, nowMs: START },
  );
  expect(utf8Length(outbox[0]!.body)).toBeLessThan(20_000);
  expect(dataOf(outbox[0]!.body)["features_total"]).toBe(3000);
  expect(MESSAGE_TYPES).toContain(outbox[0]!.type);
});
