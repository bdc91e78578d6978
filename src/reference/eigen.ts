/**
 * Eigenvalues and eigenvectors of a symmetric matrix by the cyclic Jacobi method: slow for large matrices (some n³ × 10 steps), but short, as
 * exact as the numbers allow, and made of +, −, ×, ÷ and √ alone, so that every machine gives the same bits.
 */

/** `values` descending; `vectors[i]` is the unit vector of `values[i]`, its entry of the greatest size positive (the first of several). */
export type Eigen = { readonly values: readonly number[]; readonly vectors: readonly Float64Array[] };

/** Sweeps until the sum of the squares off the diagonal is nothing; convergence is quadratic, ten are plenty for any matrix. */
const MAX_SWEEPS = 60;

/**
 * Decomposes a symmetric matrix given by rows, `n × n` finite numbers; only its upper triangle is read. Throws a `RangeError` when the numbers are
 * not finite. Source: Golub and Van Loan, Matrix Computations (4th ed., 2013), section 8.5 (Jacobi methods, algorithm 8.5.1 for the angle).
 * Example: `[2, 1, 1, 2]`, n = 2 → values 3 and 1, vectors (1, 1)/√2 and (1, −1)/√2.
 */
export function symmetricEigen(matrix: ArrayLike<number>, n: number): Eigen {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      const value = matrix[i * n + j]!;
      if (!Number.isFinite(value)) throw new RangeError(`symmetricEigen: the matrix holds ${value}`);
      a[i * n + j] = value;
      a[j * n + i] = value;
    }
  }
  // Rows of v become the eigenvectors: both loops of a rotation then run along rows.
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < MAX_SWEEPS && rotateAll(a, v, n); sweep++);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]! || i - j);
  return { values: order.map((i) => a[i * n + i]!), vectors: order.map((i) => withSign(v.slice(i * n, (i + 1) * n))) };
}

/** One sweep over all pairs; false when every entry off the diagonal was too small to change the diagonal. */
function rotateAll(a: Float64Array, v: Float64Array, n: number): boolean {
  let rotated = false;
  for (let p = 0; p < n - 1; p++) {
    for (let q = p + 1; q < n; q++) {
      const apq = a[p * n + q]!;
      const app = a[p * n + p]!;
      const aqq = a[q * n + q]!;
      if (Math.abs(apq) <= Number.EPSILON * Math.sqrt(Math.abs(app * aqq)) || Math.abs(apq) < Number.MIN_VALUE / Number.EPSILON) {
        a[p * n + q] = 0;
        a[q * n + p] = 0;
        continue;
      }
      rotated = true;
      const tau = (aqq - app) / (2 * apq);
      const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
      const c = 1 / Math.sqrt(1 + t * t);
      const s = t * c;
      for (let k = 0; k < n; k++) {
        if (k === p || k === q) continue;
        const akp = a[p * n + k]!;
        const akq = a[q * n + k]!;
        const np = c * akp - s * akq;
        const nq = s * akp + c * akq;
        a[p * n + k] = np;
        a[k * n + p] = np;
        a[q * n + k] = nq;
        a[k * n + q] = nq;
      }
      a[p * n + p] = app - t * apq;
      a[q * n + q] = aqq + t * apq;
      a[p * n + q] = 0;
      a[q * n + p] = 0;
      for (let k = 0; k < n; k++) {
        const vp = v[p * n + k]!;
        const vq = v[q * n + k]!;
        v[p * n + k] = c * vp - s * vq;
        v[q * n + k] = s * vp + c * vq;
      }
    }
  }
  return rotated;
}

function withSign(vector: Float64Array): Float64Array {
  let most = 0;
  // A hair's breadth: equal entries differ by rounding, and the first of them shall decide on every machine.
  for (let i = 1; i < vector.length; i++) if (Math.abs(vector[i]!) > Math.abs(vector[most]!) * (1 + 1e-9)) most = i;
  return vector[most]! < 0 ? vector.map((entry) => -entry) : vector;
}
