import { describe, expect, test } from "vitest";

import type { Episode } from "../../src/decide/alert.ts";
import {
  type AskedInput,
  afterDecision,
  afterEpisode,
  busyOutput,
  decideAsked,
  decideRetrain,
  type Evidence,
  inProgress,
  isNews,
  noRequests,
  type OpenRequest,
  type RetrainInput,
  type RetrainRule,
  type RetrainState,
  SUPPRESS_REASONS,
  type SuppressReason,
} from "../../src/decide/retrain.ts";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 10, 12);

const rule: RetrainRule = Object.freeze({
  to: Object.freeze(["pipeline"]) as readonly string[],
  repeatIntervalMs: undefined,
  inProgressTimeoutMs: 6 * HOUR,
  dailyLimit: 2,
  minSamples: 100,
  dryRun: false,
  paused: false,
  actionMaxAgeMs: 24 * HOUR,
});
const episode: Episode = Object.freeze({
  id: "ep_1",
  model: "flights",
  version: "1",
  severity: "critical",
  features: ["delay"],
  pendingAtMs: NOW - 2 * HOUR,
  firingAtMs: NOW - HOUR,
  resolvedAtMs: null,
});
const evidence: Evidence = Object.freeze({ endMs: NOW - HOUR, records: 100, features: 2, failingQuality: 1 });
const input: RetrainInput = Object.freeze({ firing: episode, evidence, state: noRequests, otherVersionsMs: [], open: [] });
const asked: RetrainState = Object.freeze({ ...noRequests, requests: 1, lastRequestMs: NOW - 2 * HOUR, recentMs: [NOW - 2 * HOUR] });

/** A request of the model that was delivered an hour ago. */
const running: OpenRequest = Object.freeze({
  model: "flights",
  status: "running",
  outputs: ["pipeline"],
  updatedAtMs: NOW - HOUR,
  timeoutMs: 6 * HOUR,
  undelivered: false,
});
const foreign: OpenRequest = Object.freeze({ ...running, model: "fares" });
const twoAtOnce = { concurrency: new Map([["pipeline", 2]]) };

describe("each guard holds a request back with its own reason, and lets it through at its limit", () => {
  const cells: Record<
    SuppressReason,
    { held: [Partial<RetrainInput>, Partial<RetrainRule>]; through: [Partial<RetrainInput>, Partial<RetrainRule>] }
  > = {
    not_firing: { held: [{ firing: null }, {}], through: [{}, {}] },
    no_evidence: { held: [{ evidence: undefined }, {}], through: [{}, {}] },
    below_severity: {
      held: [{ firing: { ...episode, severity: "warning" } }, {}],
      through: [{ firing: { ...episode, severity: "warning" } }, { severity: "warning" }],
    },
    no_outputs: { held: [{}, { to: [] }], through: [{}, { to: ["other"] }] },
    paused: { held: [{}, { paused: true }], through: [{}, { paused: false }] },
    already_requested: { held: [{ state: asked }, {}], through: [{ state: asked }, { repeatIntervalMs: HOUR }] },
    repeat_interval: {
      held: [{ state: asked }, { repeatIntervalMs: 2 * HOUR + 1 }],
      through: [{ state: asked }, { repeatIntervalMs: 2 * HOUR }],
    },
    in_progress: {
      held: [{ open: [{ ...running, updatedAtMs: NOW - 6 * HOUR + 1 }] }, {}],
      through: [{ open: [{ ...running, updatedAtMs: NOW - 6 * HOUR }] }, {}],
    },
    awaiting_approval: {
      held: [{ open: [{ ...running, status: "awaiting_approval", updatedAtMs: 0 }] }, {}],
      through: [{ open: [{ ...foreign, status: "awaiting_approval" }] }, {}],
    },
    target_busy: {
      held: [{ open: [foreign, { ...foreign, status: "requested" }] }, twoAtOnce],
      through: [{ open: [foreign, { ...foreign, updatedAtMs: NOW - 6 * HOUR }] }, twoAtOnce],
    },
    daily_limit: {
      held: [{ state: { ...noRequests, recentMs: [NOW - 24 * HOUR + 1] }, otherVersionsMs: [NOW - HOUR] }, {}],
      through: [{ state: { ...noRequests, recentMs: [NOW - 24 * HOUR] }, otherVersionsMs: [NOW - HOUR] }, {}],
    },
    minimum_samples: { held: [{ evidence: { ...evidence, records: 99 } }, {}], through: [{ evidence: { ...evidence, records: 100 } }, {}] },
    quality: {
      held: [{ evidence: { ...evidence, failingQuality: 2 } }, {}],
      through: [{ evidence: { ...evidence, failingQuality: 1 } }, {}],
    },
    stale: {
      held: [{ evidence: { ...evidence, endMs: NOW - 24 * HOUR - 1 } }, {}],
      through: [{ evidence: { ...evidence, endMs: NOW - 24 * HOUR } }, {}],
    },
    dry_run: { held: [{}, { dryRun: true }], through: [{}, { dryRun: false }] },
  };
  test.each(SUPPRESS_REASONS)("%s", (reason) => {
    const { held, through } = cells[reason];
    expect(decideRetrain({ ...input, ...held[0] }, { ...rule, ...held[1] }, NOW)).toMatchObject({ action: "suppress", reason });
    expect(decideRetrain({ ...input, ...through[0] }, { ...rule, ...through[1] }, NOW)).toMatchObject({ action: "send" });
  });

  test("no max age, no limit and no lock hold nothing back", () => {
    const open: RetrainRule = { ...rule, actionMaxAgeMs: null, dailyLimit: undefined, inProgressTimeoutMs: undefined };
    const state: RetrainState = {
      ...noRequests,
      recentMs: Array.from({ length: 50 }, () => NOW),
    };
    const old = { ...evidence, endMs: Date.UTC(2001, 1, 5) };
    const silent = { ...running, timeoutMs: undefined };
    expect(decideRetrain({ ...input, state, evidence: old, open: [silent] }, open, NOW)).toEqual({
      action: "send",
      reason: "first_of_episode",
      ordinal: 1,
    });
  });
});

