/**
 * What other tools compute for one feature, re-implemented from the descriptions of their rules (bins, treatment of zeros, form); no code of theirs
 * is here, and what they do beside these rules is not. Each statistic looks at counts of distinct values, so their bins are exact.
 */

import { chi2Isf, chi2Sf, chiSquareTest, ksPValue } from "../../../detectors/index.ts";
import { aliasTable, drawCounts, type Random } from "../random.ts";
import {
  createEqualWidth,
  distinctOf,
  equalWidth,
  hellingerDistance,
  jensenShannonDistance,
  type LevelCounts,
  type LevelReference,
  largestGap,
  momentsOf,
  psiOf,
  quantileBins,
  rangeOf,
  regroup,
  sumShares,
  wassersteinOf,
} from "./levels.ts";

/** The windows that are judged. */
export const SPANS = ["1 h", "24 h"] as const;
export type Span = (typeof SPANS)[number];

/** A statistic of one feature against its reference. */
export type FeatureStatistic = {
  /** Sees the reference's own windows, first to last, before anything is judged. */
  readonly learn?: (counts: LevelCounts, n: number, span: Span) => void;
  /** NaN: this feature is not judged. */
  readonly of: (counts: LevelCounts, n: number, span: Span) => number;
};

export type Statistic = (reference: LevelReference, random: Random) => FeatureStatistic;

const isNumber = ({ kind }: LevelReference): boolean => kind === "numeric";
const asFloat = (counts: LevelCounts): Float64Array => Float64Array.from(counts);

/** p of the two-sample Kolmogorov–Smirnov test, of the chi-square contingency test for categories. */
export const testP: Statistic = (reference) => ({
  of: (counts, n) =>
    isNumber(reference)
      ? ksPValue(Math.min(1, largestGap(reference, counts, n)), reference.total, n)
      : (chiSquareTest(reference.counts, counts)?.pValue ?? 1),
});

/**
 * Evidently with a reference of 1,000 rows, drawn from the full one: p of the KS test; for up to five distinct values p of a one-sample chi-square
 * goodness of fit against the scaled reference.
 */
export const evidentlySmall: Statistic = (full, random) => {
  const counts = new Uint32Array(full.counts.length);
  const all = Uint16Array.from(counts.keys());
  drawCounts(random, aliasTable(Float64Array.from(full.counts, (count) => count / full.total)), 1000, all, counts, 0);
  const reference = { ...full, counts, total: 1000 };
  if (isNumber(reference) && distinctOf(reference) > 5) return testP(reference, random);
  return { of: (current, n) => goodnessOfFitP(reference, current, n) };
};

/** One-sample chi-square: the reference's shares are taken for the truth; a category that it lacks makes p zero. */
function goodnessOfFitP(reference: LevelReference, counts: LevelCounts, n: number): number {
  let sum = 0;
  let used = 0;
  for (let k = 0; k < counts.length; k++) {
    const expected = (reference.counts[k]! * n) / reference.total;
    if (expected === 0 && counts[k]! > 0) return 0;
    if (expected === 0) continue;
    sum += (counts[k]! - expected) ** 2 / expected;
    used++;
  }
  return used > 1 ? chi2Sf(sum, used - 1) : 1;
}

/** Evidently above 1,000 rows: Wasserstein-1 / max(sd of the reference, .001); Jensen–Shannon distance in nats for categories and few values. */
export const evidentlyLarge: Statistic = (reference) => {
  if (!isNumber(reference) || distinctOf(reference) <= 5) {
    return { of: (counts) => jensenShannonDistance(asFloat(reference.counts), asFloat(counts)) };
  }
  const scale = Math.max(momentsOf(reference).sd, 0.001);
  return { of: (counts, n) => wassersteinOf(reference, counts, n) / scale };
};

/**
 * Evidently's PSI: above 20 distinct values equal-width bins by Sturges's rule between the least and the greatest value of reference and current
 * together, so that they move with the window; else the values themselves. Zeros become 1e-4.
 */
