/** The columns of the simulated tables of `compare-pairs.ts`: every shape that a healthy column may have, drawn value by value. */

import { aliasTable, drawLevel, normal, poisson, type Random, uniform } from "./random.ts";

/** A column's law. Categories are whole numbers from 0 on. */
export type ColumnShape = {
  readonly kind: "numeric" | "categorical";
  /** The column on one side was saved as float32. */
  readonly float32?: "reference" | "current";
  /**
   * Draws one value; `shift` moves it by so many standard deviations: of the logarithm for lognormal shapes, of the normal law with the same
   * quartiles where there is none.
   */
  readonly draw: (random: Random, shift: number) => number;
  /** Share of values that are missing. */
  readonly missing?: number;
};

const exponential = (random: Random): number => -Math.log(uniform(random));
/** Student's t with two degrees of freedom: a normal over the root of an exponential. */
const t2 = (random: Random): number => normal(random) / Math.sqrt(exponential(random));
const cauchy = (random: Random): number => Math.tan(Math.PI * (uniform(random) - 0.5));
const numeric = (draw: ColumnShape["draw"], rest: Partial<ColumnShape> = {}): ColumnShape => ({ kind: "numeric", draw, ...rest });
const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** Categories with these weights. A shift has no direction here: the first category's log odds grow by what a binary's would. */
function categories(weights: ArrayLike<number>, rest: Partial<ColumnShape> = {}): ColumnShape {
  let sum = 0;
  for (let k = 0; k < weights.length; k++) sum += weights[k]!;
  const table = aliasTable(Float64Array.from(weights, (weight) => weight / sum));
  const first = weights[0]! / sum;
  const grown = (shift: number): number => (shift * Math.sqrt(first * (1 - first))) / (1 - first);
  return {
    kind: "categorical",
    draw: (random, shift) => (shift !== 0 && uniform(random) < grown(shift) ? 0 : drawLevel(random, table)),
    ...rest,
  };
}

const zipf = (exponent: number): ColumnShape => categories(Float64Array.from({ length: 50_000 }, (_, k) => (k + 1) ** -exponent));
const equal = (count: number): ColumnShape => categories(new Float64Array(count).fill(1));
const lognormal = (s: number): ColumnShape => numeric((random, shift) => Math.exp(s * (normal(random) + shift)));
const poissonOf = (mean: number): ColumnShape => numeric((random, shift) => poisson(random, mean + shift * Math.sqrt(mean)));
const binary = (p: number): ColumnShape => numeric((random, shift) => +(uniform(random) < p + shift * Math.sqrt(p * (1 - p))));
/** A category of probability p: the first. */
const flag = (p: number): ColumnShape => categories([p, 1 - p]);
/** Zeros, and exp(z) for the others; a shift multiplies these. */
const inflated = (zeros: number): ColumnShape => {
  const mean = (1 - zeros) * Math.exp(0.5);
  const deviation = Math.sqrt((1 - zeros) * Math.exp(2) - mean * mean);
  return numeric((random, shift) => (uniform(random) < zeros ? 0 : Math.exp(normal(random)) * (1 + (shift * deviation) / mean)));
};

/** Every shape by name. */
export const COLUMN_SHAPES = {
  normal: numeric((random, shift) => normal(random) + shift),
  "lognormal s=1": lognormal(1),
  "lognormal s=2": lognormal(2),
  "lognormal s=3": lognormal(3),
  "Student t2": numeric((random, shift) => t2(random) + 1.21 * shift),
  Cauchy: numeric((random, shift) => cauchy(random) + 1.48 * shift),
  exponential: numeric((random, shift) => exponential(random) + shift),
  uniform: numeric((random, shift) => uniform(random) + shift / Math.sqrt(12)),
  "Poisson .5": poissonOf(0.5),
  "Poisson 3": poissonOf(3),
  "Poisson 60": poissonOf(60),
  "Poisson 5000": poissonOf(5000),
  "binary .5": binary(0.5),
  "binary .1": binary(0.1),
  "binary .01": binary(0.01),
  "binary .001": binary(0.001),
  constant: numeric((_, shift) => 7 + shift),
  "zeros 40 %": inflated(0.4),
  "zeros 95 %": inflated(0.95),
  "prices, 2 digits": numeric((random, shift) => rounded(Math.exp(1 + normal(random) + shift), 2)),
  "prices ending in .99": numeric(
    (random, shift) => Math.floor(Math.exp(3 + 0.7 * (normal(random) + shift))) + (uniform(random) < 0.7 ? 0.99 : 0.5),
  ),
  "scores, 1 digit": numeric((random, shift) => rounded(normal(random) + shift, 1)),
  "integers in steps of 5": numeric((random, shift) => 5 * Math.round(8 + 3 * (normal(random) + shift))),
  "20 equal integers": numeric((random, shift) => Math.floor(20 * uniform(random) + shift * 5.77)),
  "300 equal integers": numeric((random, shift) => Math.floor(300 * uniform(random) + shift * 86.6)),
  "whole numbers, long tail": numeric((random, shift) => Math.floor(Math.exp(1.5 * (normal(random) + shift)) * 3)),
  "float32 reference": numeric((random, shift) => rounded(normal(random) + shift, 1), { float32: "reference" }),
  "float32 current": numeric((random, shift) => rounded(normal(random) + shift, 1), { float32: "current" }),
  "missing 30 %": numeric((random, shift) => normal(random) + shift, { missing: 0.3 }),
  "3 categories": categories([5, 3, 2]),
  "12 skewed categories": categories(Float64Array.from({ length: 12 }, (_, k) => 0.5 ** k)),
  "20 equal categories": equal(20),
  "80 equal categories": equal(80),
  "120 equal categories": equal(120),
  "2,000 equal categories": equal(2000),
  "flag .01": flag(0.01),
  "Zipf 1.1": zipf(1.1),
  "Zipf 1.3": zipf(1.3),
  "Zipf 1.5": zipf(1.5),
} as const satisfies Readonly<Record<string, ColumnShape>>;

export type ColumnName = keyof typeof COLUMN_SHAPES;
