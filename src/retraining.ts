/**
 * Retraining from outside the drift: what alerts, the calendar and people ask for, what pipelines and the model registry report, approval and
 * pause. Everything is done between two turns of the pipeline, through the decider's guards, and stands in the store before it has any effect.
 * What becomes of deliveries, and of requests that nobody answers, is `retraining-watch.ts`.
 */

import type { DecideRule, Decision } from "./decide/decision.ts";
import { isOpen, moved, OPEN_STATUSES, type Report, type RequestReason, type RetrainRecord, reported } from "./decide/record.ts";
import type { SuppressReason } from "./decide/retrain.ts";
import type { Evaluation } from "./evaluate/evaluation.ts";
import { storedEvaluation } from "./evaluate/stored.ts";
import type { Clock } from "./lib/clock.ts";
import { DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Pauses } from "./pauses.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Store } from "./store/store.ts";

/** What an alert, the calendar or a person asks. */
export type RetrainingAsked = {
  readonly model: string;
  /** Undefined: the version that was evaluated last. */
  readonly version?: string | undefined;
  readonly reason: Exclude<RequestReason, "drift">;
  /** Why, in words: goes into the record and into the message. */
  readonly detail: string;
  /** Names what asks, so that the same thing is never asked for twice, over restarts too; undefined: it cannot repeat itself. */
  readonly dedupKey?: string | undefined;
};

/** What became of it. */
export type RetrainingOutcome =
  | { readonly outcome: "requested" | "awaiting_approval" | "duplicate"; readonly request: RetrainRecord }
  /** A guard held it back: nothing was used up, it may be asked again. */
  | { readonly outcome: "held"; readonly guard: SuppressReason };

/**
 * Asks for a retraining through the guards, and resolves once the answer stands in the store. Rejects with `RETRAIN_UNKNOWN_MODEL`,
 * `RETRAIN_UNKNOWN_VERSION`, `RETRAIN_NOT_CONFIGURED` (the model has no `retrain`), `STOPPING`, or what the store says (`STORE_*`).
 */
export type RequestRetraining = (asked: RetrainingAsked) => Promise<RetrainingOutcome>;

/** What somebody did with a request; undefined stands for one that is not there. */
export type Answered =
  | { readonly ok: true; readonly request: RetrainRecord }
  /** It cannot be done to a request of this status, or (`guard`) not now. */
  | { readonly ok: false; readonly request: RetrainRecord; readonly guard?: SuppressReason };

/** A model's retraining as it stands. */
export type RetrainFacts = {
  readonly approval: "auto" | "manual";
  readonly dryRun: boolean;
  readonly paused: boolean;
  /** Since when it is paused over the API; undefined: it is not, or the configuration says so. */
  readonly pausedSinceMs: number | undefined;
  readonly open: readonly RetrainRecord[];
};

export type RetrainingOptions = {
  readonly store: Pick<Store, "retrainRequests">;
  readonly pauses: Pauses;
  readonly pipeline: Pick<Pipeline, "between" | "openRequests">;
  /** The rule of a model as it is configured; undefined: the model is not. */
  readonly ruleOf: (model: string) => DecideRule | undefined;
  readonly models: () => readonly string[];
  /** The newest evaluation of each model, version and window. */
  readonly latest: () => readonly Evaluation[];
  /** A version of a model that came of a retraining, or was registered. */
  readonly onModelVersion?: (model: string, version: string) => void;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
};

export type Retraining = {
  readonly request: RequestRetraining;
  /** A pipeline's word. */
  readonly report: (id: string, report: Report) => Promise<Answered | undefined>;
  readonly approve: (id: string) => Promise<Answered | undefined>;
  readonly reject: (id: string, detail: string | undefined) => Promise<Answered | undefined>;
  /** Pauses (or resumes) the retraining of a model. False: nothing changed. Rejects with RETRAIN_UNKNOWN_MODEL and RETRAIN_NOT_CONFIGURED. */
  readonly pause: (model: string, paused: boolean) => Promise<boolean>;
  /** Undefined: nobody is asked to retrain the model. */
  readonly facts: (model: string) => RetrainFacts | undefined;
  /**
   * A registry has a new version of the model: the request that it came of has succeeded. `request`: its id, where the version names it;
   * `alias`: the version was only given another name, so it may be an old one.
   */
  readonly modelVersion: (
    model: string,
    version: string,
    request: string | undefined,
    alias?: boolean,
  ) => Promise<RetrainRecord | undefined>;
  /** After the commit of a decision: metrics and log of its requests. */
  readonly decided: (decision: Pick<Decision, "requests">) => void;
  /** Writes the gauges of the configured models. */
  readonly show: () => void;
};

