/** Sizes as people write them (`256KiB`, `10MiB`, `4MB`): text to bytes. `K`, `M` alone are refused, since they mean both. */

/** What a size looks like: also the `pattern` of the JSON Schema. */
export const sizePattern = /^\d+(B|kB|KB|MB|GB|KiB|MiB|GiB)$/;

const unitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Turns `10MiB` into 10,485,760. Returns undefined when the text is no size or is beyond 2^53 bytes. */
export function parseSize(text: string): number | undefined {
  const unit = sizePattern.exec(text)?.[1];
  if (unit === undefined) return undefined;
  const bytes = Number(text.slice(0, -unit.length)) * unitsBytes[unit]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
