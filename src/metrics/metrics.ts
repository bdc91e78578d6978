/**
 * What a stage may do to metrics. Implemented by `registry.ts` over prom-client; every name is a row of `catalog.ts`.
 * On the hot path a stage keeps plain numbers and flushes them once a chunk.
 */

export type Labels = Readonly<Record<string, string | number>>;

export type Metrics = {
  /** Adds `by` (default 1) to a counter. */
  readonly inc: (name: string, labels?: Labels, by?: number) => void;
  /** Sets a gauge; `value` must be finite: an absent value is `remove`d, never NaN. */
  readonly set: (name: string, labels: Labels, value: number) => void;
  /** Removes one series of a gauge or counter (a value that became absent, something that went away). */
  readonly remove: (name: string, labels: Labels) => void;
  /** Adds one observation to a histogram. */
  readonly observe: (name: string, labels: Labels, value: number) => void;
};

/** Metrics that go nowhere. */
export const noMetrics: Metrics = { inc: () => {}, set: () => {}, remove: () => {}, observe: () => {} };
