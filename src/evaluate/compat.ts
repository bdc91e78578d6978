/**
 * The numbers of older tools beside ours: PSI, KL and Jensen–Shannon over their bins, with their way to fill empty ones. Shown to people who
 * migrate; they decide nothing. Where their edges are among ours (snapshots built with `--psi-bins`, features of few values) the counts are an exact
 * recount; else a bin that they cut is shared out by length, and the number is marked as not exact.
 */

import { jensenShannon, kl, psi, type Smoothing } from "../../detectors/index.ts";
import { isSingleton, nextUp } from "../reference/bins.ts";
import {
  between,
  createThirdMoment,
  cutsOf,
  decilePositions,
  doaneBins,
  equalWidths,
  openCutsOf,
  psiBinsName,
} from "../reference/compat-bins.ts";
import type { NumericFeature } from "../reference/snapshot.ts";
import type { CompatStatistics } from "./evaluation.ts";
import type { Look } from "./look.ts";
import type { Compat } from "./policy.ts";

type Psi = NonNullable<Compat["psi"]>;

/** Two count vectors over the bins of a tool, what they are called, and whether that tool would have counted the same. */
type Counted = {
  readonly reference: ArrayLike<number>;
  readonly current: ArrayLike<number>;
  readonly bins: string;
  readonly exact: boolean;
};

/**
 * What the policy's `compat` asks for, of one look at a feature; absent members do not apply. KL and Jensen–Shannon are over the bins that `psi` names,
 * else over our coarse ones; KL with the zero rule that `psi` names.
 */
export function compatStatistics(look: Look, compat: Compat | undefined): CompatStatistics | undefined {
  if (compat === undefined || (compat.psi === undefined && compat.kl === undefined && compat.js === undefined)) return undefined;
  const counted = countFor(look, compat.psi?.bins ?? { kind: "coarse" });
  if (counted === undefined) return undefined;
  const { bins, exact } = counted;
  // With a single bin both sides are alike: the detectors ask for two, and one that is empty on both sides counts for nothing.
  const single = counted.reference.length < 2;
  const reference = single ? [counted.reference[0] ?? 0, 0] : counted.reference;
  const current = single ? [counted.current[0] ?? 0, 0] : counted.current;
  const { smoothing, name } = zeroRule(compat.psi?.zero ?? { kind: "jeffreys" });
  const index = compat.psi && psi(reference, current, { smoothing });
  const divergence = compat.kl && kl(reference, current, { smoothing, direction: compat.kl.direction });
  const middle = compat.js && jensenShannon(reference, current, { base: compat.js.base, distance: compat.js.form === "distance" });
  return {
    ...(index === undefined ? {} : { psi: { value: index, zero: name, bins, exact } }),
    ...(divergence === undefined ? {} : { kl: { value: divergence, direction: compat.kl!.direction, zero: name, bins, exact } }),
    ...(middle === undefined ? {} : { jensen_shannon: { value: middle, base: compat.js!.base, form: compat.js!.form, bins, exact } }),
  };
}

function zeroRule(zero: Psi["zero"]): { readonly smoothing: Smoothing; readonly name: string } {
  if (zero.kind === "epsilon") return { smoothing: { epsilon: zero.value }, name: `epsilon:${zero.value}` };
  if (zero.kind === "floor") return { smoothing: { floor: zero.value }, name: `floor:${zero.value}` };
  return { smoothing: zero.kind, name: zero.kind };
}

/** The counts of both sides over the bins; undefined where the feature has none of that kind (`edges` by feature that name others). */
function countFor(look: Look, bins: Psi["bins"]): Counted | undefined {
  const { feature, expected, current } = look;
  // Ours, against the reference as it is expected at the window's hours: the same data as our own numbers.
  if (bins.kind === "coarse") return { reference: expected.counts, current, bins: "coarse", exact: true };
  const snapshot = feature.feature;
  if (snapshot.kind === "categorical") return countCategories(look, snapshot.unnamed ?? 0);
  const found = edgesOf(snapshot, bins);
  if (found === undefined) return undefined;
  const fine = look.row.subarray(look.offset, look.offset + feature.bins);
  const join = joinOf(snapshot.edges, found.edges, bins.kind);
  const cut = join.isCut(snapshot.counts) || join.isCut(fine);
  return { ...withoutEmptyEnds(join.regroup(snapshot.counts), join.regroup(fine)), bins: found.name, exact: found.exact && !cut };
}

/** Bins beyond the edges count where some value is in them: no tool has a bin there that both sides leave empty. */
function withoutEmptyEnds(reference: Float64Array, current: Float64Array): Pick<Counted, "reference" | "current"> {
  const isEmpty = (k: number): boolean => reference[k] === 0 && current[k] === 0;
  const from = isEmpty(0) ? 1 : 0;
  const to = isEmpty(reference.length - 1) ? reference.length - 1 : reference.length;
  return from < to ? { reference: reference.subarray(from, to), current: current.subarray(from, to) } : { reference, current };
}

/** Every category is a bin; what the snapshot does not name is one bin, where tools that keep raw values have one for each. */
function countCategories({ feature, row, offset }: Look, unnamed: number): Counted {
  const { bins } = feature;
  const unseen = row[offset + bins]!;
  const reference = Float64Array.from([...feature.feature.counts, unnamed]);
  return { reference, current: row.subarray(offset, offset + bins + 1), bins: "categories", exact: unnamed === 0 && unseen === 0 };
}

