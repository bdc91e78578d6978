/**
 * Natural logarithm of the gamma function, and the two expansions that the incomplete gamma function shares with it.
 *
 * Our own because `1 - cdf` of the usual packages cancels: every upper tail here is computed directly.
 */

/** ln(2 pi) / 2. */
const HALF_LN_TWO_PI = 0.9189385332046728;

/** B(2k) / (2k (2k - 1)), k = 1 … 8: Stirling's series; from 10 on the first term left out is below 1e-17. */
const STIRLING = [
  0.08333333333333333, -0.002777777777777778, 0.0007936507936507937, -0.0005952380952380953, 0.0008417508417508417, -0.0019175269175269174,
  0.00641025641025641, -0.029550653594771242,
] as const;
const STIRLING_FROM = 10;

/** 1 - Euler's constant. */
const ONE_MINUS_GAMMA = 0.42278433509846713;

/** (-1)^k (zeta(k) - 1) / k, k = 2 … 31: the Taylor series of ln Gamma(2 + a); at |a| = 0.5 the last term is below 1e-20. */
const TAYLOR = [
  0.3224670334241132, -0.06735230105319809, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234, -0.001192753911703261,
  0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-5, -4.492623673813314e-5, 2.050721277567069e-5, -9.439488275268397e-6,
  4.374866789907488e-6, -2.039215753801366e-6, 9.55141213040742e-7, -4.492469198764566e-7, 2.1207184805554667e-7, -1.00432248239681e-7,
  4.7698101693639804e-8, -2.2711094608943164e-8, 1.0838659214896955e-8, -5.183475041970047e-9, 2.4836745438024785e-9,
  -1.1921401405860912e-9, 5.731367241678862e-10, -2.7595228851242334e-10, 1.330476437424449e-10, -6.4229645638381e-11,
  3.1044247747322276e-11, -1.5021384080754142e-11,
] as const;

/** ln Gamma(2 + a) for |a| <= 0.5, relative error about 1e-16 also at a = 0, where it is 0 (DLMF 5.7.3). */
function lnGammaNearTwo(a: number): number {
  let sum = 0;
  for (let k = TAYLOR.length - 1; k >= 0; k--) sum = (sum + TAYLOR[k]!) * a;
  return a * (ONE_MINUS_GAMMA + sum);
}

/** ln Gamma(1 + a) for a in [-0.5, 10): accurate near 0, where it is 0 too, and where 1 + a would round. */
export function lnGammaOnePlus(a: number): number {
  if (a <= 0.5) return lnGammaNearTwo(a) - Math.log1p(a);
  let product = 1;
  let x = a - 1;
  while (x > 0.5) {
    product *= 1 + x;
    x -= 1;
  }
  return lnGammaNearTwo(x) + Math.log(product);
}

/** Stirling's correction ln Gamma(x) - [(x - 1/2) ln x - x + ln(2 pi)/2], for x >= 10. */
export function stirlingCorrection(x: number): number {
  const inverseSquare = 1 / (x * x);
  let sum = 0;
  for (let k = STIRLING.length - 1; k >= 0; k--) sum = sum * inverseSquare + STIRLING[k]!;
  return sum / x;
}

/**
 * Natural logarithm of the gamma function of a positive number.
 *
 * Relative error below 1e-14 for x from 1e-300 to 1e300, near the zeros at 1 and 2 as well. Throws a RangeError unless x is positive and
 * finite.
 *
 * Source: DLMF 5.7.3 (Taylor), 5.11.1 (Stirling). Example: `lnGamma(10)` is `12.801827480081469` (ln 9!).
 */
export function lnGamma(x: number): number {
  if (!(x > 0 && x < Infinity)) throw new RangeError(`lnGamma requires a positive, finite number, got ${x}`);
  if (x >= STIRLING_FROM) return (x - 0.5) * Math.log(x) - x + HALF_LN_TWO_PI + stirlingCorrection(x);
  if (x < 0.5) return lnGammaOnePlus(x) - Math.log(x);
  return lnGammaOnePlus(x - 1);
}
