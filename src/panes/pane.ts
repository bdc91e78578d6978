/**
 * A pane: the counts of one slice of event time `[startMs, startMs + paneMs)` for one model, version and source partition.
 * Counts are integers, so panes add and subtract bit for bit; putting the same pane twice is the same pane.
 */

export type PaneKey = {
  readonly model: string;
  /** `""` when the records carry none. */
  readonly version: string;
  /** `""` until segments exist. */
  readonly segment: string;
  readonly source: string;
  readonly partition: number;
  /** Grows when a topic was recreated. */
  readonly epoch: number;
  /** `RowLayout.hash`. */
  readonly layout: string;
  readonly paneMs: number;
  readonly startMs: number;
};

export type Pane = {
  readonly key: PaneKey;
  /** Closed for good: no record will be counted into it any more. */
  readonly final: boolean;
  /** Something in it was lost (a gap in offsets, a recreated topic). */
  readonly incomplete: boolean;
  /** The partition's position when the pane was put: among several puts of a key the greatest holds. */
  readonly upto: number;
  /** Offsets of its records, half-open; both 0 when it has none. */
  readonly offsetFrom: number;
  readonly offsetTo: number;
  /** Records counted. */
  readonly records: number;
  /** Records of this model that came too late for a closed pane while this one was open. */
  readonly late: number;
  /** Records lost in a gap while this one was open. */
  readonly lost: number;
  /**
   * Records with an id, and those of them whose id had been seen before in this pane (estimated from a sample of ids where there are more than
   * 2^12). Absent: no id was looked at.
   */
  readonly ids?: SeenIds;
  /** The row: `RowLayout.slots` counts. */
  readonly counts: Uint32Array;
  /** `RowLayout.numeric` × `MOMENT_FIELDS`: count, mean, m2, min, max of the finite values (min, max are ±Infinity when count is 0). */
  readonly moments: Float64Array;
  /** driftd's version that counted it. */
  readonly driftd: string;
};

export type SeenIds = { readonly checked: number; readonly repeated: number };

/** The position of one source partition, moved only in one transaction with the panes that it stands for. */
export type Cursor = {
  readonly source: string;
  readonly partition: number;
  readonly epoch: number;
  /** Reading must begin here to rebuild open panes (a store that keeps open panes: = `processedThrough`). */
  readonly replayFrom: number;
  /** Every record below has been counted (or dropped and counted as dropped). */
  readonly processedThrough: number;
  /** Event time, epoch ms: every pane that ends at or before it is closed. `-Infinity` never appears: absent = nothing closed yet. */
  readonly closedThroughMs?: number;
  /** The largest accepted event time, epoch ms; absent before the first. */
  readonly maxEventTimeMs?: number;
  /** Collected event times more than `max_step` beyond the maximum. */
  readonly aheadMs: readonly number[];
  /** The finite source has ended. */
  readonly finished?: boolean;
};
