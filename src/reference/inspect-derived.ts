/** What a snapshot's derived features are made of, for people: the components with their greatest loadings, and where the outlier score lies. */

import { OUTLIER, RESIDUAL, scoreName } from "./derived.ts";
import { limitOf } from "./outlier-tail.ts";
import type { DerivedOutlier, DerivedPca, Snapshot } from "./snapshot.ts";

/** Loadings shown of a component. */
const LOADINGS_SHOWN = 5;
const TAIL_SHOWN = [0.5, 0.1, 0.01, 0.001] as const;

/** Some lines; none for a snapshot without derived features. Names are printed as they are. */
export function describeDerived({ derived }: Pick<Snapshot, "derived">): string[] {
  return [
    ...(derived?.pca === undefined ? [] : ["", ...describePca(derived.pca)]),
    ...(derived?.outlier === undefined ? [] : ["", ...describeOutlier(derived.outlier)]),
  ];
}

function describePca({ inputs, components, records }: DerivedPca): string[] {
  const kept = components.reduce((sum, { variance }) => sum + variance, 0);
  const names = [...components.map((_, c) => scoreName(c)), RESIDUAL];
  const width = Math.max(...names.map((name) => name.length));
  const line = (name: string, variance: number, rest: string) =>
    `  ${name.padEnd(width)} ${`${(100 * variance).toFixed(1)} %`.padStart(7)}  ${rest}`;
  return [
    `principal components: of ${inputs.length} numeric features, found in ${records.toLocaleString("en")} records; share of the variance, greatest loadings`,
    ...components.map(({ variance, loadings }, c) => {
      const greatest = loadings
        .map((loading, j) => ({ loading, feature: inputs[j]!.feature }))
        .sort((a, b) => Math.abs(b.loading) - Math.abs(a.loading))
        .slice(0, LOADINGS_SHOWN);
      return line(names[c]!, variance, greatest.map(({ loading, feature }) => `${loading.toFixed(2)} ${feature}`).join(", "));
    }),
    line(RESIDUAL, Math.max(0, 1 - kept), "what the scores do not hold"),
  ];
}

function describeOutlier({ rarity, least, tail }: DerivedOutlier): string[] {
  const shown = TAIL_SHOWN.filter((share) => tail.some((point) => point.share === share));
  const limits = shown.map((share) => `${100 * share} % above ${limitOf(tail, share).toFixed(2)}`);
  return [
    `outlier score: ${OUTLIER}, the mean rarity of the values of ${rarity.length} features (records with fewer than ${least} have none), nats`,
    `  ${[...limits, `none above ${limitOf(tail, 0).toFixed(2)}`].join(", ")}`,
  ];
}
