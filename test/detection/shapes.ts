/**
 * What a simulated feature can look like: a finite list of levels (values in ascending order, or categories) and the probability of each under a
 * location and a scale. A continuous distribution is cut into levels of 1/1024 of its mass, finer and finer in the tails: four to a fine bin of
 * the reference, so that its edges scatter as they do on real numbers. Location and scale are those of a latent normal (or t) variable, in sd.
 */

import { normalIsf, normalSf } from "../../detectors/index.ts";
import { type AliasTable, aliasTable } from "./random.ts";

export type Shape = {
  readonly kind: "numeric" | "categorical";
  readonly levels: number;
  /** Numeric: the value of each level, ascending. */
  readonly values: Float64Array;
  /** No value comes twice in real data of this shape: it has no lattice. */
  readonly continuous: boolean;
  /** The level of the value 0 (numeric), which the fault `zeros` writes. */
  readonly zero: number;
  /** Fills `out` with the probability of each level. */
  readonly probabilities: (location: number, scale: number, out: Float64Array) => void;
};

const MIDDLE = 1024;
/** Each outermost level of the middle is halved so often. */
const HALVINGS = 20;
/** Levels are cut for a latent sd a little wider than 1, since locations move. */
const WIDTH = 1.1;

/** Upper tail probabilities of the borders between levels, descending from near 1: equal steps, then halves in both tails. */
const BORDER_SF: readonly number[] = [
  ...Array.from({ length: HALVINGS }, (_, i) => 1 - 2 ** -(HALVINGS - i) / MIDDLE),
  ...Array.from({ length: MIDDLE - 1 }, (_, i) => 1 - (i + 1) / MIDDLE),
  ...Array.from({ length: HALVINGS }, (_, i) => 2 ** -(i + 1) / MIDDLE),
];

/** A monotone image of a latent variable with survival function `sf`: value = image(latent). `atom`: all latent values below it are one level. */
function continuousShape(options: {
  readonly isf: (q: number) => number;
  readonly sf: (x: number) => number;
  readonly image?: (latent: number) => number;
  readonly atom?: number;
}): Shape {
  const { isf, sf, image = (x: number) => x, atom = Number.NEGATIVE_INFINITY } = options;
  const all = BORDER_SF.map((q) => WIDTH * isf(q));
  const borders = Float64Array.from(atom > Number.NEGATIVE_INFINITY ? [atom, ...all.filter((x) => x > atom)] : all);
  const levels = borders.length + 1;
  const values = new Float64Array(levels);
  for (let i = 0; i < levels; i++) {
    const below = i === 0 ? borders[0]! - (borders[1]! - borders[0]!) : borders[i - 1]!;
    const above = i === levels - 1 ? borders[i - 1]! + (borders[i - 1]! - borders[i - 2]!) : borders[i]!;
    values[i] = image((below + above) / 2);
  }
  if (atom > Number.NEGATIVE_INFINITY) values[0] = 0;
  return {
    kind: "numeric",
    levels,
    values,
    continuous: atom === Number.NEGATIVE_INFINITY,
    zero: values.findIndex((value) => value >= 0),
    probabilities: (location, scale, out) => {
      let left = 1;
      for (let i = 0; i < borders.length; i++) {
        const right = sf((borders[i]! - location) / scale);
        out[i] = Math.max(0, left - right);
        left = right;
      }
      out[levels - 1] = left;
    },
  };
}

/** Categories with p_k ∝ weight_k · exp(location · c_k): the mix moves with the location; the scale is not used. */
function categoricalShape(weights: Float64Array): Shape {
  const levels = weights.length;
  return {
    kind: "categorical",
    levels,
    values: new Float64Array(levels),
    continuous: false,
    zero: 0,
    probabilities: (location, _scale, out) => {
      let sum = 0;
      for (let k = 0; k < levels; k++) {
        out[k] = weights[k]! * Math.exp(location * Math.cos(2 * Math.PI * k * 0.381966));
        sum += out[k]!;
      }
      for (let k = 0; k < levels; k++) out[k] = out[k]! / sum;
    },
  };
}

/** Upper tail of Student's t with two degrees of freedom, and its inverse, in closed form. */
const t2Sf = (x: number): number => (x >= 0 ? 1 / (2 + x * x + x * Math.sqrt(2 + x * x)) : 1 - t2Sf(-x));
const t2Isf = (q: number): number => (1 - 2 * q) / Math.sqrt(2 * q * (1 - q));

