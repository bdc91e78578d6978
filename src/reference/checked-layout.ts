/**
 * The layout of a row with what is counted beside the features: declared expectations, and whether records bring keys that the reference does
 * not have. It stands behind the features, so the places of those are as without it.
 */

import { layoutHash } from "./canonical.ts";
import { columnOf } from "./compile.ts";
import { compileExpectation, type Expectation, expectationLayouts } from "./expectations.ts";
import { type CompiledLayout, type FeatureLayout, SPECIAL_SLOTS } from "./layout.ts";
import type { Snapshot } from "./snapshot.ts";

/** The feature of a row that counts new keys: of the first records of panes, those without and those with a key that is news. */
export const SCHEMA_FEATURE = "$schema";

const SCHEMA_BINS = 2;

export type ChecksOf = {
  readonly expectations: readonly Expectation[];
  /** Keys of records that are no inputs (id, model, time …), where the inputs stand beside them. */
  readonly recordKeys: readonly string[];
};

/**
 * Adds the checks to a compiled snapshot; the same object when there is nothing to add. New keys are looked for only under a reference that
 * says which columns it left out (`ignored`): else every id column would be news for ever. Throws `EXPECTATION_PATTERN`.
 */
export function withChecks(
  compiled: CompiledLayout,
  { features, ignored }: Pick<Snapshot, "features" | "ignored">,
  { expectations, recordKeys }: ChecksOf,
): CompiledLayout {
  const byName = new Map(features.map((feature) => [feature.feature, feature]));
  const expected = expectationLayouts(expectations, byName, compiled.row.slots);
  const layouts: FeatureLayout[] = [...compiled.row.features, ...expected.map(({ layout }) => layout)];
  let slots = compiled.row.slots;
  for (const { layout } of expected) slots += layout.bins + SPECIAL_SLOTS.length;
  const schemaAt = slots;
  if (ignored !== undefined) {
    const layout = layoutHash(["schema"]);
    layouts.push({ feature: SCHEMA_FEATURE, kind: "categorical", layout, bins: SCHEMA_BINS, offset: schemaAt, moments: -1 });
    slots += SCHEMA_BINS + SPECIAL_SLOTS.length;
  }
  if (layouts.length === compiled.row.features.length) return compiled;
  return {
    ...compiled,
    row: {
      hash: layoutHash(layouts.map(({ feature, layout }) => [feature, layout])),
      features: layouts,
      slots,
      numeric: compiled.row.numeric,
    },
    checks: {
      expectations: expected.map(({ expectation, layout }) => compileExpectation(expectation, byName, layout.offset)),
      schema:
        ignored === undefined
          ? undefined
          : {
              offset: schemaAt,
              known: new Set([...features.map(({ feature }) => columnOf(feature)), ...ignored, ...recordKeys]),
              appeared: undefined,
            },
    },
  };
}
