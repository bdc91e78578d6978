/**
 * Declared expectations and the schema, judged from the counts of a window. Expectations on features that the reference does not have are judged
 * like any other. Counting them is `panes/checks.ts`.
 */

import { SCHEMA_FEATURE } from "../reference/checked-layout.ts";
import { answeredBy, type Expectation, expectationName } from "../reference/expectations.ts";
import { type FeatureLayout, type RowLayout, SPECIAL_SLOTS } from "../reference/layout.ts";
import type { PreparedReference } from "./calibrate.ts";
import type { QualityCheck, QualityFinding, WindowCounts } from "./evaluation.ts";
import { alphaOf } from "./policy.ts";
import { leastGrowth, QUALITY_TESTS } from "./quality.ts";
import { exceeds, type Side, severityOfShare, shareOf } from "./quality-share.ts";

const ABSENT = SPECIAL_SLOTS.indexOf("absent");
const MISSING = SPECIAL_SLOTS.indexOf("missing");
const WRONG_TYPE = SPECIAL_SLOTS.indexOf("wrong_type");
/** So many panes whose first record has a new key: one odd record is no change of the schema. */
const LEAST_SIGHTINGS = 3;

export type JudgedExpectation = {
  readonly feature: string;
  readonly check: QualityCheck;
  /** Limit of the finding: what is tolerated. */
  readonly tolerate: number;
};

/** What is read for one expectation: where its counts stand, or undefined when the row does not have them. */
type Reading = {
  readonly expectation: Expectation;
  readonly answered: "null" | "wrong_type" | undefined;
  readonly at: FeatureLayout | undefined;
};
type Readings = { readonly expectations: readonly Reading[]; readonly schema: FeatureLayout | undefined };

const readings = new WeakMap<PreparedReference, WeakMap<RowLayout, Readings>>();

/** Every expectation of the policy with its verdict, in the policy's order. */
export function judgeExpectations(window: WindowCounts, reference: PreparedReference, windowMs: number): JudgedExpectation[] {
  const { expectations } = readingsOf(reference, window.layout);
  if (expectations.length === 0) return [];
  const { policy, features } = reference;
  const alpha = alphaOf(policy, { name: window.window.name, lengthMs: windowMs }, features.length, QUALITY_TESTS);
  return expectations.map((reading) => {
    const { expectation } = reading;
    const side = sideOf(reading, window);
    const fails = side === undefined ? undefined : exceeds(side, expectation.tolerate, alpha);
    const check: QualityCheck = {
      check: expectation.check,
      verdict: fails === undefined ? "insufficient_data" : fails ? "drift" : "no_drift",
      current_share: side === undefined ? 0 : shareOf(side),
      limit: expectation.tolerate,
      expected: inWords(expectation),
    };
    return { feature: expectation.feature, check, tolerate: expectation.tolerate };
  });
}

/** What is wrong by the declared expectations and the schema, and what of them could not be told. */
export function expectationFindings(
  window: WindowCounts,
  reference: PreparedReference,
  windowMs: number,
  findings: QualityFinding[],
): void {
  for (const { feature, check, tolerate } of judgeExpectations(window, reference, windowMs)) {
    if (check.verdict === "no_drift") continue;
    const share = check.current_share;
    const common = { feature, check: check.check, severity: severityOfShare(share), value: share, limit: tolerate };
    findings.push({ ...common, verdict: check.verdict });
  }
  const { schema } = readingsOf(reference, window.layout);
  if (schema === undefined) return;
  const sightings = window.counts[schema.offset + 1]!;
  const panes = window.counts[schema.offset]! + sightings;
  const growth = leastGrowth(reference);
  const few = panes < LEAST_SIGHTINGS || window.changedFeatures.has(SCHEMA_FEATURE);
  if (!few && (sightings < LEAST_SIGHTINGS || sightings < growth * panes)) return;
  findings.push({
    feature: SCHEMA_FEATURE,
    check: "appeared",
    verdict: few ? "insufficient_data" : "drift",
    severity: "warning",
    value: panes === 0 ? 0 : sightings / panes,
    limit: growth,
  });
}

/** Broken values and judged ones; undefined: the window was not counted for it, or not all of it. */
function sideOf({ answered, at }: Reading, { counts, records, changedFeatures }: WindowCounts): Side | undefined {
  if (at === undefined || changedFeatures.has(at.feature)) return undefined;
  const special = at.offset + at.bins;
  const none = counts[special + ABSENT]! + counts[special + MISSING]!;
  // Every record stands in one slot of each feature.
  if (answered === "null") return { count: none, total: records };
  if (answered === "wrong_type") return { count: counts[special + WRONG_TYPE]!, total: records - none };
  const broken = counts[at.offset + 1]!;
  return { count: broken, total: counts[at.offset]! + broken };
}

function readingsOf(reference: PreparedReference, layout: RowLayout): Readings {
  let ofReference = readings.get(reference);
  if (ofReference === undefined) {
    ofReference = new WeakMap();
    readings.set(reference, ofReference);
  }
  let found = ofReference.get(layout);
  if (found === undefined) {
    const { expectations = [] } = reference.policy;
    const schema = layout.features.findLast(({ feature }) => feature === SCHEMA_FEATURE);
    found = { schema, expectations: expectations.length === 0 ? [] : readAll(expectations, reference, layout) };
    ofReference.set(layout, found);
  }
  return found;
}

function readAll(expectations: readonly Expectation[], { snapshot }: PreparedReference, layout: RowLayout): Reading[] {
  const features = new Map(snapshot.features.map((feature) => [feature.feature, feature]));
  const places = new Map(layout.features.map((place) => [place.feature, place]));
  return expectations.map((expectation) => {
    const answered = answeredBy(expectation, features);
    return { expectation, answered, at: places.get(answered === undefined ? expectationName(expectation) : expectation.feature) };
  });
}

function inWords(expectation: Expectation): string {
  switch (expectation.check) {
    case "not_null":
      return "not null";
    case "type":
      return expectation.type;
    case "between":
      return `${expectation.min ?? "-∞"} to ${expectation.max ?? "∞"}`;
    case "in_set":
      return `one of ${expectation.values.length <= 5 ? expectation.values.join(", ") : `${expectation.values.length} values`}`;
    case "matches":
      return `matches ${expectation.pattern}`;
  }
}