export const evidentlyPsi: Statistic = (reference) => {
  const fill = (share: number): number => (share === 0 ? 1e-4 : share);
  if (!isNumber(reference) || distinctOf(reference) <= 20) {
    return { of: (counts) => psiUsed(reference, counts, fill) };
  }
  const groupsOf = createEqualWidth(reference.values);
  return {
    of: (counts, n) => {
      const { first, last } = rangeOf(reference.counts, counts);
      const bins = Math.ceil(Math.log2(reference.total + n) + 1);
      const groups = groupsOf(first, last, bins);
      return psiOf(regroup(reference.counts, groups, bins), regroup(counts, groups, bins), fill);
    },
  };
};

/** PSI over the levels that either side has. */
function psiUsed({ counts: reference }: LevelReference, counts: LevelCounts, fill: (share: number) => number): number {
  const used = [...counts.keys()].filter((k) => reference[k]! > 0 || counts[k]! > 0);
  return psiOf(
    Float64Array.from(used, (k) => reference[k]!),
    Float64Array.from(used, (k) => counts[k]!),
    fill,
  );
}

/**
 * NannyML: Jensen–Shannon distance (base 2) over Doane's bins of the reference and one bin for everything outside; given as its ratio to the
 * threshold, mean + 3 sd of the reference's own chunks of the same length.
 */
export const nannyml: Statistic = (reference) => {
  const { groups, size } = doane(reference);
  const frozen = regroup(reference.counts, groups, size);
  const own = new Map<Span, number[]>(SPANS.map((span) => [span, []]));
  const limits = new Map<Span, number>();
  const distance = (counts: LevelCounts) => jensenShannonDistance(frozen, regroup(counts, groups, size)) / Math.sqrt(Math.LN2);
  const limitOf = (span: Span): number => {
    let limit = limits.get(span);
    if (limit === undefined) {
      const chunks = own.get(span)!;
      const mean = chunks.reduce((sum, value) => sum + value, 0) / chunks.length;
      limit = mean + 3 * Math.sqrt(chunks.reduce((sum, value) => sum + (value - mean) ** 2, 0) / chunks.length);
      limits.set(span, limit);
    }
    return limit;
  };
  return {
    learn: (counts, _, span) => {
      own.get(span)!.push(distance(counts));
    },
    of: (counts, _, span) => distance(counts) / limitOf(span),
  };
};

/** numpy's "doane"; categories are their own bins, unseen ones the last. */
function doane(reference: LevelReference): { groups: Uint16Array; size: number } {
  const { values, counts, total } = reference;
  if (!isNumber(reference)) {
    let size = 0;
    const groups = Uint16Array.from(counts, (count) => (count > 0 ? size++ : 65_535));
    return { groups: groups.map((group) => Math.min(group, size)), size: size + 1 };
  }
  const { first, last } = rangeOf(counts);
  const spread = Math.sqrt((6 * (total - 2)) / ((total + 1) * (total + 3)));
  const bins = Math.max(1, Math.ceil(1 + Math.log2(total) + Math.log2(1 + Math.abs(momentsOf(reference).skewness) / spread)));
  const groups = equalWidth(values, values[first]!, values[last]!, bins);
  return { groups: groups.map((group) => Math.min(group, bins)), size: bins + 1 };
}

/** whylogs: D at 100 quantiles of both sides, p of it; p of the chi-square test for categories, over the reference's. */
export const whylogsKs: Statistic = (reference, random) => {
  if (!isNumber(reference)) return testP(reference, random);
  const ofReference = markQuantiles(new Uint8Array(reference.counts.length), reference.counts, reference.total);
  const points = new Uint8Array(reference.counts.length);
  return {
    of: (counts, n) => {
      points.set(ofReference);
      markQuantiles(points, counts, n);
      let difference = 0;
      let largest = 0;
      for (let k = 0; k < counts.length; k++) {
        difference += reference.counts[k]! * n - counts[k]! * reference.total;
        if (points[k] === 1) largest = Math.max(largest, Math.abs(difference));
      }
      return ksPValue(Math.min(1, largest / (reference.total * n)), reference.total, n);
    },
  };
};

