/**
 * What a fetch answered for one partition. Stands in for kafkajs's `Batch`, of which its runner needs the methods below; it is never
 * "empty", so that every answer reaches the handler: an empty one is the proof of where the log ends.
 */
import type { AbortedTransaction, RecordBatch } from "./record-batch.ts";

/** A message of the formats before Kafka 0.11, as kafkajs decodes it. */
export type LegacyMessage = { readonly offset: string; readonly timestamp: string; readonly value: Buffer | null };

/** kafkajs's decoded partition of a fetch response (the fields that are used). */
export type FetchedPartition = {
  readonly partition: number;
  readonly highWatermark: string;
  /** Absent before fetch version 4. */
  readonly lastStableOffset?: string;
  readonly abortedTransactions?: readonly AbortedTransaction[] | null;
  readonly messages: readonly (RecordBatch | LegacyMessage)[];
};

export type FetchAnswer = {
  readonly topic: string;
  readonly partition: number;
  /** The position that was asked for, and the end of the log, as kafkajs keeps them. */
  readonly fetchedOffset: string;
  readonly highWatermark: string;
  /** Records at or above it belong to transactions still open; not handed out yet. */
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly items: readonly (RecordBatch | LegacyMessage)[];
};

/** Makes the answer with the methods that kafkajs's runner calls. */
export function createFetchAnswer(topic: string, fetchedOffset: string, data: FetchedPartition) {
  const lastOffset = String(Number(fetchedOffset) - 1);
  return {
    topic,
    partition: data.partition,
    fetchedOffset,
    highWatermark: data.highWatermark,
    lastStableOffset: Number(data.lastStableOffset ?? data.highWatermark),
    aborted: data.abortedTransactions ?? [],
    items: data.messages,
    /** Positions are resolved by the handler; an empty list keeps kafkajs from guessing. */
    messages: [],
    isEmpty: () => false,
    isEmptyIncludingFiltered: () => false,
    isEmptyDueToFiltering: () => false,
    isEmptyControlRecord: () => false,
    isEmptyDueToLogCompactedMessages: () => false,
    firstOffset: () => fetchedOffset,
    lastOffset: () => lastOffset,
    offsetLag: () => String(Number(data.highWatermark) - Number(fetchedOffset)),
    offsetLagLow: () => String(Number(data.highWatermark) - Number(fetchedOffset)),
  } satisfies FetchAnswer & Record<string, unknown>;
}
