/** Upper tail of the hypergeometric distribution: Fisher's exact test of one bin. */
import { lnGamma } from "./ln-gamma.ts";
import { tailSum } from "./tail-sum.ts";

const lnChoose = (n: number, k: number): number => lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1);

/**
 * Chance that at least `x` of `drawn` rows are marked, drawn without replacement out of `total` rows of which `marked` are.
 *
 * With both samples in one heap it is the exact chance that a bin of `marked` pooled rows has so many of them in the current one: Fisher's
 * one-sided test, valid for any counts, however small. Relative error below 1e-8 for totals up to 1e7. Throws a RangeError unless all are
 * whole numbers with 0 <= marked, drawn <= total.
 * Source: Fisher, "Statistical Methods for Research Workers", 5th edition 1934, section 21.02.
 * Example: `hypergeometricSf(3, 3, 5, 10)` is `0.08333333333333333`.
 */
export function hypergeometricSf(x: number, marked: number, drawn: number, total: number): number {
  const whole = Math.floor(x) === x && Math.floor(marked) === marked && Math.floor(drawn) === drawn && Math.floor(total) === total;
  if (!(whole && marked >= 0 && drawn >= 0 && marked <= total && drawn <= total && total <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`hypergeometricSf requires whole numbers up to the total, got ${x}, ${marked}, ${drawn} of ${total}`);
  }
  const others = total - marked - drawn;
  return tailSum(x, {
    lowest: Math.max(0, -others),
    highest: Math.min(marked, drawn),
    mean: (marked * drawn) / Math.max(1, total),
    logAt: (k) => lnChoose(marked, k) + lnChoose(total - marked, drawn - k) - lnChoose(total, drawn),
    ratioAt: (k) => ((marked - k) / (k + 1)) * ((drawn - k) / (others + k + 1)),
  });
}