const zipf = (levels: number, exponent: number): Float64Array => Float64Array.from({ length: levels }, (_, k) => (k + 1) ** -exponent);

const MAKERS = {
  normal: () => continuousShape({ isf: normalIsf, sf: normalSf }),
  /** Student's t with two degrees of freedom: no variance. */
  t2: () => continuousShape({ isf: t2Isf, sf: t2Sf }),
  /** exp(2 z). */
  lognormal: () => continuousShape({ isf: normalIsf, sf: normalSf, image: (z) => Math.exp(2 * z) }),
  /** 40 % zeros, or 95 %, the others exp(z). */
  zeros40: () => continuousShape({ isf: normalIsf, sf: normalSf, image: Math.exp, atom: normalIsf(0.6) }),
  zeros95: () => continuousShape({ isf: normalIsf, sf: normalSf, image: Math.exp, atom: normalIsf(0.05) }),
  /** Eight categories of some 30 % to 5 %. */
  category: () => categoricalShape(zipf(8, 0.9)),
  /** Twenty thousand categories by Zipf's law with exponent 1.2: new ones turn up for ever. */
  zipf: () => categoricalShape(zipf(20_000, 1.2)),
} as const;

export type ShapeName = keyof typeof MAKERS;

const LOCATION_STEP = 0.01;
/** Locations reach ±20 sd. */
const LOCATIONS = 4001;

/** A shape with its alias tables, made at first use. Locations are rounded to .01 sd. */
export type DrawnShape = {
  readonly shape: Shape;
  readonly at: (location: number, scale: number) => AliasTable;
  /** The table of the groups instead of the levels: a hundredth of the memory, so that a draw finds it in the cache. */
  readonly groupedAt: (location: number, scale: number, grouping: Grouping) => AliasTable;
};

/** Levels that are counted together: the group of each level, and the tables of the groups' shares. */
export type Grouping = {
  readonly groups: Uint16Array;
  readonly size: number;
  /** Each group is its own place. */
  readonly identity: Uint16Array;
  readonly tables: Map<number, (AliasTable | undefined)[]>;
};

/** Of `size` groups. */
export function createGrouping(groups: Uint16Array, size: number): Grouping {
  return { groups, size, identity: Uint16Array.from({ length: 2 ** Math.ceil(Math.log2(size)) }, (_, i) => i), tables: new Map() };
}

const drawn = new Map<ShapeName, DrawnShape>();

/** The shape of that name; its tables are shared by all features. */
export function shapeOf(name: ShapeName): DrawnShape {
  let found = drawn.get(name);
  if (found === undefined) {
    found = drawnShape(MAKERS[name]());
    drawn.set(name, found);
  }
  return found;
}

function drawnShape(shape: Shape): DrawnShape {
  const byScale = new Map<number, (AliasTable | undefined)[]>();
  const shares = new Map<number, (Float64Array | undefined)[]>();

  /** What stands for a location and a scale, made once. */
  function kept<T>(all: Map<number, (T | undefined)[]>, location: number, scale: number, make: (rounded: number) => T): T {
    let row = all.get(scale);
    if (row === undefined) {
      row = new Array(LOCATIONS).fill(undefined);
      all.set(scale, row);
    }
    const step = Math.round(location / LOCATION_STEP);
    const place = step + (LOCATIONS - 1) / 2;
    row[place] ??= make(step * LOCATION_STEP);
    return row[place];
  }

  function sharesAt(location: number, scale: number): Float64Array {
    const out = new Float64Array(shape.levels);
    shape.probabilities(location, scale, out);
    return out;
  }

  return {
    shape,
    at: (location, scale) => kept(byScale, location, scale, (rounded) => aliasTable(sharesAt(rounded, scale))),
    groupedAt: (location, scale, { groups, size, tables }) =>
      kept(tables, location, scale, (rounded) => {
        const levels = kept(shares, rounded, scale, () => sharesAt(rounded, scale));
        const grouped = new Float64Array(size);
        for (let level = 0; level < levels.length; level++) grouped[groups[level]!]! += levels[level]!;
        return aliasTable(grouped);
      }),
  };
}
