/** The decider's requests over time: locks, approval, concurrency, what others ask for, restarts. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createDecider, type Decider, type DeciderOptions } from "../../src/decide/decider.ts";
import type { DecideRule, Decision } from "../../src/decide/decision.ts";
import { FORGET_REQUEST_MS } from "../../src/decide/open-requests.ts";
import { type RetrainRecord, reported } from "../../src/decide/record.ts";
import type { RetrainRule } from "../../src/decide/retrain.ts";
import type { Evaluation } from "../../src/evaluate/evaluation.ts";
import { hashParts } from "../../src/outputs/identity.ts";
import type { AlertStateRow } from "../../src/store/store.ts";
import { evaluation, feature, HOUR, MINUTE } from "./evaluations.ts";

const START = Date.UTC(2001, 1, 5, 1);
const QUIET = "n".repeat(30);

function ruleWith(retrain: Partial<RetrainRule> = {}): DecideRule {
  return {
    alert: { forMs: 0, keepFiringForMs: 2 * HOUR, windows: ["1h"] },
    retrain: {
      ...{ to: ["pipeline"], repeatIntervalMs: undefined, inProgressTimeoutMs: 6 * HOUR, dailyLimit: 9, minSamples: 0, dryRun: false },
      ...{ paused: false, actionMaxAgeMs: null, ...retrain },
    },
    links: { driftd: "http://driftd/" },
    callbacks: "http://driftd/api/v1/retrain",
  };
}

/** What a store would keep. */
function keeper() {
  const states = new Map<string, AlertStateRow>();
  const requests = new Map<string, RetrainRecord>();
  return {
    requests,
    put: (decision: Decision) => {
      for (const row of decision.alertState) states.set(`${row.model} ${row.version}`, row);
      for (const record of decision.requests) requests.set(record.id, record);
    },
    rows: () => ({
      restored: [...states.values()],
      openRequests: [...requests.values()].filter(({ status }) => ["awaiting_approval", "requested", "running"].includes(status)),
    }),
    newest: () => [...requests.values()].at(-1)!,
  };
}

function rig(rule: DecideRule = ruleWith(), more: Partial<DeciderOptions> = {}) {
  const kept = keeper();
  const make = (): Decider => createDecider({ ruleOf: () => rule, hash: hashParts, referenceRecords: () => 9, ...more, ...kept.rows() });
  let deciding = make();
  const done = (decision: Decision) => {
    kept.put(decision);
    deciding.accept(decision);
    return decision;
  };
  return {
    kept,
    /** The process ends without a word; another one begins with what is stored. */
    restart: () => {
      deciding = make();
    },
    walk: (evaluations: readonly Evaluation[]) => evaluations.map((one) => done(deciding.decide([one], one.endMs))),
    report: (status: "running" | "succeeded" | "failed", atMs: number) =>
      done(deciding.move([reported(kept.newest(), { status }, atMs)!], atMs)),
    approve: (atMs: number, record = kept.newest()) => {
      const decision = deciding.approve(record, atMs);
      return "guard" in decision ? decision : done(decision);
    },
    ask: (atMs: number, ask: Partial<Parameters<Decider["ask"]>[0]> = {}, evaluations: readonly Evaluation[] = []) => {
      const asked = { model: "flights", version: "1", reason: "manual" as const, detail: "why", dedupKey: null, idParts: [atMs], ...ask };
      const { note, ...decision } = deciding.ask(asked, evaluations, atMs)!;
      done(decision);
      return { note, decision };
    },
    move: (record: RetrainRecord, atMs: number) => done(deciding.move([record], atMs)),
    expire: (atMs: number) => done(deciding.expire(atMs)),
    deciding: () => deciding,
  };
}

function marks(text: string, startMs = START, model = "flights"): Evaluation[] {
  return [...text].map((mark, i) => ({ ...evaluation(startMs + i * 5 * MINUTE, [feature("delay", mark)]), model }));
}

const reasons = (decisions: readonly Decision[]) => decisions.flatMap(({ retrain }) => retrain.map(({ reason }) => reason));
const statuses = (decisions: readonly Decision[]) => decisions.flatMap(({ requests }) => requests.map(({ status }) => status));
const bodyOf = (text: string) => (JSON.parse(text) as { data: Record<string, never> }).data;

