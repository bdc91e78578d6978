/**
 * One window under many policies: what `driftd replay --sweep` and `backtest` ask. Policies that differ in their fixed thresholds alone share
 * the statistics, and those that differ in their budget alone share the counting; every verdict is the one that `evaluateWindow` gives.
 */

import { type PreparedReference, prepareReference } from "./calibrate.ts";
import { evaluateWindow } from "./evaluate.ts";
import { type Evaluation, type Gate, OUTCOMES, type QualityFinding, type VerdictReason, type WindowCounts } from "./evaluation.ts";
import { expectationFindings } from "./expect.ts";
import { firstGateOf } from "./first-reference.ts";
import { CRITICAL, INSUFFICIENT, NO_DRIFT, WARNING } from "./look.ts";
import { createLooker } from "./looker.ts";
import { type FixedThresholds, type Policy, policyDigest, type ThresholdStatistic } from "./policy.ts";
import { createQualityScan } from "./quality-scan.ts";
import { applyRule } from "./rule.ts";

/**
 * Judges a window by each policy, in their order. `others` as in `evaluateWindow`, for each policy. The detail (`features`) of an evaluation must be read before
 * the window moves on; its verdicts stay.
 */
export type ManyJudge = (window: WindowCounts, others?: readonly (readonly QualityFinding[])[]) => Evaluation[];

/** What one policy makes of a window: a code for each feature, and the reason of the worst. */
type Judged = {
  readonly codes: Uint8Array;
  readonly reason: VerdictReason;
  /** Absent: those of the family's first. */
  readonly findings?: readonly QualityFinding[];
};
/** Judges a window for all members of a family but the first, which `evaluateWindow` has judged. */
type Family = {
  readonly members: readonly number[];
  readonly judge: (window: WindowCounts, others: readonly (readonly QualityFinding[])[]) => readonly Judged[];
};

/** Prepares to judge by each of `references`: the same snapshot under several policies (or other snapshots, which share nothing). */
export function createManyJudge(references: readonly PreparedReference[]): ManyJudge {
  const families = [...Map.groupBy(references.keys(), (i) => familyOf(references[i]!)).values()].map((members): Family => {
    const own = members.map((i) => references[i]!);
    return { members, judge: own[0]!.policy.thresholds === "auto" ? judgeBudgets(own) : judgeThresholds(own) };
  });
  return (window, others = []) => {
    const evaluations: Evaluation[] = new Array(references.length);
    for (const { members, judge } of families) {
      const first = evaluateWindow(window, references[members[0]!]!, others[members[0]!]);
      evaluations[members[0]!] = first;
      if (members.length === 1) continue;
      const judged = judge(
        window,
        members.map((place) => others[place] ?? []),
      );
      for (let m = 1; m < members.length; m++) {
        const place = members[m]!;
        evaluations[place] = variation(first, judged[m - 1]!, references[place]!, () =>
          evaluateWindow(window, references[place]!, others[place]),
        );
      }
    }
    return evaluations;
  };
}

/** Equal for policies that share everything but fixed limits, or everything but the budget. */
function familyOf({ snapshot, policy }: PreparedReference): string {
  const { thresholds, falseAlarms, ...rest } = policy;
  const shared =
    thresholds === "auto" && policy.mode === "monitor"
      ? { thresholds }
      : thresholds === "auto"
        ? { thresholds, falseAlarms }
        : { falseAlarms };
  return `${snapshot.digest} ${policyDigest({ ...rest, ...shared } as Policy)}`;
}

function judgeThresholds(references: readonly PreparedReference[]): Family["judge"] {
  const thresholds = references.map(({ policy }) => policy.thresholds as FixedThresholds);
  const names = [...new Set(thresholds.flatMap((each) => Object.keys(each) as ThresholdStatistic[]))];
  const { snapshot, policy } = references[0]!;
  // Limits of 0: the gates of a look then tell the value of every statistic that has one.
  const pilot = prepareReference(snapshot, { ...policy, thresholds: Object.fromEntries(names.map((name) => [name, { warning: 0 }])) });
  const limits = thresholds.slice(1).map((each) => names.map((name) => limitsOf(each, name)));
  const values = new Float64Array(names.length);
  return (window) => {
    const looker = createLooker(window, pilot, placeOf(pilot, window));
    const worst = createWorst(pilot, limits.length);
    for (let i = 0; i < pilot.features.length; i++) {
      const gates: Gate[] = [];
      const look = looker.at(i, gates);
      if (look.code === INSUFFICIENT) {
        for (let m = 0; m < limits.length; m++) worst.add(m, i, INSUFFICIENT, look.reason);
        continue;
      }
      values.fill(Number.NaN);
      // The distance to the first reference knows no threshold: it is the same for all.
      const slow = gates.filter(({ gate, passed }) => passed && (gate === "first_reference" || gate === "first_learnt")).length === 2;
      for (const { gate, value } of gates) {
        const at = gate.endsWith("_warning") ? names.indexOf(gate.slice(0, -"_warning".length) as ThresholdStatistic) : -1;
        if (at >= 0) values[at] = value;
      }
      for (let m = 0; m < limits.length; m++) {
        const own = limits[m]!;
        let code = NO_DRIFT;
        for (let s = 0; s < own.length; s++) {
          if (values[s]! >= own[s]!.critical) code = CRITICAL;
          else if (values[s]! >= own[s]!.warning && code < WARNING) code = WARNING;
        }
        if (code === NO_DRIFT && slow) worst.add(m, i, WARNING, "slow");
        else worst.add(m, i, code, code === NO_DRIFT ? "within_noise" : "threshold");
      }
    }
    return worst.judged();
  };
}

