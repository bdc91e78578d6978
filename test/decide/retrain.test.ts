import { describe, expect, test } from "vitest";

import type { Episode } from "../../src/decide/alert.ts";
import {
  afterDecision,
  afterEpisode,
  decideRetrain,
  type Evidence,
  isNews,
  noRequests,
  type RetrainInput,
  type RetrainRule,
  type RetrainState,
  released,
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
const input: RetrainInput = Object.freeze({ firing: episode, evidence, state: noRequests, otherVersionsMs: [] });
const asked: RetrainState = Object.freeze({ ...noRequests, requests: 1, lastRequestMs: NOW - 2 * HOUR, recentMs: [NOW - 2 * HOUR] });

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
      held: [{ state: { ...noRequests, lock: { request: "msg_0", sinceMs: NOW - 6 * HOUR + 1 } } }, {}],
      through: [{ state: { ...noRequests, lock: { request: "msg_0", sinceMs: NOW - 6 * HOUR } } }, {}],
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
      lock: { request: "msg_0", sinceMs: NOW },
    };
    const old = { ...evidence, endMs: Date.UTC(2001, 1, 5) };
    expect(decideRetrain({ ...input, state, evidence: old }, open, NOW)).toEqual({
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
  const state = afterDecision(noRequests, stale, NOW, "", []);
  expect(decideRetrain({ ...input, state }, rule, NOW)).toEqual({ action: "send", reason: "first_of_episode", ordinal: 1 });
});

describe("a dry run", () => {
  const dry = { ...rule, dryRun: true };
  const once = afterDecision(noRequests, decideRetrain(input, dry, NOW), NOW, "", []);

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
  const state = afterDecision(noRequests, paused, NOW, "", []);

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
  const sent = afterDecision(noRequests, decideRetrain(input, rule, NOW), NOW, "msg_1", ["msg_1", "msg_1-mirror"]);

  test("its lock and its place in the daily limit outlive the episode, the rest does not", () => {
    expect(afterEpisode(sent)).toEqual({ ...noRequests, recentMs: [NOW], lock: { request: "msg_1", sinceMs: NOW } });
  });
  test("the lock is ended by the callback of that very request", () => {
    expect(released(sent, "msg_0").lock).not.toBe(null);
    expect(released(sent, "msg_1").lock).toBe(null);
  });
  test("times older than a day are dropped", () => {
    expect(afterDecision(sent, { action: "send", reason: "first_of_episode", ordinal: 1 }, NOW + 24 * HOUR, "m", []).recentMs).toEqual([
      NOW + 24 * HOUR,
    ]);
  });
});