describe("the record of a request", () => {
  test("stands beside its message, with the same id and body, and the body says where to report", () => {
    const { walk, kept } = rig(ruleWith({ to: ["pipeline", "mirror"] }));
    const [, , decision] = walk(marks("ccc")) as [Decision, Decision, Decision];
    const [record] = decision.requests as [RetrainRecord];
    expect(record).toMatchObject({
      model: "flights",
      version: "1",
      reason: "drift",
      severity: "critical",
      status: "requested",
      newVersion: null,
    });
    expect(record).toMatchObject({ episode: decision.episodes[0]!.id, outputs: ["pipeline", "mirror"], createdAtMs: START + 10 * MINUTE });
    expect(decision.outbox.map(({ id, body }) => [id, body === record.body])).toEqual([
      [record.id, true],
      [`${record.id}-mirror`, true],
    ]);
    expect(bodyOf(record.body)["links"]).toEqual({
      driftd: "http://driftd/",
      callback: `http://driftd/api/v1/retrain/${record.id}/status`,
    });
    expect(kept.requests.size).toBe(1);
  });

  test("a dry run makes none", () => {
    expect(statuses(rig(ruleWith({ dryRun: true })).walk(marks("ccc")))).toEqual([]);
  });
});

describe("the lock", () => {
  /** A second episode, four hours after the first. */
  const second = () => marks("cccccc", START + 4 * HOUR);

  test("holds the next episode's request back until the pipeline says that it is done", () => {
    const { walk, report } = rig();
    walk(marks(`ccc${QUIET}`));
    report("running", START + HOUR);
    const [, , held] = walk(second().slice(0, 3)) as [Decision, Decision, Decision];
    expect(reasons([held])).toEqual(["in_progress"]);
    report("succeeded", START + 4 * HOUR + 12 * MINUTE);
    expect(statuses(walk(second().slice(3)))).toEqual(["requested"]);
  });

  test("ends by itself once nothing was heard for the timeout, and says so", () => {
    const { walk, kept } = rig(ruleWith({ inProgressTimeoutMs: 4 * HOUR + 25 * MINUTE }));
    walk(marks("ccc"));
    const { id } = kept.newest();
    walk(marks(QUIET, START + 15 * MINUTE));
    const decisions = walk(marks("cccccccc", START + 4 * HOUR));
    // Asked at 0:10, so it is forgotten at 4:35, the eighth end.
    expect(reasons(decisions)).toEqual(["in_progress", "first_of_episode"]);
    expect(statuses(decisions)).toEqual(["timed_out", "requested"]);
    expect(kept.requests.get(id)).toMatchObject({ status: "timed_out", updatedAtMs: START + 4 * HOUR + 35 * MINUTE });
    expect(decisions.flatMap(({ events }) => events.map(({ type }) => type))).toContain("driftd.retrain.timed_out");
  });

  test("does not run out while the message waits for its delivery", () => {
    const { walk, expire } = rig(ruleWith({ inProgressTimeoutMs: HOUR }), { undelivered: () => true });
    walk(marks(`ccc${QUIET}`));
    expect(reasons(walk(second().slice(0, 3)))).toEqual(["in_progress"]);
    expect(expire(START + FORGET_REQUEST_MS * 2).requests).toEqual([]);
  });

  test("holds for the model, whatever the version, and for no other model", () => {
    const { walk } = rig();
    walk(marks("ccc"));
    expect(reasons(walk(marks("ccc", START + HOUR).map((one) => ({ ...one, version: "2" }))))).toEqual(["in_progress"]);
    expect(reasons(walk(marks("ccc", START + HOUR, "fares")))).toEqual(["first_of_episode"]);
  });

  test("switched off, it holds nothing back; the request is forgotten after a week", () => {
    const { walk, expire } = rig(ruleWith({ inProgressTimeoutMs: undefined }));
    walk(marks(`ccc${QUIET}`));
    expect(reasons(walk(second().slice(0, 3)))).toEqual(["first_of_episode"]);
    expect(expire(START + FORGET_REQUEST_MS).requests).toEqual([]);
    expect(statuses([expire(START + FORGET_REQUEST_MS + 10 * MINUTE)])).toEqual(["timed_out"]);
  });
});