test("a repeated request has the next ordinal", () => {
  expect(decideRetrain({ ...input, state: asked }, { ...rule, repeatIntervalMs: HOUR }, NOW)).toEqual({
    action: "send",
    reason: "repeat_interval_elapsed",
    ordinal: 2,
  });
});

test("a guard that holds back uses nothing up: stale during catch-up, sent once the windows are fresh", () => {
  const stale = decideRetrain({ ...input, evidence: { ...evidence, endMs: NOW - 48 * HOUR } }, rule, NOW);
  const state = afterDecision(noRequests, stale, NOW, []);
  expect(decideRetrain({ ...input, state }, rule, NOW)).toEqual({ action: "send", reason: "first_of_episode", ordinal: 1 });
});

test("what a clock that was wrong wrote down for next year holds nothing back when it is right again", () => {
  const ahead = NOW + 365 * 24 * HOUR;
  const state: RetrainState = { ...asked, lastRequestMs: ahead, recentMs: [ahead, ahead] };
  const open = [{ ...running, updatedAtMs: ahead }];
  expect(decideRetrain({ ...input, state, open }, { ...rule, repeatIntervalMs: HOUR }, NOW)).toMatchObject({ action: "send" });
  expect(decideRetrain({ ...input, open: [{ ...running, updatedAtMs: NOW + HOUR }] }, rule, NOW)).toMatchObject({ reason: "in_progress" });
});

describe("a dry run", () => {
  const dry = { ...rule, dryRun: true };
  const once = afterDecision(noRequests, decideRetrain(input, dry, NOW), NOW, []);

  test("would have asked once an episode", () => {
    expect(decideRetrain(input, dry, NOW)).toEqual({ action: "suppress", reason: "dry_run", ordinal: 1 });
    expect(decideRetrain({ ...input, state: once }, dry, NOW)).toEqual({ action: "suppress", reason: "already_requested" });
  });

  test("uses nothing up: when it is switched off, the open episode still gets its request", () => {
    expect(decideRetrain({ ...input, state: once }, rule, NOW)).toEqual({ action: "send", reason: "first_of_episode", ordinal: 1 });
  });
});

describe("a suppression is news once an episode", () => {
  const paused = decideRetrain(input, { ...rule, paused: true }, NOW);
  const state = afterDecision(noRequests, paused, NOW, []);

  test("the first time, and not again", () => {
    expect(isNews(noRequests, paused)).toBe(true);
    expect(isNews(state, paused)).toBe(false);
  });
  test("again when the reason is another one", () => {
    expect(isNews(state, { action: "suppress", reason: "stale" })).toBe(true);
  });
  test("never for the ordinary course of things", () => {
    for (const reason of ["not_firing", "no_evidence", "already_requested"] as const) {
      expect(isNews(noRequests, { action: "suppress", reason })).toBe(false);
    }
  });
});

