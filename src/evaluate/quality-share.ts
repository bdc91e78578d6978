/**
 * When a share of bad values is a finding: it has grown by the policy's least growth and beyond what chance does. Pure arithmetic.
 *
 * Growth is tested on the arcsine scale, `z = (arcsine(c, n) − arcsine(r, m)) / sqrt(1/n + 1/m)` (Anscombe 1948), against a tolerated share by
 * the Chernoff–Hoeffding bound `P(X ≥ b) ≤ exp(−n·KL(b/n ‖ t))` for b/n > t (Hoeffding, "Probability Inequalities for Sums of Bounded Random
 * Variables", JASA 58, 1963, theorem 1): never more false findings than the level states.
 */

import { arcsine } from "../../detectors/index.ts";
import type { Severity } from "../decide/alert.ts";

/** Fewer rows on either side say nothing about a share of 1 %. */
export const LEAST_ROWS = 30;
/** When more than this share of what is fine in the reference is bad now, it is critical: most of what the model gets is broken. */
const CRITICAL_SHARE = 0.5;

export type Side = { readonly count: number; readonly total: number };

/** How a share has to grow: by so much (0–1), and by so many standard deviations. */
export type Growth = { readonly least: number; readonly deviations: number };

/** The share of a side; 0 of nothing. */
export function shareOf({ count, total }: Side): number {
  return total > 0 ? count / total : 0;
}

/** Whether the share has grown; undefined: too few rows on a side to say. */
export function hasGrown(reference: Side, current: Side, growth: Growth): boolean | undefined {
  if (reference.total < LEAST_ROWS || current.total < LEAST_ROWS) return undefined;
  if (shareOf(current) - shareOf(reference) < growth.least) return false;
  const change = arcsine(current.count, current.total) - arcsine(reference.count, reference.total);
  return change / Math.sqrt(1 / current.total + 1 / reference.total) > growth.deviations;
}

/** The share from which on `hasGrown` says yes, for a window of so many rows; above 1: no share would. */
export function grownFrom(reference: Side, rows: number, growth: Growth): number {
  const least = shareOf(reference) + growth.least;
  const angle = arcsine(reference.count, reference.total) + growth.deviations * Math.sqrt(1 / rows + 1 / reference.total);
  if (angle >= Math.PI) return Math.max(least, 1 + 0.75 / rows);
  return Math.max(least, (Math.sin(angle / 2) ** 2 * (rows + 0.75) - 0.375) / rows);
}

/**
 * Whether more than the tolerated share (0–1) is broken, at the level `alpha`; undefined: too few rows to say. Nothing tolerated: one is
 * enough, however few rows there are.
 */
export function exceeds({ count, total }: Side, tolerated: number, alpha: number): boolean | undefined {
  if (tolerated === 0 && count > 0) return true;
  if (total < LEAST_ROWS) return undefined;
  const share = count / total;
  if (share <= tolerated) return false;
  const rest = share === 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - tolerated));
  return total * (share * Math.log(share / tolerated) + rest) > -Math.log(alpha);
}

/** How bad a failing share is, where the reference's own is `before`. */
export function severityOfShare(share: number, before = 0): Severity {
  return share - before > CRITICAL_SHARE * (1 - before) ? "critical" : "warning";
}