describe("concurrency at an output", () => {
  test("counts what runs there over all models", () => {
    const { walk, report } = rig(ruleWith({ concurrency: new Map([["pipeline", 1]]) }));
    walk(marks("ccc"));
    expect(reasons(walk(marks("ccc", START, "fares")))).toEqual(["target_busy"]);
    report("failed", START + HOUR);
    expect(reasons(walk(marks("c", START + HOUR, "fares")))).toEqual(["first_of_episode"]);
  });
});

describe("manual approval", () => {
  const manual = ruleWith({ approval: "manual" });

  test("keeps the message until somebody approves it", () => {
    const { walk, approve, kept } = rig(manual);
    const decisions = walk(marks("ccc"));
    expect(decisions.flatMap(({ outbox }) => outbox)).toEqual([]);
    expect(decisions.at(-1)).toMatchObject({ retrain: [{ action: "send", status: "awaiting_approval" }] });
    const waiting = kept.newest();
    const approved = approve(START + HOUR) as Decision;
    expect(approved.outbox).toEqual([expect.objectContaining({ id: waiting.id, body: waiting.body, createdAtMs: START + HOUR })]);
    expect(kept.newest()).toEqual({ ...waiting, status: "requested", updatedAtMs: START + HOUR });
    expect(approved.events.map(({ type }) => type)).toEqual(["driftd.retrain.requested"]);
  });

  test("the end of the episode cancels what still waits, in the same rows", () => {
    const { walk, kept } = rig(manual);
    const decisions = walk(marks(`ccc${QUIET}`));
    const end = decisions.find(({ changes }) => changes.some(({ kind }) => kind === "resolved"));
    expect(end?.requests).toMatchObject([{ status: "cancelled", episode: end?.episodes[0]?.id }]);
    expect(kept.newest().status).toBe("cancelled");
  });

  test("one that waits holds the model's other requests back, for as long as it waits", () => {
    const { walk, ask, expire } = rig(manual);
    walk(marks("ccc"));
    expect(expire(START + 2 * FORGET_REQUEST_MS).requests).toEqual([]);
    expect(ask(START + 48 * HOUR).note).toMatchObject({ action: "suppress", reason: "awaiting_approval" });
  });

  test.each([
    ["paused", { paused: true }],
    ["dry_run", { dryRun: true }],
    ["no_outputs", { to: ["another"] }],
    ["target_busy", { concurrency: new Map([["pipeline", 1]]) }],
  ] as const)("is held back by %s even when it is approved", (guard, change) => {
    let rule = manual;
    const { walk, approve, ask, kept } = rig(undefined, { ruleOf: (model) => (model === "fares" ? ruleWith() : rule) });
    walk(marks("ccc"));
    const waiting = kept.newest();
    ask(START + 30 * MINUTE, { model: "fares" });
    rule = ruleWith({ approval: "manual", ...change });
    expect(approve(START + HOUR, waiting)).toEqual({ guard });
    expect(kept.requests.get(waiting.id)).toEqual(waiting);
  });

  test("is held back by in_progress when a pipeline that was believed dead speaks before it is approved", () => {
    const { ask, approve, expire, move, kept } = rig(ruleWith({ approval: "manual", inProgressTimeoutMs: HOUR }));
    ask(START);
    const first = kept.newest();
    approve(START, first);
    expire(START + 2 * HOUR);
    ask(START + 3 * HOUR);
    const second = kept.newest();
    move(reported(kept.requests.get(first.id)!, { status: "running" }, START + 4 * HOUR)!, START + 4 * HOUR);
    expect(approve(START + 4 * HOUR, second)).toEqual({ guard: "in_progress" });
    expect(approve(START + 6 * HOUR, second)).toMatchObject({ requests: [{ status: "requested" }] });
  });
});

