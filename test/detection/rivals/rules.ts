/** The published rules of other tools: which statistic, which threshold, and what becomes of fifty features. */

import {
  evidentlyLarge,
  evidentlyPsi,
  evidentlySmall,
  mlrun,
  nannyml,
  plainPsi,
  type Statistic,
  sagemaker,
  scouter,
  testP,
  whylogsHellinger,
  whylogsKs,
} from "./statistics.ts";

export type Rule = {
  readonly title: string;
  readonly statistic: keyof typeof STATISTICS;
  /** One feature's alarm; `features` is their number. Absent for a rule that judges the model only. */
  readonly feature?: (value: number, features: number) => boolean;
  /** The model's alarm; absent: any feature's. */
  readonly model?: (values: Float64Array) => boolean;
};

export const STATISTICS = {
  testP,
  evidentlySmall,
  evidentlyLarge,
  evidentlyPsi,
  nannyml,
  whylogsKs,
  whylogsHellinger,
  mlrun,
  scouter,
  sagemaker,
  plainPsi,
} as const satisfies Record<string, Statistic>;

const below = (limit: number) => (value: number) => value < limit;
const atLeast = (limit: number) => (value: number) => value >= limit;
const shareOf = (values: Float64Array, alarms: (value: number) => boolean): number => values.filter(alarms).length / values.length;
const meanOf = (values: Float64Array): number => {
  const judged = values.filter((value) => !Number.isNaN(value));
  return judged.reduce((sum, value) => sum + value, 0) / judged.length;
};

/** In the order of the tables. */
export const RULES: readonly Rule[] = [
  { title: "KS or chi-square p < .05", statistic: "testP", feature: below(0.05) },
  { title: "the same, Bonferroni over features (Alibi Detect)", statistic: "testP", feature: (p, features) => p < 0.05 / features },
  { title: "PSI ≥ .1 (deciles)", statistic: "plainPsi", feature: atLeast(0.1) },
  { title: "PSI ≥ .2 (deciles)", statistic: "plainPsi", feature: atLeast(0.2) },
  { title: "Evidently, 1,000 reference rows: any column", statistic: "evidentlySmall", feature: below(0.05) },
  { title: "Evidently, 1,000 reference rows: half the columns", statistic: "evidentlySmall", model: (v) => shareOf(v, below(0.05)) >= 0.5 },
  { title: "Evidently, full reference: any column", statistic: "evidentlyLarge", feature: atLeast(0.1) },
  { title: "Evidently, full reference: half the columns", statistic: "evidentlyLarge", model: (v) => shareOf(v, atLeast(0.1)) >= 0.5 },
  { title: "Evidently, PSI ≥ .1: any column", statistic: "evidentlyPsi", feature: atLeast(0.1) },
  { title: "NannyML, JS > mean + 3 sd", statistic: "nannyml", feature: (ratio) => ratio > 1 },
  { title: "whylogs, KS or chi-square p < .05", statistic: "whylogsKs", feature: below(0.05) },
  { title: "whylogs, Hellinger ≥ .15 (possible drift)", statistic: "whylogsHellinger", feature: atLeast(0.15) },
  { title: "whylogs, Hellinger ≥ .4 (drift)", statistic: "whylogsHellinger", feature: atLeast(0.4) },
  { title: "MLRun, mean over features ≥ .5 (possible drift)", statistic: "mlrun", model: (v) => meanOf(v) >= 0.5 },
  { title: "MLRun, mean over features ≥ .7 (drift)", statistic: "mlrun", model: (v) => meanOf(v) >= 0.7 },
  { title: "Scouter, PSI ≥ chi2(.95)/n", statistic: "scouter", feature: atLeast(1) },
  { title: "SageMaker, robust distance > .1", statistic: "sagemaker", feature: (value) => value > 0.1 },
];
