/**
 * Declared expectations compiled for counting: where the counts of each stand in a row, and what keeps it. Only counts reach an evaluation, so
 * what the special counters of a feature do not say is counted with the record, as a feature of the row that no evaluation of drift sees.
 * Its name and layout hold what is expected and not what is tolerated: changing an expectation begins its own counts anew, and no others.
 */

import type { DecodedRecord } from "../decode/record.ts";
import { DriftdError } from "../lib/errors.ts";
import { unsafePattern } from "../lib/pattern.ts";
import { layoutHash } from "./canonical.ts";
import { placeOf } from "./compile.ts";
import { type CompiledExpectation, type FeatureLayout, SPECIAL_SLOTS } from "./layout.ts";
import type { SnapshotFeature } from "./snapshot.ts";

/** One declared check of one feature; `tolerate` is the share of records that may break it, 0–1. It is counted with the record (`panes/`). */
export type Expectation = { readonly feature: string; readonly tolerate: number } & (
  | { readonly check: "not_null" }
  | { readonly check: "type"; readonly type: "number" | "integer" | "text" | "boolean" }
  | { readonly check: "between"; readonly min: number | undefined; readonly max: number | undefined }
  | { readonly check: "in_set"; readonly values: readonly (string | number | boolean)[] }
  | { readonly check: "matches"; readonly pattern: string }
);

/** Text longer than this (UTF-16 units) breaks `matches` without being looked at: it bounds what a pattern can cost. */
export const MAX_MATCHED_LENGTH = 200;

const EXPECTED = "$expect:";

/** Kept and broken, then the special counters. */
const BINS = 2;

/** Which special counters of the feature itself answer an expectation. */
export type Answered = "null" | "wrong_type";

/** The special counters that say how often the expectation is broken; undefined: it is counted in a place of its own. */
export function answeredBy(expectation: Expectation, features: ReadonlyMap<string, SnapshotFeature>): Answered | undefined {
  const feature = features.get(expectation.feature);
  if (feature === undefined) return undefined;
  if (expectation.check === "not_null") return "null";
  return expectation.check === "type" && expectation.type === "number" && feature.kind === "numeric" ? "wrong_type" : undefined;
}

/** The name of the counts of an expectation in a row. */
export function expectationName(expectation: Expectation): string {
  return `${EXPECTED}${expectation.feature}:${expectationHash(expectation).slice(0, 8)}`;
}

/** Whether a feature of a row holds the counts of an expectation: no values of its own. */
export function isExpectation(feature: string): boolean {
  return feature.startsWith(EXPECTED);
}

/** Layouts of the expectations that need counts of their own, from slot `offset` on; equal ones share theirs. */
export function expectationLayouts(
  expectations: readonly Expectation[],
  features: ReadonlyMap<string, SnapshotFeature>,
  offset: number,
): { readonly expectation: Expectation; readonly layout: FeatureLayout }[] {
  const found: { readonly expectation: Expectation; readonly layout: FeatureLayout }[] = [];
  const names = new Set<string>();
  for (const expectation of expectations) {
    const feature = expectationName(expectation);
    if (names.has(feature) || answeredBy(expectation, features) !== undefined) continue;
    names.add(feature);
    const at = offset + found.length * (BINS + SPECIAL_SLOTS.length);
    const layout = expectationHash(expectation);
    found.push({ expectation, layout: { feature, kind: "categorical", layout, bins: BINS, offset: at, moments: -1 } });
  }
  return found;
}

/** Compiles one expectation whose counts begin at `offset`. Throws `EXPECTATION_PATTERN` for a pattern that may take for ever. */
export function compileExpectation(
  expectation: Expectation,
  features: ReadonlyMap<string, SnapshotFeature>,
  offset: number,
): CompiledExpectation {
  const { feature } = expectation;
  const place = placeOf({ feature, role: roleOf(feature, features) });
  return { ...place, offset, required: expectation.check === "not_null", keeps: keeperOf(expectation, place) };
}

/** Also of a feature that the reference does not have. */
function roleOf(feature: string, features: ReadonlyMap<string, SnapshotFeature>): SnapshotFeature["role"] {
  const known = features.get(feature);
  if (known !== undefined) return known.role;
  if (feature === "$prediction") return "prediction";
  return /^\$[^$]/.test(feature) ? "signal" : "feature";
}

type Place = Pick<CompiledExpectation, "from" | "key">;

function keeperOf(expectation: Expectation, place: Place): CompiledExpectation["keeps"] {
  switch (expectation.check) {
    case "not_null":
      return () => true;
    case "type":
      return TYPES[expectation.type];
    case "between": {
      const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = expectation;
      return (value) => typeof value === "number" && value >= min && value <= max;
    }
    case "in_set": {
      const set = new Set(expectation.values.map(String));
      return (value, record) => {
        const text = textOf(value, place, record);
        return text !== undefined && set.has(text);
      };
    }
    case "matches": {
      const pattern = patternOf(expectation.feature, expectation.pattern);
      return (value, record) => {
        const text = textOf(value, place, record);
        return text !== undefined && text.length <= MAX_MATCHED_LENGTH && pattern.test(text);
      };
    }
  }
}

const TYPES: Readonly<Record<Extract<Expectation, { readonly check: "type" }>["type"], CompiledExpectation["keeps"]>> = {
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  text: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
};

/** Text, numbers and booleans as their text, as categories are compared; undefined for anything else. */
function textOf(value: unknown, { from, key }: Place, record: Readonly<DecodedRecord>): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number") return undefined;
  const rounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return (rounded && from !== "signal" ? record.longInteger?.(from, key) : undefined) ?? String(value);
}

function patternOf(feature: string, text: string): RegExp {
  const unsafe = unsafePattern(text);
  if (unsafe !== undefined) {
    throw new DriftdError("EXPECTATION_PATTERN", `expectations: ${feature}: matches ${JSON.stringify(text)}: ${unsafe}`, {
      hint: "it could take seconds for one record: write it simpler, or check it before the data is sent",
    });
  }
  return new RegExp(text, "u");
}

/** What is expected, without what is tolerated. */
function expectationHash({ tolerate: _, ...expected }: Expectation): string {
  return layoutHash(["expectation", expected]);
}