describe("what somebody asks for", () => {
  test("is made without any evaluation, and says so", () => {
    const { ask } = rig();
    const { note, decision } = ask(START);
    expect(note).toMatchObject({ action: "send", reason: "manual", status: "requested", episode: null, severity: null });
    expect(decision.requests).toMatchObject([{ reason: "manual", detail: "why", episode: null, severity: null }]);
    expect(decision.outbox).toHaveLength(1);
    expect(bodyOf(decision.outbox[0]!.body)).toMatchObject({ reason: "manual", detail: "why", window: null, features: [] });
  });

  test("carries the newest evaluations, and the episode that is firing", () => {
    const { walk, ask } = rig(ruleWith({ severity: "critical" }));
    const drifting = marks("www");
    const [, , fired] = walk(drifting) as [Decision, Decision, Decision];
    const { decision } = ask(START + HOUR, { reason: "schedule" }, drifting);
    expect(decision.requests).toMatchObject([{ reason: "schedule", severity: "warning", episode: fired.episodes[0]!.id }]);
    const body = bodyOf(decision.outbox[0]!.body);
    expect(body).toMatchObject({
      window: { name: "1h", end: "2001-02-05T01:10:00Z" },
      features: [{ feature: "delay" }],
      features_total: 1,
    });
  });

  test("uses the episode's request up: the drift does not ask again", () => {
    const { walk, ask, report } = rig();
    walk(marks("www"));
    ask(START + 11 * MINUTE, { reason: "alert" });
    report("succeeded", START + 12 * MINUTE);
    expect(reasons(walk(marks("cccc", START + 15 * MINUTE)))).toEqual(["below_severity"]);
  });

  test("asked the same way it has the same id, asked otherwise another one", () => {
    const idOf = (more: object) => rig().ask(START, more).note.request;
    expect(idOf({ idParts: ["k"] })).toBe(idOf({ idParts: ["k"] }));
    expect(new Set([idOf({ idParts: ["k"] }), idOf({ idParts: ["l"] }), idOf({ idParts: ["k"], reason: "alert" })]).size).toBe(3);
  });

  test("a guard that holds it back leaves nothing but an event", () => {
    const { ask, walk } = rig(ruleWith({ paused: true }));
    const { note, decision } = ask(START);
    expect(note).toMatchObject({ action: "suppress", reason: "paused" });
    expect(decision).toMatchObject({ requests: [], outbox: [], alertState: [] });
    expect(decision.events.map(({ type }) => type)).toEqual(["driftd.retrain.suppressed"]);
    // And the episode's own suppression is still news.
    expect(reasons(walk(marks("ccc")))).toEqual(["paused"]);
  });

  test("of a model that nobody is asked for there is no decision", () => {
    const { deciding } = rig({ ...ruleWith(), retrain: undefined });
    const asked = { model: "flights", version: "1", reason: "manual" as const, detail: "", dedupKey: null, idParts: [] };
    expect(deciding().ask(asked, [], START)).toBe(undefined);
  });

  test("the end of an episode leaves alone what a person asked for", () => {
    const { walk, ask, kept } = rig(ruleWith({ approval: "manual", severity: "critical" }));
    walk(marks("www"));
    ask(START + 11 * MINUTE);
    walk(marks(QUIET, START + 15 * MINUTE));
    expect(kept.newest().status).toBe("awaiting_approval");
  });
});

describe("a restart in every state", () => {
  const all = marks(`ccc${QUIET}cccccc`);

  test.each([
    ["awaiting_approval", ruleWith({ approval: "manual" }), () => undefined],
    ["requested", ruleWith(), () => undefined],
    ["running", ruleWith(), ({ report }: ReturnType<typeof rig>) => report("running", START + HOUR)],
    ["succeeded", ruleWith(), ({ report }: ReturnType<typeof rig>) => report("succeeded", START + HOUR)],
    ["timed_out", ruleWith({ inProgressTimeoutMs: HOUR }), ({ expire }: ReturnType<typeof rig>) => expire(START + 2 * HOUR)],
  ] as const)("%s: what follows is the same", (status, rule, bring) => {
    const run = (restarts: boolean) => {
      const one = rig(rule);
      one.walk(all.slice(0, 3));
      bring(one);
      expect(one.kept.newest().status).toBe(status);
      const rest = all.slice(3).map((evaluation_) => {
        if (restarts) one.restart();
        return one.walk([evaluation_])[0];
      });
      return JSON.stringify(rest);
    };
    expect(run(true)).toBe(run(false));
  });

  test("a request whose commit failed is forgotten by `revert`, and made again alike", () => {
    const { walk, deciding } = rig();
    walk(marks("cc"));
    const third = marks("ccc")[2]!;
    const lost = deciding().decide([third], third.endMs);
    expect(deciding().openRequests()).toHaveLength(1);
    deciding().revert();
    expect(deciding().openRequests()).toEqual([]);
    expect(deciding().decide([third], third.endMs)).toEqual(lost);
  });
});