function limitsOf(thresholds: FixedThresholds, name: ThresholdStatistic): { readonly warning: number; readonly critical: number } {
  const { warning = Number.POSITIVE_INFINITY, critical = Number.POSITIVE_INFINITY } = thresholds[name] ?? {};
  return { warning, critical };
}

function judgeBudgets(references: readonly PreparedReference[]): Family["judge"] {
  const [first, ...rest] = references as [PreparedReference, ...PreparedReference[]];
  return (window, others) => {
    const place = placeOf(first, window);
    const { lengthMs } = first.policy.windows[place]!;
    const looker = createLooker(window, first, place);
    const worst = createWorst(first, rest.length);
    const firstGates = rest.map((reference) => firstGateOf(reference, place));
    // The level of a test of quality comes from the budget too.
    const findings = rest.map((): QualityFinding[] => []);
    const scans = rest.map((reference, m) => createQualityScan(reference, lengthMs, findings[m]!));
    for (let i = 0; i < first.features.length; i++) {
      const look = looker.at(i);
      const judgeable = look.code !== INSUFFICIENT;
      for (let m = 0; m < rest.length; m++) {
        const reference = rest[m]!;
        look.prepared = reference.windowOf(i, place);
        if (judgeable) {
          look.shiftLimit = look.locationLimit = 0;
          look.bin = -1;
          applyRule(look, reference.policy);
          firstGates[m]?.(look, i);
        }
        worst.add(m, i, look.code, look.reason);
        scans[m]!.look(look, i);
      }
    }
    for (let m = 0; m < rest.length; m++) {
      expectationFindings(window, rest[m]!, lengthMs, findings[m]!);
      findings[m]!.push(...others[m + 1]!);
    }
    return worst.judged().map((judged, m) => ({ ...judged, findings: findings[m]! }));
  };
}

function placeOf({ policy }: PreparedReference, { window }: WindowCounts): number {
  const place = policy.windows.findIndex(({ name }) => name === window.name);
  if (place < 0) throw new RangeError(`the policy has no window ${window.name}`);
  return place;
}

/** Keeps the codes of several policies and the reason of each one's worst feature, by the order that `evaluateWindow` has. */
function createWorst({ features }: PreparedReference, count: number) {
  const codes = Array.from({ length: count }, () => new Uint8Array(features.length));
  const ranks = new Float64Array(count).fill(-1);
  const reasons: VerdictReason[] = new Array(count).fill("empty_reference");
  return {
    add: (policy: number, feature: number, code: number, reason: VerdictReason): void => {
      codes[policy]![feature] = code;
      const rank = code === NO_DRIFT && reason === "below_effect_floor" ? code + 0.5 : code;
      if (rank <= ranks[policy]!) return;
      ranks[policy] = rank;
      reasons[policy] = reason;
    },
    judged: (): Judged[] => codes.map((own, i) => ({ codes: own, reason: reasons[i]! })),
  };
}

/** The evaluation of another policy of the family; its detail is made at first use. */
function variation(
  first: Evaluation,
  { codes, reason, findings = first.findings }: Judged,
  reference: PreparedReference,
  whole: () => Evaluation,
): Evaluation {
  const { model, version, window, startMs, endMs, records, referenceDigest, offsets, unjudged } = first;
  const outcome = OUTCOMES[codes.reduce((worst, code) => Math.max(worst, code), INSUFFICIENT)]!;
  const drifts = outcome === "warning" || outcome === "critical";
  let features: Evaluation["features"] | undefined;
  const evaluation: Evaluation = {
    ...{ model, version, window, startMs, endMs, records, referenceDigest, offsets },
    verdict: drifts ? "drift" : outcome,
    reason,
    ...(drifts ? { severity: outcome } : {}),
    ...(findings === undefined ? {} : { findings }),
    policy: reference.policyDigest,
    get features() {
      features ??= whole().features;
      return features;
    },
  };
  Object.defineProperty(evaluation, "outcomes", { value: { features: reference.names, codes }, enumerable: false });
  Object.defineProperty(evaluation, "unjudged", { value: unjudged, enumerable: false });
  return evaluation;
}
