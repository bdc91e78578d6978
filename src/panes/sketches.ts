/**
 * The sketches of one model and version: which categorical features note the values that the reference does not have, and which keys of
 * records are news. In memory, from the moment that the configuration came into force; none of a feature that is sensitive.
 */

import { SCHEMA_FEATURE } from "../reference/checked-layout.ts";
import type { CompiledLayout } from "../reference/layout.ts";
import { createUnseenSketch, newSketchBudget, type UnseenSketch } from "./unseen.ts";

export type Sketches = {
  /** Values of a feature that the reference does not have; undefined: not noted (numeric, sensitive, or not of the reference). */
  readonly unseen: (feature: string) => UnseenSketch | undefined;
  /** Keys that the reference does not have, by first records of panes; undefined: not looked for. */
  readonly appeared: UnseenSketch | undefined;
};

/** Values of a feature that one line of the log tells. */
const TOLD = 5;

/** The most frequent values of a feature (of `$schema`: keys) that the reference does not have, for a line of the log. */
export function topUnseen(sketches: Sketches | undefined, feature: string): readonly string[] | undefined {
  const sketch = feature === SCHEMA_FEATURE ? sketches?.appeared : sketches?.unseen(feature);
  return sketch?.top(TOLD).map(({ value, count }) => `${value} (${count})`);
}

/** The layout with empty sketches of its own; the rest of it is shared with the layout given. O(features). */
export function withSketches(
  layout: CompiledLayout,
  sensitive: ReadonlySet<string>,
): { readonly layout: CompiledLayout; readonly sketches: Sketches } {
  const budget = newSketchBudget();
  const unseen = new Map<string, UnseenSketch>();
  const features = layout.features.map((feature) => {
    if (feature.categories === undefined || sensitive.has(feature.feature)) return feature;
    const sketch = createUnseenSketch(budget);
    unseen.set(feature.feature, sketch);
    return { ...feature, unseen: sketch };
  });
  const { checks } = layout;
  const appeared = checks?.schema === undefined ? undefined : createUnseenSketch(budget);
  return {
    layout: {
      ...layout,
      features,
      ...(checks === undefined ? {} : { checks: { ...checks, schema: checks.schema && { ...checks.schema, appeared } } }),
    },
    sketches: { unseen: (feature) => unseen.get(feature), appeared },
  };
}
