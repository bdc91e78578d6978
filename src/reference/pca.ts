/**
 * Principal components of the numeric inputs of a reference: which inputs take part, how they are standardised so that no outlier rules them,
 * and the components of their correlation matrix. Reading the data is `derive.ts`, computing scores `derived.ts`.
 */

import { INPUT_STEPS, NO_INPUT } from "./derived.ts";
import { symmetricEigen } from "./eigen.ts";
import type { DerivedPca, NumericFeature, SnapshotFeature } from "./snapshot.ts";
import { FITS } from "./split.ts";

/** Fewer inputs have no joint structure that is worth a plane and a distance to it. */
export const INPUTS_MIN = 3;
/** More are left alone unless asked for: a record costs inputs × scores multiplications, the decomposition inputs³. */
export const INPUTS_AUTO_MAX = 200;
/** Beyond, the decomposition takes minutes. */
export const INPUTS_MAX = 1000;
/** An input that is missing in so large a share of the records takes no part: every record without it would have no scores. */
const MISSING_MAX = 0.05;
/** Scores kept when nobody says how many: until they hold this share of the variance, at most so many. */
export const VARIANCE_KEPT = 0.8;
export const SCORES_AUTO_MAX = 5;
/** Values beyond the outer ½ % on either side count as if they stood there, when the scale is taken. */
const WINSORISED = 0.005;
/** Least deviation of the clipped input, in scales: below, fewer than one value in 10,000 differs from the others. */
const SPREAD_MIN = 0.1;
/** Products that may be summed up: 4e9 take about four seconds. Of more, a sample of the records is taken. */
const PRODUCTS_MAX = 4e9;

export type PcaInput = { readonly feature: string; readonly center: number; readonly scale: number };

/** The numeric features that can be inputs, with their scales: in nearly every record, and not (nearly) constant. */
export function pcaInputs(features: readonly SnapshotFeature[]): PcaInput[] {
  return features.flatMap((feature) => {
    if (feature.kind !== "numeric" || feature.role !== "feature") return [];
    const lacking = feature.missing + feature.wrong_type + feature.nan + feature.positive_infinity + feature.negative_infinity;
    if (lacking >= MISSING_MAX * (feature.count + lacking)) return [];
    const scaled = scaleOf(feature);
    return scaled === undefined ? [] : [{ feature: feature.feature, ...scaled }];
  });
}

/**
 * Mean and deviation of the values between the outer ½ %, from the means of the fine bins; where those are one value (a rare flag), of all
 * values. Undefined for a feature without spread, or one whose numbers overflow.
 */
function scaleOf(feature: NumericFeature): Pick<PcaInput, "center" | "scale"> | undefined {
  const points = pointsOf(feature);
  const low = quantileOf(points, WINSORISED);
  const high = quantileOf(points, 1 - WINSORISED);
  const { mean, deviation } = spreadOf(points, low, high);
  if (isScale(deviation)) return { center: mean, scale: deviation };
  const { count, mean: center, m2 } = feature.moments;
  const scale = Math.sqrt(m2 / count);
  if (count === 0 || !isScale(scale)) return undefined;
  const within = spreadOf(points, center - 10 * scale, center + 10 * scale);
  return within.deviation >= SPREAD_MIN * scale ? { center, scale } : undefined;
}

function isScale(scale: number): boolean {
  return scale > 0 && Number.isFinite(scale) && Number.isFinite(INPUT_STEPS / scale);
}

type Point = { readonly value: number; readonly count: number };

function pointsOf({ counts, means, edges }: NumericFeature): Point[] {
  return counts.flatMap((count, j) => (count === 0 ? [] : [{ value: means?.[j] ?? edges[Math.min(j, edges.length - 1)]!, count }]));
}

/** The point that holds the value of rank `share`. */
function quantileOf(points: readonly Point[], share: number): number {
  const total = points.reduce((sum, { count }) => sum + count, 0);
  let below = 0;
  for (const { value, count } of points) {
    below += count;
    if (below > share * total) return value;
  }
  return points.at(-1)?.value ?? 0;
}

