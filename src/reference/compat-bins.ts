/**
 * The bins of older tools: their edges, as they would have frozen them on the reference, and the union of those edges with ours, from which their
 * counts are an exact recount. Only edges and counts; which number is made of them is `evaluate/compat.ts`.
 *
 * Their bins are `[a, b)`, as numpy's histogram has them, the last one `[a, b]`; ours are `(a, b]`. So their edge a is our cut `nextDown(a)`, and
 * their last edge is our cut itself.
 */

import { DriftdError } from "../lib/errors.ts";
import { type FineBins, nextDown } from "./bins.ts";

/** A tool's way to cut a numeric feature. */
export type PsiBins =
  | { readonly kind: "deciles" }
  | { readonly kind: "doane" }
  | { readonly kind: "width"; readonly bins: number }
  | { readonly kind: "edges"; readonly edges: readonly number[] };

/** Edge lists by the name of the bins: `deciles`, `width:20`, `doane`, `edges`. */
export type EdgeLists = Readonly<Record<string, readonly number[]>>;

const WIDTH_BINS_MAX = 999;

/** The name under which a snapshot keeps the edges. */
export function psiBinsName(bins: PsiBins): string {
  return bins.kind === "width" ? `width:${bins.bins}` : bins.kind;
}

/** Parses `deciles,width:20,doane,edges:[0,1.5,3]`. Throws USAGE. */
export function parsePsiBins(text: string): PsiBins[] {
  const parts = text.match(/[^,[\]]+(\[[^\]]*\])?/g) ?? [];
  if (parts.length === 0 || parts.join(",") !== text) throw misspelt(text, text);
  return parts.map((part) => {
    const colon = part.indexOf(":");
    const kind = (colon < 0 ? part : part.slice(0, colon)).trim().toLowerCase();
    const rest = colon < 0 ? undefined : part.slice(colon + 1).trim();
    if (rest === undefined && (kind === "deciles" || kind === "doane")) return { kind };
    if (rest !== undefined && kind === "width" && /^[1-9]\d{0,2}$/.test(rest)) return { kind, bins: Number(rest) };
    if (rest !== undefined && kind === "edges" && /^\[.*\]$/.test(rest)) {
      const words = rest.slice(1, -1).split(",");
      const edges = words.map(Number);
      const ascending = edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]!));
      if (ascending && words.every((word) => word.trim() !== "")) return { kind, edges };
    }
    throw misspelt(text, part);
  });
}

function misspelt(text: string, part: string): DriftdError {
  return new DriftdError("USAGE", `--psi-bins ${text}: ${part} is none of deciles, doane, width:N, edges:[…]`, {
    hint: "width:20 for twenty equal widths; edges ascend: edges:[0,10,100].",
  });
}

/** Finds edges in one pass over the reference's sorted distinct values. */
export type EdgeFinder = {
  /** Takes the next distinct finite values, ascending over all calls, each with its count. */
  readonly add: (values: ArrayLike<number>, counts: ArrayLike<number>) => void;
  readonly finish: () => EdgeLists;
};

/**
 * Edges of `total` values (at least one), as numpy gives them: deciles by `percentile` (linear between two values); equal widths by `linspace` from
 * minimum to maximum (a constant c: from c − ½ to c + ½); Doane's number of equal widths.
 */
export function createEdgeFinder(total: number, wanted: readonly PsiBins[]): EdgeFinder {
  const positions = wanted.some(({ kind }) => kind === "deciles") ? decilePositions(total) : [];
  const at = new Map<number, number>();
  const places = [...new Set(positions.flatMap(({ below, above }) => [below, above]))].sort((a, b) => a - b);
  let place = 0;
  let seen = 0;
  let min = Number.NaN;
  let max = Number.NaN;
  const third = createThirdMoment();
  const edgesOf = (bins: PsiBins): readonly number[] => {
    if (bins.kind === "edges") return bins.edges;
    if (bins.kind === "deciles") return positions.map(({ below, above, t }) => between(at.get(below)!, at.get(above)!, t));
    return equalWidths(min, max, bins.kind === "width" ? bins.bins : doaneBins(total, min, max, third.skewness()));
  };
  return {
    add: (values, counts) => {
      for (let i = 0; i < values.length; i++) {
        const value = values[i]! + 0;
        if (seen === 0) min = value;
        max = value;
        seen += counts[i]!;
        while (place < places.length && places[place]! < seen) at.set(places[place++]!, value);
      }
      third.add(values, counts);
    },
    finish: () => {
      const lists = wanted.map((bins) => [psiBinsName(bins), edgesOf(bins)] as const);
      // Widths of a range that is too wide for a double are no numbers.
      return Object.fromEntries(lists.filter(([, edges]) => edges.every(Number.isFinite)));
    },
  };
}

/** Where the deciles lie among `total` sorted values, the extremes included (Hyndman and Fan's type 7). */
export function decilePositions(total: number): { readonly below: number; readonly above: number; readonly t: number }[] {
  return Array.from({ length: 11 }, (_, k) => {
    const position = (total - 1) * (k / 10);
    const below = Math.floor(position);
    return { below, above: Math.min(total - 1, below + 1), t: position - below };
  });
}

