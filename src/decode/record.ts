/**
 * What a decoder makes of one message: a record, or a code. A decoder is total: every input gives one or the other; it never throws.
 */

/** Why a message is no record (a subset of the reasons of `driftd_messages_dropped_total`). */
export type DecodeProblem = "decode_error" | "schema_error" | "no_timestamp" | "too_large" | "tombstone";

/**
 * A record, reused from call to call so that the hot path allocates nothing: read it during the turn, keep nothing of it but primitives.
 * A field that the message does not have is `undefined`.
 */
export type DecodedRecord = {
  /** Text, or a whole number below 2^53. */
  id: string | number | undefined;
  /** Undefined: the only configured model is meant. */
  model: string | undefined;
  /** `""` when the message has none. */
  version: string;
  /** Event time, epoch milliseconds UTC. */
  eventTimeMs: number;
  /** Own keys only are features; the prototype may be `Object.prototype`. */
  features: Readonly<Record<string, unknown>>;
  prediction: unknown;
  label: unknown;
  /** Other numbers of the record that are watched (`record.signals`), by name; an object without a prototype, the same for every record. */
  readonly signals: Record<string, unknown>;
  /**
   * Text of the whole number that stands at a key of `features` or in `prediction`, digit for digit: beyond 2^53 the number itself is rounded.
   * Undefined where nothing is rounded. Slow, as it reads the message again: ask only for such a number.
   */
  longInteger: ((from: "features" | "prediction", key: string) => string | undefined) | undefined;
};

/** Fills `into` from `bytes[start, end)`; returns undefined, or why there is no record. `timestampMs` is the transport's. */
export type BytesDecoder = (
  bytes: Buffer,
  start: number,
  end: number,
  timestampMs: number,
  into: DecodedRecord,
) => DecodeProblem | undefined;
/** The same for a row of a table. */
export type RowDecoder = (row: Readonly<Record<string, unknown>>, into: DecodedRecord) => DecodeProblem | undefined;

/** An empty record to decode into. */
export function newRecord(): DecodedRecord {
  return {
    ...{ id: undefined, model: undefined, version: "", eventTimeMs: Number.NaN },
    ...{ features: {}, prediction: undefined, label: undefined, longInteger: undefined },
    signals: Object.create(null) as Record<string, unknown>,
  };
}