describe("whatever happens in whatever order", () => {
  const MODELS = ["flights", "fares", "seats"] as const;
  const step = fc.oneof(
    fc.record({ kind: fc.constant("drift" as const), model: fc.constantFrom(...MODELS), marks: fc.constantFrom("ccc", "n", QUIET) }),
    fc.record({ kind: fc.constant("ask" as const), model: fc.constantFrom(...MODELS) }),
    fc.record({ kind: fc.constant("report" as const), place: fc.nat(1), status: fc.constantFrom("running", "succeeded", "failed") }),
    fc.record({ kind: fc.constant("approve" as const), place: fc.nat(1) }),
    fc.record({ kind: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant("restart" as const) }),
  );
  const TIMEOUT_MS = 4 * HOUR;

  test("a model has one request in progress at most, an output no more than it may, and no message goes out twice", () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 40, size: "max" }),
        fc.boolean(),
        fc.integer({ min: 1, max: 2 }),
        (steps, manual, most) => {
          const rule = ruleWith({
            ...{ approval: manual ? "manual" : "auto", inProgressTimeoutMs: TIMEOUT_MS, dailyLimit: 50, severity: "warning" },
            concurrency: new Map([["pipeline", most]]),
          });
          const { kept, walk, restart, ask, deciding, move, approve } = rig(rule);
          const sent: string[] = [];
          let nowMs = START;
          const note = (decisions: readonly Decision[]) => {
            for (const { outbox } of decisions) sent.push(...outbox.map(({ id }) => id));
          };
          /** The naive count, over everything that was ever stored. */
          const busy = () =>
            [...kept.requests.values()].filter(
              ({ status, updatedAtMs }) => (status === "requested" || status === "running") && nowMs - updatedAtMs < TIMEOUT_MS,
            );
          let late = 0;
          for (const one of steps) {
            const nth = "place" in one ? [...kept.requests.values()].at(-1 - one.place) : undefined;
            const before = busy();
            let came: readonly Decision[] = [];
            if (one.kind === "drift") {
              came = walk(marks(one.marks, nowMs, one.model));
              nowMs += one.marks.length * 5 * MINUTE;
            } else if (one.kind === "ask") came = [ask(nowMs, { model: one.model, idParts: [sent.length, nowMs, late] }).decision];
            else if (one.kind === "wait") nowMs += one.minutes * MINUTE;
            else if (one.kind === "restart") restart();
            else if (nth !== undefined && one.kind === "report") {
              const next = reported(nth, { status: one.status }, nowMs);
              // A pipeline that says late that it runs does run: the guards cannot have known.
              if (next?.status === "running" && !before.includes(nth)) late++;
              else if (next !== undefined) came = [move(next, nowMs)];
            } else if (nth?.status === "awaiting_approval") {
              const approved = approve(nowMs, nth);
              if (!("guard" in approved)) came = [approved];
            }
            note(came);
            nowMs += MINUTE;
            const running = busy();
            expect(new Set(running.map(({ model }) => model)).size).toBe(running.length);
            if (running.length > before.length) expect(running.length).toBeLessThanOrEqual(most);
            // What the decider holds for open is what the store would say.
            expect(
              deciding()
                .openRequests()
                .map(({ id }) => id)
                .sort(),
            ).toEqual(
              [...kept.requests.values()]
                .filter(({ status }) => ["awaiting_approval", "requested", "running"].includes(status))
                .map(({ id }) => id)
                .sort(),
            );
          }
          expect(new Set(sent).size).toBe(sent.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});