/** numpy's interpolation: from the nearer end. */
export function between(a: number, b: number, t: number): number {
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

/** numpy's `linspace(min, max, bins + 1)`. */
export function equalWidths(min: number, max: number, bins: number): number[] {
  const [from, to] = min === max ? [min - 0.5, max + 0.5] : [min, max];
  const step = (to - from) / bins;
  return Array.from({ length: bins + 1 }, (_, k) => (k === bins ? to : k * step + from));
}

/**
 * Doane's number of bins for `total` values of this skewness g1: `ceil(1 + log2 m + log2(1 + |g1|/σ))`, σ² = 6(m − 2)/((m + 1)(m + 3)); 1 where it
 * cannot be told. Source: Doane, "Aesthetic Frequency Classifications", The American Statistician 30, 1976; in numpy's order of operations.
 */
export function doaneBins(total: number, min: number, max: number, skewness: number): number {
  if (total <= 2 || !(max > min) || !Number.isFinite(skewness)) return 1;
  const deviation = Math.sqrt((6 * (total - 2)) / ((total + 1) * (total + 3)));
  const width = (max - min) / (1 + Math.log2(total) + Math.log2(1 + Math.abs(skewness) / deviation));
  return Math.min(WIDTH_BINS_MAX, Math.max(1, Math.ceil((max - min) / width)));
}

/** Skewness of weighted values in blocks, merged by Pébay's formulas (Sandia report SAND2008-6212). */
export function createThirdMoment() {
  let n = 0;
  let mean = 0;
  let m2 = 0;
  let m3 = 0;
  return {
    add: (values: ArrayLike<number>, counts: ArrayLike<number>): void => {
      let count = 0;
      let sum = 0;
      const origin = values[0] ?? 0;
      for (let i = 0; i < values.length; i++) {
        count += counts[i]!;
        sum += counts[i]! * (values[i]! - origin);
      }
      if (count === 0) return;
      const blockMean = sum / count;
      let b2 = 0;
      let b3 = 0;
      for (let i = 0; i < values.length; i++) {
        const d = values[i]! - origin - blockMean;
        b2 += counts[i]! * d * d;
        b3 += counts[i]! * d * d * d;
      }
      const delta = origin + blockMean - mean;
      const all = n + count;
      m3 += b3 + (delta ** 3 * n * count * (n - count)) / (all * all) + (3 * delta * (n * b2 - count * m2)) / all;
      m2 += b2 + (delta * delta * n * count) / all;
      mean += (delta * count) / all;
      n = all;
    },
    /** g1 = (m3/n) / (m2/n)^1.5; NaN where there is no spread. */
    skewness: (): number => (m2 > 0 ? m3 / n / (m2 / n) ** 1.5 : Number.NaN),
  };
}

/** Our cuts for their edges: bin j is `(cuts[j-1], cuts[j]]`, with an open bin on each side. Equal edges are one. */
export function cutsOf(edges: readonly number[]): number[] {
  const last = edges.length - 1;
  const cuts = edges.map((edge, k) => (k === last ? edge : nextDown(edge)));
  return cuts.filter((cut, k) => k === 0 || cut > cuts[k - 1]!);
}

/** The same for bins that are open at the least and the greatest edge: `(−∞, e1)`, `[e1, e2)` …. */
export function openCutsOf(edges: readonly number[]): number[] {
  return [...new Set(edges)].slice(1, -1).map(nextDown);
}

/** Fine bins cut further, and the bin that each of them was a part of. */
export type United = Pick<FineBins, "edges" | "counts" | "means"> & { readonly parents: readonly number[] };

/**
 * Unites fine edges with the cuts of `lists`, and recounts: `add` takes the sorted distinct values once more. An atom stays whole, since its two
 * edges are neighbours; beyond the reference's range there may then be several empty bins, all of them parts of the outer two.
 */
export function createUnion(edges: readonly number[], lists: EdgeLists) {
  const cuts = Object.entries(lists).flatMap(([name, list]) => (name === "deciles" ? openCutsOf(list) : cutsOf(list)));
  const all = [...new Set([...edges, ...cuts])].sort((a, b) => a - b);
  const counts = new Array<number>(all.length + 1).fill(0);
  const origins = new Float64Array(all.length + 1);
  const sums = new Float64Array(all.length + 1);
  let bin = 0;
  return {
    add: (values: ArrayLike<number>, valueCounts: ArrayLike<number>): void => {
      for (let i = 0; i < values.length; i++) {
        const value = values[i]! + 0;
        while (bin < all.length && value > all[bin]!) bin += 1;
        if (counts[bin] === 0) origins[bin] = value;
        counts[bin]! += valueCounts[i]!;
        sums[bin]! += (value - origins[bin]!) * valueCounts[i]!;
      }
    },
    finish: (): United => {
      const parents: number[] = [];
      let parent = 0;
      for (const edge of all) {
        parents.push(parent);
        if (edge === edges[parent]) parent += 1;
      }
      parents.push(parent);
      const means = counts.map((count, j) => {
        if (count === 0) return null;
        const mean = origins[j]! + sums[j]! / count;
        return Number.isFinite(mean) ? mean : origins[j]! / 2 + all[j]! / 2;
      });
      return { edges: all, counts, means, parents };
    },
  };
}
