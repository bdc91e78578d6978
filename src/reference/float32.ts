/**
 * A table that was saved as float32 beside a reference that was not: 0.1 became 0.10000000149, which is no value of the reference. The other way
 * round needs no search: there the stream is rounded as the reference was (`round` of a snapshot).
 */

/**
 * The reference's value that rounds to the float32 `value`, or `value` itself where no edge does. Every edge is a value of the reference (or just below one), so a
 * value that keeps its side of every edge falls into the bin where it was before it was rounded. O(log edges).
 */
export function nearestFloat32Edge(edges: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = edges.length;
  // The first edge whose float32 is above the value: the one before it may be the value.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Math.fround(edges[middle]!) <= value) low = middle + 1;
    else high = middle;
  }
  const edge = low > 0 ? edges[low - 1]! : Number.NaN;
  return Math.fround(edge) === value ? edge : value;
}