/** Marks the levels at which 100 evenly spaced quantiles lie. */
function markQuantiles(marks: Uint8Array, counts: LevelCounts, total: number): Uint8Array {
  let below = 0;
  let next = 0;
  for (let k = 0; k < counts.length; k++) {
    below += counts[k]!;
    for (; next < 100 && below * 99 >= next * total && below > 0; next++) marks[k] = 1;
  }
  return marks;
}

/** whylogs: Hellinger distance over 30 equal-width bins of the range of both sides. */
export const whylogsHellinger: Statistic = (reference) => {
  if (!isNumber(reference)) return { of: (counts) => hellingerDistance(asFloat(reference.counts), asFloat(counts)) };
  const groupsOf = createEqualWidth(reference.values);
  return {
    of: (counts) => {
      const { first, last } = rangeOf(reference.counts, counts);
      const groups = groupsOf(first, last, 30);
      return hellingerDistance(regroup(reference.counts, groups, 30), regroup(counts, groups, 30));
    },
  };
};

/** MLRun: the mean of total variation and Hellinger distance over 20 equal-width bins of the reference and two for what lies outside; numbers only. */
export const mlrun: Statistic = (reference) => {
  if (!isNumber(reference)) return { of: () => Number.NaN };
  const { first, last } = rangeOf(reference.counts);
  const groups = equalWidth(reference.values, reference.values[first]!, reference.values[last]!, 20);
  const frozen = regroup(reference.counts, groups, 22);
  return {
    of: (counts) => {
      const current = regroup(counts, groups, 22);
      return (sumShares(frozen, current, (p, q) => Math.abs(p - q)) / 2 + hellingerDistance(frozen, current)) / 2;
    },
  };
};

/** Scouter: PSI over ten reference quantiles, 1e-10 added to each share, as a ratio to its default threshold chi2(.95, bins − 1) / n. Unseen categories are ignored. */
export const scouter: Statistic = (reference) => {
  const { groups, size } = isNumber(reference) ? quantileBins(reference, 10) : namedOnly(reference);
  const frozen = regroup(reference.counts, groups, size + 1).subarray(0, size);
  const limit = chi2Isf(0.05, Math.max(1, size - 1));
  return {
    of: (counts, n) => (psiOf(frozen, regroup(counts, groups, size + 1).subarray(0, size), (share) => share + 1e-10) * n) / limit,
  };
};

/** Groups of the categories that the reference has; the others go to the group behind the last. */
function namedOnly({ counts }: LevelReference): { groups: Uint16Array; size: number } {
  let size = 0;
  const groups = Uint16Array.from(counts, (count) => (count > 0 ? size++ : 65_535));
  return { groups: groups.map((group) => Math.min(group, size)), size };
}

/** SageMaker's robust distance: the largest difference of cumulative shares (of shares, for categories) less 1.8 √((n + m)/(n m)). */
export const sagemaker: Statistic = (reference) => ({
  of: (counts, n) => {
    const offset = 1.8 * Math.sqrt((n + reference.total) / (n * reference.total));
    if (isNumber(reference)) return largestGap(reference, counts, n) - offset;
    let largest = 0;
    for (let k = 0; k < counts.length; k++) largest = Math.max(largest, Math.abs(counts[k]! / n - reference.counts[k]! / reference.total));
    return largest - offset;
  },
});

/** PSI of the textbook: ten reference quantiles, or categories; zeros become 1e-4. */
export const plainPsi: Statistic = (reference) => {
  const fill = (share: number): number => Math.max(share, 1e-4);
  if (!isNumber(reference)) return { of: (counts) => psiUsed(reference, counts, fill) };
  const { groups, size } = quantileBins(reference, 10);
  const frozen = regroup(reference.counts, groups, size);
  return { of: (counts) => psiOf(frozen, regroup(counts, groups, size), fill) };
};
