/** Checks what a snapshot says of its derived features: that they can be computed, and by the definition that their bins were made with. */

import { definitionOf, namesOf, OUTLIER } from "./derived.ts";
import type { Derived, DerivedOutlier, DerivedPca, SnapshotFeature } from "./snapshot.ts";
import type { Check } from "./validate.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Rarities are kept in 16 bits. */
const RARITY_MAX = 65_535;

/**
 * Checks `derived` and the features of that role, whose own fields are checked already. A snapshot with neither passes, and so does a part of
 * `derived` that no feature uses.
 */
export function checkDerived(derived: unknown, features: readonly SnapshotFeature[], check: Check): void {
  const first = features.findIndex(({ role }) => role === "derived");
  if (derived !== undefined) {
    check(isFields(derived), "derived", "an object", derived);
    if ((derived as Fields)["pca"] !== undefined) checkPca((derived as Fields)["pca"], check);
    if ((derived as Fields)["outlier"] !== undefined) checkOutlier((derived as Fields)["outlier"], features, check);
  }
  if (first < 0) return;
  const known = (derived ?? {}) as Derived;
  const names = namesOf(known);
  const byName = new Map(features.map((feature) => [feature.feature, feature]));
  for (const [i, feature] of features.entries()) {
    if (i < first) continue;
    const at = `features[${i}]`;
    check(feature.role === "derived", `${at}.role`, "derived, as that of the feature before it", feature.role);
    // A name that no definition makes is left to `compileLayout`, which says that a newer driftd may know it.
    if (!names.includes(feature.feature)) continue;
    check(feature.kind === "numeric", `${at}.kind`, "numeric for a derived feature", feature.kind);
    const expected = definitionOf(known, feature.feature);
    const found = feature.kind === "numeric" ? feature.definition : undefined;
    check(found === expected, `${at}.definition`, `"${expected}" for what derived says`, found);
    if (feature.feature === OUTLIER) continue;
    for (const [j, input] of known.pca!.inputs.entries()) {
      const source = byName.get(input.feature);
      check(
        source?.kind === "numeric" && source.role === "feature",
        `derived.pca.inputs[${j}].feature`,
        "a numeric feature",
        input.feature,
      );
    }
  }
}

function checkPca(pca: unknown, check: Check): void {
  const at = "derived.pca";
  check(isFields(pca), at, "an object", pca);
  const { inputs, components } = pca as DerivedPca;
  check(Array.isArray(inputs) && inputs.length > 0 && inputs.every(isFields), `${at}.inputs`, "a list of inputs", inputs);
  for (const [i, { feature, center, scale, mean, sd }] of inputs.entries()) {
    check(typeof feature === "string", `${at}.inputs[${i}].feature`, "a name", feature);
    check(Number.isFinite(center), `${at}.inputs[${i}].center`, "a number", center);
    check(Number.isFinite(scale) && scale > 0, `${at}.inputs[${i}].scale`, "a positive number", scale);
    check(Number.isFinite(mean), `${at}.inputs[${i}].mean`, "a number", mean);
    check(Number.isFinite(sd) && sd > 0, `${at}.inputs[${i}].sd`, "a positive number", sd);
  }
  check(
    Array.isArray(components) && components.length > 0 && components.every(isFields),
    `${at}.components`,
    "a list of components",
    components,
  );
  for (const [i, { variance, loadings }] of components.entries()) {
    check(variance >= 0 && variance <= 1, `${at}.components[${i}].variance`, "a share", variance);
    check(
      Array.isArray(loadings) && loadings.length === inputs.length && loadings.every((loading) => Math.abs(loading) <= 1),
      `${at}.components[${i}].loadings`,
      `a list of ${inputs.length} numbers from −1 to 1`,
      loadings,
    );
  }
}

function checkOutlier(outlier: unknown, features: readonly SnapshotFeature[], check: Check): void {
  const at = "derived.outlier";
  check(isFields(outlier), at, "an object", outlier);
  const { rarity, least, tail } = outlier as DerivedOutlier;
  check(Number.isSafeInteger(least) && least > 0, `${at}.least`, "a positive whole number", least);
  check(Array.isArray(rarity) && rarity.every(isFields), `${at}.rarity`, "a list of features", rarity);
  const byName = new Map(features.map((feature) => [feature.feature, feature]));
  for (const [i, { feature, bins, other }] of rarity.entries()) {
    check(typeof feature === "string", `${at}.rarity[${i}].feature`, "a name", feature);
    const size = byName.get(feature)?.counts.length;
    check(
      Array.isArray(bins) && (size === undefined || bins.length === size) && bins.every(isRarity),
      `${at}.rarity[${i}].bins`,
      `${size ?? "whole"} numbers from 0 to ${RARITY_MAX}`,
      bins,
    );
    check(isRarity(other), `${at}.rarity[${i}].other`, `a whole number from 0 to ${RARITY_MAX}`, other);
  }
  check(
    Array.isArray(tail) &&
      tail.length > 0 &&
      tail.every((point) => isFields(point) && Number.isFinite(point.share) && Number.isFinite(point.limit)),
    `${at}.tail`,
    "a list of shares with their limits",
    tail,
  );
}

function isRarity(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= RARITY_MAX;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
