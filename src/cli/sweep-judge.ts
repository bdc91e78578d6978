/**
 * One pane log judged by many configurations. Windows and verdicts are pure functions of the panes, so a window is summed once for all
 * configurations that have it, its statistics are made once, and only verdicts and decisions are each configuration's own.
 */

import { judgesOf, ruleOf } from "../assembly.ts";
import type { Config } from "../config/config.ts";
import { createDecider, type Decider } from "../decide/decider.ts";
import { createManyJudge } from "../evaluate/evaluate-many.ts";
import type { Evaluation, QualityFinding, WindowCounts } from "../evaluate/evaluation.ts";
import { createEvaluator, type DecisionRows, type Subject } from "../evaluate/evaluator.ts";
import type { Judges } from "../judges.ts";
import type { Clock } from "../lib/clock.ts";
import { noMetrics } from "../metrics/metrics.ts";
import { hashParts } from "../outputs/identity.ts";
import { createRecordLog } from "../panes/record-log.ts";
import { createWindowReader } from "../panes/window-reader.ts";
import type { ModelReferences } from "../reference/models.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../subjects.ts";
import { createVolumes, type Volumes } from "../volumes.ts";
import { createReport, type Report } from "./replay-report.ts";

export type JudgeOptions = {
  readonly store: Pick<Store, "panes" | "layouts" | "firstPane" | "recordCounts">;
  readonly references: ModelReferences;
  /** Models and versions of the pane log. */
  readonly subjects: readonly { readonly model: string; readonly version: string }[];
  /** They differ in windows and in keys of models. */
  readonly configs: readonly Config[];
  /** Window ends in `(fromMs, throughMs]` are judged; earlier panes still fill the windows. */
  readonly fromMs?: number | undefined;
  readonly throughMs: number;
  /** How long panes are kept: as far back goes what is usual. */
  readonly retentionMs: number;
  /** Sources that are read: of others nothing is said to be silent. Undefined: all of the pane log. */
  readonly sources?: readonly string[] | undefined;
  /** Each window that is judged, once for each set of windows. */
  readonly onWindow?: (counts: WindowCounts) => void;
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
};

/** One configuration on its way. */
type Lane = {
  readonly judges: Judges;
  readonly decider: Decider;
  /** Its guards look at other models. */
  readonly together: boolean;
  readonly report: Report;
};

const NO_ROWS: DecisionRows = { alertState: [], episodes: [], outbox: [], events: [] };

/** Judges the panes; resolves to a report for each configuration, in their order. Rejects with `STORE_*`, or with the signal's reason. */
export async function judgePanes(options: JudgeOptions): Promise<Report[]> {
  const lanes = options.configs.map((config) => createLane(config, options));
  const byWindows = Map.groupBy(lanes.keys(), (i) => JSON.stringify(options.configs[i]!.windows));
  for (const places of byWindows.values()) {
    await judgeTogether(
      options.configs[places[0]!]!,
      places.map((i) => lanes[i]!),
      options,
    );
  }
  options.signal?.throwIfAborted();
  return lanes.map(({ report }) => report);
}

function createLane(config: Config, { references, subjects }: JudgeOptions): Lane {
  const judges = judgesOf(config, references);
  for (const { model, version } of subjects) judges.route(model, version);
  // The guards' clock is the window's end, so nothing is ever stale.
  const timeless = { ...config, eventTime: { ...config.eventTime, actionMaxAgeMs: null } };
  const rules = new Map(config.models.map((model) => [model.name, ruleOf(timeless, model)]));
  const decider = createDecider({
    ruleOf: (model) => rules.get(model),
    hash: hashParts,
    restored: [],
    keepsStates: false,
    referenceRecords: (model, version) => judges.find(model, version)?.reference.snapshot.records,
  });
  const together = [...rules.values()].some(({ retrain }) => (retrain?.concurrency?.size ?? 0) > 0);
  return { judges, decider, together, report: createReport() };
}

/** All lanes have the windows of `config`. */
async function judgeTogether(config: Config, lanes: readonly Lane[], options: JudgeOptions): Promise<void> {
  const { store, clock, fromMs = Number.NEGATIVE_INFINITY } = options;
  const reader = createWindowReader({ store, paneMs: config.eventTime.paneMs });
  const records = createRecordLog({ store, paneMs: config.eventTime.paneMs });
  /** What each lane makes of a window, by what the first one makes of it. */
  const verdicts = new WeakMap<Evaluation, readonly Evaluation[]>();

  function subject(model: string, version: string): Subject {
    const own = lanes.map(({ judges }) => judges.find(model, version)?.prepared);
    const volumes = volumesOf(model);
    const base = subjectOf(model, version, { judges: lanes[0]!.judges, reader, volumes: volumes[0], metrics: noMetrics, clock });
    // A version without a reference can be told by nobody.
    const known = own.filter((prepared) => prepared !== undefined);
    const judge = known.length === own.length ? createManyJudge(known) : undefined;
    return {
      ...base,
      evaluate: (counts) => {
        options.onWindow?.(counts);
        const found = judge?.(counts, findingsOf(volumes, counts)) ?? own.map(() => base.evaluate(counts) as Evaluation);
        verdicts.set(found[0]!, found);
        return found[0]!;
      },
    };
  }

  /** What judges the number of records, by lane; one for all lanes that judge it alike. */
  function volumesOf(model: string): Volumes[] {
    const { retentionMs, sources } = options;
    const byPolicy = new Map<string, Volumes>();
    return lanes.map(({ judges }) => {
      const { falseAlarms, volume, features } = judges.policy(model) ?? {};
      const key = JSON.stringify([falseAlarms, volume, features]);
      const found =
        byPolicy.get(key) ?? createVolumes({ records, judges: () => judges, retentionMs, ...(sources === undefined ? {} : { sources }) });
      byPolicy.set(key, found);
      return found;
    });
  }

  const all = options.subjects.map(({ model, version }) => subject(model, version));
  const evaluator = await createEvaluator<DecisionRows>({
    windows: config.windows,
    store: {
      evaluatedThrough: async () => [],
      commitDecision: async () => {},
      firstPane: (model, version, from = Number.NEGATIVE_INFINITY) => {
        const begin = Math.max(from, fromMs);
        return begin === Number.NEGATIVE_INFINITY ? store.firstPane(model, version) : store.firstPane(model, version, begin);
      },
    },
    subjects: () => all,
    decide: (evaluations, endMs) => {
      const own = evaluations.map((evaluation) => verdicts.get(evaluation) as readonly Evaluation[]);
      for (const [i, { decider, report }] of lanes.entries()) {
        const ofLane = own.map((each) => each[i]!);
        report.add(ofLane, decider.decide(ofLane, endMs));
      }
      return NO_ROWS;
    },
    together: () => lanes.some(({ together }) => together),
    onDecided: () => {},
    onFailed: () => {},
    clock,
  });
  await evaluator.advance(options.throughMs, options.signal);
}

/** Found once for all lanes that share what finds it. */
function findingsOf(volumes: readonly Volumes[], counts: WindowCounts): QualityFinding[][] {
  const made = new Map<Volumes, QualityFinding[]>();
  return volumes.map((each) => {
    const findings = made.get(each) ?? [...each.judge(counts).findings];
    made.set(each, findings);
    return findings;
  });
}