/** The rule that holds now: as configured, and paused where somebody said so. */
export function pausedRule(rule: DecideRule | undefined, model: string, pauses: Pauses): DecideRule | undefined {
  if (rule?.retrain === undefined || rule.retrain.paused || pauses.since(model) === undefined) return rule;
  return { ...rule, retrain: { ...rule.retrain, paused: true } };
}

/** Whether a version can have come of a retraining of the other one. One that is new need only differ; registries count upwards. */
function isNewer(version: string, than: string, alias: boolean): boolean {
  if (version === than) return false;
  return !alias || than === "" || !(Number(version) < Number(than));
}

/** Wires it; nothing happens before it is asked. */
export function createRetraining(options: RetrainingOptions): Retraining {
  const { store, pauses, pipeline, metrics, clock, log } = options;
  /** Tells apart what one millisecond asks for. */
  let asked = 0;
  /** Records whose status was known before: more was said of an end that is counted. */
  const amended = new WeakSet<RetrainRecord>();

  function configured(model: string): NonNullable<DecideRule["retrain"]> {
    const rule = options.ruleOf(model);
    if (rule === undefined) {
      throw new DriftdError("RETRAIN_UNKNOWN_MODEL", `there is no model ${JSON.stringify(model)}`, {
        hint: "configured models: /api/v1/models",
      });
    }
    if (rule.retrain === undefined) {
      throw new DriftdError("RETRAIN_NOT_CONFIGURED", `nobody is configured to be asked to retrain ${JSON.stringify(model)}`, {
        hint: "set models[].retrain of this model",
      });
    }
    return rule.retrain;
  }

  /** The newest evaluations of the version that is meant. */
  function evidenceOf(
    model: string,
    version: string | undefined,
  ): { readonly version: string; readonly evaluations: readonly Evaluation[] } {
    const all = options.latest().filter((evaluation) => evaluation.model === model);
    const newest = all.reduce<Evaluation | undefined>((a, b) => (a === undefined || b.endMs > a.endMs ? b : a), undefined);
    const meant = version ?? newest?.version ?? "";
    const evaluations = all.filter((evaluation) => evaluation.version === meant);
    if (version !== undefined && evaluations.length === 0) {
      throw new DriftdError("RETRAIN_UNKNOWN_VERSION", `model ${JSON.stringify(model)} has no version ${JSON.stringify(version)}`, {
        hint: "leave the version out, or take one from /api/v1/models/{model}",
      });
    }
    return { version: meant, evaluations: evaluations.map(storedEvaluation) };
  }

  async function find(id: string): Promise<RetrainRecord | undefined> {
    return (await store.retrainRequests({ id, limit: 1 }))[0];
  }

  /** Moves a request between two turns; `step` says to what, or undefined where it cannot be. */
  function move(id: string, step: (record: RetrainRecord, nowMs: number) => RetrainRecord | undefined): Promise<Answered | undefined> {
    return pipeline.between(async (decider) => {
      const record = await find(id);
      if (record === undefined) return undefined;
      const next = step(record, clock.nowMs());
      if (next === undefined) return { ok: false, request: record };
      if (next === record) return { ok: true, request: next };
      const decision = decider.move([next], clock.nowMs());
      if (next.status === record.status) amended.add(next);
      await decider.commit(next.status === record.status ? { ...decision, events: [] } : decision);
      return { ok: true, request: next };
    });
  }

  async function report(id: string, word: Report): Promise<Answered | undefined> {
    const answered = await move(id, (record, nowMs) => reported(record, word, nowMs));
    const { model, newVersion } = answered?.request ?? {};
    if (answered?.ok && word.version !== undefined && model !== undefined && newVersion != null)
      options.onModelVersion?.(model, newVersion);
    return answered;
  }

  function show(): void {
    const open = pipeline.openRequests();
    for (const model of options.models()) {
      if (options.ruleOf(model)?.retrain === undefined) continue;
      for (const status of OPEN_STATUSES) {
        const count = open.filter((record) => record.model === model && record.status === status).length;
        metrics.set("driftd_retrain_requests", { model, status }, count);
      }
      metrics.set("driftd_retrain_paused", { model }, pausedRule(options.ruleOf(model), model, pauses)?.retrain?.paused === true ? 1 : 0);
    }
  }

  return {
    request: (wanted) =>
      pipeline.between(async (decider) => {
        const { model, reason, detail, dedupKey = null } = wanted;
        configured(model);
        const [earlier] = dedupKey === null ? [] : await store.retrainRequests({ dedupKey, limit: 1 });
        if (earlier !== undefined) return { outcome: "duplicate", request: earlier };
        const { version, evaluations } = evidenceOf(model, wanted.version);
        const nowMs = clock.nowMs();
        const idParts = dedupKey === null ? [nowMs, asked++] : [dedupKey];
        const decision = decider.ask({ model, version, reason, detail, dedupKey, idParts }, evaluations, nowMs);
        if (decision === undefined) throw new Error(`the rule of ${model} is gone`); // a reload comes between turns too
        const { note, ...rows } = decision;
        await decider.commit(rows);
        if (note.action === "suppress") return { outcome: "held", guard: note.reason };
        return { outcome: note.status, request: rows.requests.find(({ id }) => id === note.request)! };
      }),
    report,
    approve: (id) =>
      pipeline.between(async (decider): Promise<Answered | undefined> => {
        const record = await find(id);
        if (record === undefined) return undefined;
        if (record.status !== "awaiting_approval") return { ok: false, request: record };
        const decision = decider.approve(record, clock.nowMs());
        if ("guard" in decision) return { ok: false, request: record, guard: decision.guard };
        await decider.commit(decision);
        metrics.inc("driftd_actions_triggered_total", { model: record.model, action: "retrain" });
        metrics.set("driftd_last_action_timestamp_seconds", { model: record.model, action: "retrain" }, clock.nowMs() / 1000);
        return { ok: true, request: decision.requests[0]! };
      }),
    reject: (id, detail) =>
      move(id, (record, nowMs) =>
        record.status === "awaiting_approval" ? moved(record, "rejected", nowMs, detail === undefined ? {} : { detail }) : undefined,
      ),
    pause: (model, paused) =>
      pipeline.between(async (decider) => {
        configured(model);
        if ((pauses.since(model) !== undefined) === paused) return false;
        const nowMs = clock.nowMs();
        const sinceMs = paused ? nowMs : undefined;
        const event = { atMs: nowMs, type: `driftd.retrain.${paused ? "paused" : "resumed"}`, model, version: "", body: "{}" };
        await decider.commit({ ...decider.move([], nowMs), events: [event] }, [pauses.fact(model, sinceMs)]);
        pauses.set(model, sinceMs);
        log.info({ model }, paused ? "retraining paused" : "retraining resumed");
        show();
        return true;
      }),
    facts: (model) => {
      const rule = pausedRule(options.ruleOf(model), model, pauses)?.retrain;
      if (rule === undefined) return undefined;
      return {
        approval: rule.approval ?? "auto",
        dryRun: rule.dryRun,
        paused: rule.paused,
        pausedSinceMs: pauses.since(model),
        open: pipeline.openRequests().filter((record) => record.model === model),
      };
    },
    modelVersion: async (model, version, request, alias = false) => {
      const known = await store.retrainRequests({ model, limit: 100 });
      // Registered and then given an alias: two words about one training, and the second must not end the next request.
      const told = known.find((record) => record.newVersion === version);
      // An alias goes to old versions too, our own `mlflow` output's to the very one that drifts: such a version came of no open request.
      const waiting = known.filter(
        (record) => isOpen(record) && record.status !== "awaiting_approval" && isNewer(version, record.version, alias),
      );
      const meant = request === undefined ? waiting.at(-1) : known.find(({ id }) => id === request);
      const answered =
        told !== undefined || meant === undefined
          ? undefined
          : await move(meant.id, (record, nowMs) => reported(record, { status: "succeeded", version }, nowMs));
      log.info({ model, version, request: told?.id ?? answered?.request.id }, "a new version of the model is registered");
      options.onModelVersion?.(model, version);
      return told ?? (answered?.ok ? answered.request : undefined);
    },
    decided: ({ requests }) => {
      for (const record of requests) {
        const { id, model, version, status, newVersion, detail } = record;
        if (!isOpen({ status }) && !amended.has(record)) metrics.inc("driftd_retrain_finished_total", { model, status });
        log.info({ model, version, request: id, status, new_version: newVersion, detail }, "retrain request");
      }
      if (requests.length > 0) show();
    },
    show,
  };
}
