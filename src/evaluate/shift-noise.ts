/**
 * How far healthy windows are from the rest of the reference, beyond what counting alone makes: mean and variance of the shift per row. The
 * windows overlap and the days are few, so the variance is not known but bounded: how well depends on how many windows are as good as
 * independent, and that can be seen in how much the daily means of the shift scatter. Pure arithmetic on `OwnWindows`.
 */

import { chi2Isf } from "../../detectors/index.ts";
import { DAY_MS } from "./cells.ts";
import type { OwnWindows } from "./own-windows.ts";

/** Upper 5 % point of the standard normal law. */
const Z_95 = 1.6448536269514722;

/** Noise between windows of the shift per row, φ = (G − df)/en, which is PSI-like. */
export type ShiftNoise = {
  readonly mu: number;
  /** Variance that a warning is held against, and the larger one of a critical verdict. */
  readonly v: number;
  readonly vCritical: number;
  /** Windows that are as good as independent. */
  readonly independent: number;
};

/**
 * Moments of φ over the reference's own windows of `lengthMs`, weighed by effective size: μ = max(0, Σ w φ), and of the variance what counting
 * does not explain, s² = Σ w [(φ − μ)² − (2 df + 4 en μ)/en²]. Its upper 95 % bound is s² (N − 1)/χ²₀.₀₅(N − 1) where N windows are independent.
 *
 * - Critical: N is the number of days (of windows, where they are longer), as if all windows of a day were one.
 * - Warning: N = s² / Var(mean φ), where the variance of the mean comes from the daily means (batch means); at least that number of days and at
 *   most as many windows as fit side by side. And at least 2 u², u = μ + 1.645 √Var(mean φ) the upper 95 % bound of the mean: that is the variance
 *   when a single cause moves all bins together (φ = μ χ²₁). Never more than for critical.
 *
 * Source: Rao and Scott 1984 (second-order correction); Satterthwaite 1946; Law and Carson 1979 (batch means). Measured: docs/detection.md.
 */
export function shiftNoise(own: OwnWindows, df: number, days: number, lengthMs: number): ShiftNoise {
  const { gs, en, dayAt } = own;
  const total = en.reduce((sum, size) => sum + size, 0);
  const byDay = new Map<number, { weight: number; sum: number }>();
  let mean = 0;
  for (let i = 0; i < gs.length; i++) {
    const phi = (gs[i]! - df) / en[i]!;
    const weight = en[i]! / total;
    mean += weight * phi;
    const day = byDay.get(dayAt[i]!) ?? { weight: 0, sum: 0 };
    day.weight += weight;
    day.sum += weight * phi;
    byDay.set(dayAt[i]!, day);
  }
  const mu = Math.max(0, mean);
  let spread = 0;
  for (let i = 0; i < gs.length; i++) {
    const size = en[i]!;
    const phi = (gs[i]! - df) / size;
    spread += (size / total) * ((phi - mu) * (phi - mu) - (2 * df + 4 * size * mu) / (size * size));
  }
  const variance = Math.max(0, spread);
  let between = 0;
  for (const { weight, sum } of byDay.values()) between += weight * (sum / weight - mu) ** 2;
  const ofMean = between / Math.max(1, byDay.size - 1);

  const least = Math.max(2, days / Math.max(1, lengthMs / DAY_MS));
  const most = Math.max(least, days / (lengthMs / DAY_MS));
  const independent = ofMean > 0 ? Math.min(most, Math.max(least, variance / ofMean)) : least;
  const vCritical = upper(variance, least);
  const bound = mu + Z_95 * Math.sqrt(ofMean);
  return { mu, v: Math.max(upper(variance, independent), Math.min(vCritical, 2 * bound * bound)), vCritical, independent };
}

/** The upper 95 % bound of a variance that was found in `n` independent values. */
function upper(variance: number, n: number): number {
  return (variance * (n - 1)) / chi2Isf(0.95, n - 1);
}