describe("what a request leaves behind", () => {
  const sent = afterDecision(noRequests, decideRetrain(input, rule, NOW), NOW, ["msg_1", "msg_1-mirror"]);

  test("its place in the daily limit outlives the episode, the rest does not", () => {
    expect(afterEpisode(sent)).toEqual({ ...noRequests, recentMs: [NOW] });
  });
  test("times older than a day are dropped", () => {
    expect(afterDecision(sent, { action: "send", reason: "first_of_episode", ordinal: 1 }, NOW + 24 * HOUR, []).recentMs).toEqual([
      NOW + 24 * HOUR,
    ]);
  });
});

describe("what is in progress", () => {
  test.each([
    ["one that was only asked for", { status: "requested" }, true],
    ["one that waits for its first delivery, however long", { status: "requested", updatedAtMs: 0, undelivered: true }, true],
    ["one that waits for approval is not", { status: "awaiting_approval" }, false],
    ["one that is over is not", { status: "succeeded" }, false],
    ["one of a model without a lock is not, not even undelivered", { timeoutMs: undefined, undelivered: true }, false],
  ] as const)("%s", (_, change, expected) => {
    expect(inProgress({ ...running, ...change }, NOW)).toBe(expected);
  });

  test("an output is busy by what runs there, whatever the model; one without a limit never is", () => {
    const rule = { to: ["mirror", "pipeline"], concurrency: new Map([["pipeline", 1]]) };
    expect(busyOutput(rule, [foreign], NOW)).toBe("pipeline");
    expect(busyOutput(rule, [{ ...foreign, outputs: ["mirror"] }], NOW)).toBe(undefined);
    expect(busyOutput({ to: ["mirror"] }, [{ ...foreign, outputs: ["mirror"] }], NOW)).toBe(undefined);
  });
});

describe("what somebody asks for", () => {
  const asked: AskedInput = Object.freeze({ ...input, model: "flights", reason: "manual", firing: null, evidence: undefined });
  const free = { ...rule, minSamples: 0 };
  const once: RetrainState = { ...noRequests, requests: 1, lastRequestMs: NOW - HOUR, recentMs: [NOW - HOUR] };
  const ask = (more: Partial<AskedInput>, ruled: Partial<RetrainRule> = {}) =>
    decideAsked({ ...asked, ...more }, { ...free, ...ruled }, NOW);

  test("needs neither an episode nor a window", () => {
    expect(ask({})).toEqual({ action: "send", reason: "manual", ordinal: 0 });
  });

  test.each([
    ["no_outputs", {}, { to: [] }],
    ["paused", {}, { paused: true }],
    ["awaiting_approval", { open: [{ ...running, status: "awaiting_approval" as const }] }, {}],
    ["in_progress", { open: [running] }, {}],
    ["target_busy", { open: [foreign] }, { concurrency: new Map([["pipeline", 1]]) }],
    ["daily_limit", { otherVersionsMs: [NOW, NOW] }, {}],
    ["minimum_samples", { evidence: { ...evidence, records: 99 } }, { minSamples: 100 }],
    ["minimum_samples", {}, { minSamples: 1 }],
    ["quality", { evidence: { ...evidence, features: 2, failingQuality: 2 } }, {}],
    ["dry_run", {}, { dryRun: true }],
  ] as const)("passes the guard %s", (reason, more, ruled) => {
    expect(ask(more, ruled)).toEqual({ action: "suppress", reason });
  });

  test("is never stale, and quiet windows are no broken data", () => {
    expect(ask({ evidence: { endMs: 0, records: 100, features: 0, failingQuality: 0 } })).toMatchObject({ action: "send" });
  });

  test("an alert about an episode that has asked already is the same news; a person is heard", () => {
    const more = { firing: episode, state: once };
    expect(ask({ ...more, reason: "alert" })).toEqual({ action: "suppress", reason: "already_requested" });
    expect(ask({ ...more, reason: "alert" }, { repeatIntervalMs: 2 * HOUR })).toEqual({ action: "suppress", reason: "repeat_interval" });
    expect(ask({ ...more, reason: "alert" }, { repeatIntervalMs: HOUR })).toMatchObject({ action: "send", ordinal: 2 });
    expect(ask({ ...more, reason: "manual" })).toEqual({ action: "send", reason: "manual", ordinal: 2 });
  });

  test("uses up the episode's own request, or, outside of one, only a place in the daily limit", () => {
    const inside = ask({ firing: episode, reason: "schedule" });
    expect(afterDecision(noRequests, inside, NOW, [])).toMatchObject({ requests: 1, lastRequestMs: NOW, recentMs: [NOW] });
    expect(afterDecision(noRequests, ask({}), NOW, [])).toEqual({ ...noRequests, recentMs: [NOW] });
  });
});
