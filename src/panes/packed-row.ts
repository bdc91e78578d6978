/** A row of counts that is kept for a window's length: as narrow as its largest count allows, or only its occupied slots when they are few. */

export type Counts = Uint8Array | Uint16Array | Uint32Array;

/** `slots` undefined: `counts[i]` is the count of slot i; else of slot `slots[i]`. */
export type PackedRow = { readonly slots: Uint32Array | undefined; readonly counts: Counts };

/** Packs a copy of the row. */
export function packRow(row: Uint32Array): PackedRow {
  let largest = 0;
  let occupied = 0;
  for (let i = 0; i < row.length; i++) {
    const count = row[i]!;
    if (count === 0) continue;
    occupied++;
    if (count > largest) largest = count;
  }
  const width = largest <= 0xff ? 1 : largest <= 0xffff ? 2 : 4;
  if (occupied * (4 + width) >= row.length * width) {
    const counts = newCounts(width, row.length);
    counts.set(row); // every count fits the width
    return { slots: undefined, counts };
  }
  const slots = new Uint32Array(occupied);
  const counts = newCounts(width, occupied);
  let at = 0;
  for (let i = 0; i < row.length; i++) {
    const count = row[i]!;
    if (count === 0) continue;
    slots[at] = i;
    counts[at++] = count;
  }
  return { slots, counts };
}

/** Adds the row `times` times (1 or −1) to `sum`. */
export function addRow(sum: Uint32Array | Float64Array, { slots, counts }: PackedRow, times: 1 | -1): void {
  if (slots === undefined) for (let i = 0; i < counts.length; i++) sum[i]! += times * counts[i]!;
  else for (let i = 0; i < counts.length; i++) sum[slots[i]!]! += times * counts[i]!;
}

function newCounts(width: 1 | 2 | 4, length: number): Counts {
  return width === 1 ? new Uint8Array(length) : width === 2 ? new Uint16Array(length) : new Uint32Array(length);
}