type Edges = { readonly edges: readonly number[]; readonly name: string; readonly exact: boolean };

/** The tool's edges: those of the snapshot, those given, or made of the fine bins, which is exact where these hold single values. */
function edgesOf(feature: NumericFeature, bins: Exclude<Psi["bins"], { readonly kind: "coarse" }>): Edges | undefined {
  if (bins.kind === "edges_by_feature") {
    const edges = Object.hasOwn(bins.edges, feature.feature) ? bins.edges[feature.feature] : undefined;
    return edges && { edges, name: "edges", exact: true };
  }
  if (bins.kind === "edges") return { edges: bins.edges, name: "edges", exact: true };
  const name = psiBinsName(bins.kind === "width" ? { kind: "width", bins: bins.bins } : { kind: bins.kind as "deciles" | "doane" });
  const stored = feature.psi_bins !== undefined && Object.hasOwn(feature.psi_bins, name) ? feature.psi_bins[name] : undefined;
  if (stored !== undefined) return { edges: stored, name, exact: true };
  if (feature.count === 0) return undefined;
  const min = feature.moments.min ?? nextUp(feature.edges[0]!);
  const max = feature.moments.max ?? feature.edges.at(-1)!;
  if (bins.kind === "width") return { edges: equalWidths(min, max, bins.bins), name, exact: true };
  const singles = feature.counts.every((count, j) => count === 0 || isSingleton(feature.edges, j));
  if (bins.kind === "doane") {
    const third = createThirdMoment();
    third.add(
      feature.counts.map((_, j) => pointOf(feature, j)),
      feature.counts,
    );
    return { edges: equalWidths(min, max, doaneBins(feature.count, min, max, third.skewness())), name, exact: singles };
  }
  return { ...decilesOf(feature, min), name };
}

function pointOf({ edges, means }: NumericFeature, j: number): number {
  if (j === 0) return edges[0]!;
  if (j === edges.length) return edges[j - 1]!;
  return isSingleton(edges, j) ? edges[j]! : (means?.[j] ?? edges[j - 1]! / 2 + edges[j]! / 2);
}

function decilesOf({ edges, counts, count }: NumericFeature, min: number): { readonly edges: number[]; readonly exact: boolean } {
  let exact = true;
  let bin = 0;
  let before = 0;
  const valueAt = (place: number): number => {
    while (bin < counts.length - 1 && before + counts[bin]! <= place) before += counts[bin++]!;
    const above = bin < edges.length ? edges[bin]! : edges.at(-1)!;
    if (isSingleton(edges, bin)) return above;
    // The first value of the reference is known, and so is the last of a bin: it is the bin's edge.
    if (place === 0) return min;
    if (place === before + counts[bin]! - 1) return above;
    exact = false;
    return between(edges[Math.max(0, bin - 1)]!, above, (place - before + 1) / counts[bin]!);
  };
  const list = decilePositions(count).map(({ below, above, t }) => {
    const from = valueAt(below);
    return t === 0 ? from : between(from, valueAt(above), t);
  });
  return { edges: list, exact };
}

/** From fine bins to a tool's bins: deciles are open on both sides, Doane's have one bin for both sides beyond, all others one for each. */
function joinOf(fine: readonly number[], edges: readonly number[], kind: Psi["bins"]["kind"]) {
  const cuts = kind === "deciles" ? openCutsOf(edges) : cutsOf(edges);
  const fold = kind === "doane" && cuts.length > 1 ? cuts.length : cuts.length + 1;
  // The first and the last of the tool's bins that each fine bin reaches into.
  const first = new Int32Array(fine.length + 1);
  const last = new Int32Array(fine.length + 1);
  let bin = 0;
  for (let j = 0; j <= fine.length; j++) {
    const below = j === 0 ? Number.NEGATIVE_INFINITY : fine[j - 1]!;
    const above = j === fine.length ? Number.POSITIVE_INFINITY : fine[j]!;
    while (bin < cuts.length && cuts[bin]! <= below) bin += 1;
    first[j] = bin;
    while (bin < cuts.length && cuts[bin]! < above) bin += 1;
    last[j] = bin;
  }
  return {
    regroup: (counts: ArrayLike<number>): Float64Array => {
      const out = new Float64Array(fold);
      for (let j = 0; j < counts.length; j++) {
        const [from, to] = [first[j]!, last[j]!];
        // Beyond the reference's range lengths mean nothing: all of it lies beside the range.
        if (from === to || j === 0 || j === fine.length) {
          out[(j === 0 ? to : from) % fold]! += counts[j]!;
          continue;
        }
        const [below, above] = [fine[j - 1]!, fine[j]!];
        for (let k = from; k <= to; k++) {
          const length = (k === to ? above : cuts[k]!) - (k === from ? below : cuts[k - 1]!);
          out[k % fold]! += counts[j]! * (length / (above - below));
        }
      }
      return out;
    },
    /** Whether some counted fine bin reaches into two bins of the tool. */
    isCut: (counts: ArrayLike<number>): boolean => first.some((from, j) => counts[j]! > 0 && from !== last[j]),
  };
}
