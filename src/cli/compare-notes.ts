/** What of a comparison was judged less well than it could be, and why: never silently. Pure. */

import type { FeatureEvaluation } from "../evaluate/evaluation.ts";
import { coarsePlan } from "../reference/coarse.ts";
import type { Snapshot, SnapshotFeature } from "../reference/snapshot.ts";

/** A closed list. */
export type DegradedReason =
  | "no_values" // the current table has none
  | "few_values" // fewer bins than usual, so that each still expects five values
  | "constant_reference" // only other values can be seen
  | "rare_categories" // most values are of categories too rare for a bin of their own
  | "unnamed_categories" // beyond the ten thousand that a reference names
  | "float32_reference" // the current values are rounded as the reference's were
  | "float32_current"; // the current values were rounded and are taken back

/** One degradation of one feature; `note` is a sentence for people. */
export type Degraded = { readonly reason: DegradedReason; readonly note: string };

/** Values for each coarse bin that the daemon asks for; a comparison does with fewer. */
const VALUES_PER_BIN = 10;
const EXPECTED_PER_BIN = 5;

/** The degradations of one judged feature; `float32` has the features whose current column was saved as float32. */
export function degradedOf(judged: FeatureEvaluation, feature: SnapshotFeature, float32: ReadonlySet<string>): Degraded[] {
  const notes: Degraded[] = [];
  const say = (reason: DegradedReason, note: string): void => void notes.push({ reason, note });
  const { reference_count: m, current_count: n } = judged;
  const few = Math.min(m, n);
  if (n === 0) say("no_values", "has no values in the current data");
  else if (judged.verdict !== "insufficient_data" && few < VALUES_PER_BIN * coarsePlan(feature).size) {
    const bins = Math.max(1, Math.floor(few / EXPECTED_PER_BIN));
    say("few_values", `${m} against ${n} values are compared in ${bins} bins at most: small changes stay unseen`);
  }
  if (feature.kind === "numeric") {
    if (feature.counts.filter((count) => count > 0).length === 1 && feature.moments.min === feature.moments.max) {
      say("constant_reference", `is ${feature.moments.min} throughout the reference: only other values can be seen`);
    }
    if (feature.round === "float32")
      say("float32_reference", "was saved as float32 in the reference: the current values are rounded alike");
    if (float32.has(feature.feature)) {
      say(
        "float32_current",
        "was saved as float32 in the current data: its values are taken for the reference's that they were rounded from",
      );
    }
    return notes;
  }
  if (feature.unnamed !== undefined && feature.unnamed > 0) {
    say(
      "unnamed_categories",
      `has ${feature.unnamed} values beyond the ${feature.categories.length} categories that are named: they count as unseen`,
    );
  }
  const least = n === 0 ? 0 : (EXPECTED_PER_BIN * Math.max(m, n)) / n;
  const rare = feature.counts.reduce((sum, count) => sum + (count < least ? count : 0), 0);
  if (n > 0 && 2 * rare > m) {
    say(
      "rare_categories",
      `${Math.round((100 * rare) / m)} % of its values are of categories too rare for these ${n} values: they are judged together`,
    );
  }
  return notes;
}

/** The features with their degradations, where there are any. */
export function withDegraded<T extends FeatureEvaluation>(
  features: readonly T[],
  snapshot: Snapshot,
  float32: readonly string[],
): (T & { readonly degraded?: readonly Degraded[] })[] {
  const byName = new Map(snapshot.features.map((feature) => [feature.feature, feature]));
  const narrow = new Set(float32);
  return features.map((judged) => {
    const degraded = degradedOf(judged, byName.get(judged.feature)!, narrow);
    return degraded.length === 0 ? judged : { ...judged, degraded };
  });
}