function spreadOf(points: readonly Point[], low: number, high: number): { readonly mean: number; readonly deviation: number } {
  let total = 0;
  let mean = 0;
  let m2 = 0;
  for (const { value, count } of points) {
    total += count;
    const delta = Math.min(high, Math.max(low, value)) - mean;
    mean += delta * (count / total);
    m2 += delta * delta * count * ((total - count) / total);
  }
  return { mean, deviation: Math.sqrt(m2 / total) };
}

/** Sums of the inputs' steps and of their products, over the records that have them all: whole numbers below 2^53, so their order is nothing. */
export type ProductSums = {
  /** Takes those of the first `rows` records that fit (`parts`), `inputs` steps each; a record that lacks an input begins with `NO_INPUT`. */
  readonly add: (steps: Int16Array, rows: number, parts: Uint8Array) => void;
  readonly count: () => number;
  readonly fit: (inputs: readonly PcaInput[], scores: number | "auto") => DerivedPca;
};

/**
 * Sums over about `rows` records. When they are more than `PRODUCTS_MAX` products, a sample is summed that is drawn by the records' own numbers:
 * the same records in whatever order they come.
 */
export function createProductSums(inputs: number, rows: number, productsMax = PRODUCTS_MAX): ProductSums {
  const stride = Math.max(1, Math.ceil((rows * inputs * (inputs + 1)) / 2 / productsMax));
  const sums = new Float64Array(inputs);
  const products = new Float64Array(inputs * inputs);
  let summed = 0;
  let complete = 0;

  return {
    add: (steps, blockRows, parts) => {
      for (let row = 0; row < blockRows; row++) {
        const at = row * inputs;
        if (steps[at] === NO_INPUT || (parts[row]! & FITS) === 0) continue;
        complete++;
        if (stride > 1 && hashOf(steps, at, inputs) % stride !== 0) continue;
        summed++;
        for (let i = 0; i < inputs; i++) {
          const value = steps[at + i]!;
          sums[i]! += value;
          const base = i * inputs;
          for (let j = 0; j <= i; j++) products[base + j]! += value * steps[at + j]!;
        }
      }
    },
    count: () => complete,
    fit: (list, scores) => {
      const mean = Array.from(sums, (sum) => sum / summed);
      const covariance = (i: number, j: number): number => products[i * inputs + j]! / summed - mean[i]! * mean[j]!;
      // An input that is constant in these records stands still at 0.
      const sd = mean.map((_, i) => (covariance(i, i) >= 1 ? Math.sqrt(covariance(i, i)) : Number.POSITIVE_INFINITY));
      const correlation = new Float64Array(inputs * inputs);
      for (let i = 0; i < inputs; i++) {
        for (let j = 0; j <= i; j++)
          correlation[j * inputs + i] = i === j && sd[i]! < Number.POSITIVE_INFINITY ? 1 : covariance(i, j) / sd[i]! / sd[j]!;
      }
      const { values, vectors } = symmetricEigen(correlation, inputs);
      const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
      const kept = scores === "auto" ? scoresFor(values, total) : Math.min(scores, inputs - 1);
      return {
        records: complete,
        inputs: list.map(({ feature, center, scale }, i) => ({
          feature,
          center,
          scale,
          mean: mean[i]! / INPUT_STEPS,
          sd: sd[i]! < Number.POSITIVE_INFINITY ? sd[i]! / INPUT_STEPS : 1,
        })),
        components: vectors.slice(0, kept).map((vector, c) => ({
          variance: total > 0 ? Math.max(0, values[c]!) / total : 0,
          loadings: Array.from(vector, (loading) => Number(loading.toPrecision(9)) + 0),
        })),
      };
    },
  };
}

/** Enough for the share of the variance; one fewer than the inputs at most, so that there is a residual. */
function scoresFor(values: readonly number[], total: number): number {
  const most = Math.min(SCORES_AUTO_MAX, values.length - 1);
  let share = 0;
  let kept = 0;
  while (kept < most && share < VARIANCE_KEPT * total) share += values[kept++]!;
  return Math.max(1, kept);
}

/** FNV-1a over the steps, then mixed, so that its remainders are even. */
function hashOf(steps: Int16Array, from: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ steps[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
