/** What keeps a finite source within its range: a handler that sees nothing behind the end, and the chunk that only says a position. */

import type { Chunk, SourceHandler, SourcePartition } from "../source.ts";

/** The handler as reading sees it: nothing behind the end of a partition's range gets through. */
export function boundedHandler(to: SourceHandler, ends: ReadonlyMap<number, number>): SourceHandler {
  return {
    ...to,
    onEnd: () => {}, // the ends were fixed at the start
    onChunk: (chunk) => {
      const end = ends.get(chunk.partition) as number;
      if (chunk.next <= end || chunk.kind !== "bytes") return to.onChunk({ ...chunk, end });
      const forEach: typeof chunk.forEach = (visit) =>
        chunk.forEach((offset, timestampMs, bytes, start, stop) => {
          if (offset < end) visit(offset, timestampMs, bytes, start, stop);
        });
      to.onChunk({ ...chunk, asked: Math.min(chunk.asked, end), next: end, end, forEach });
    },
  };
}

/** A chunk without a record: it tells the position, and with it what was lost before it. */
export function emptyChunk({ source, partition }: SourcePartition, at: number, end: number): Chunk {
  return { source, partition, asked: at, next: at, end, kind: "bytes", format: "json", forEach: () => {} };
}
