/** What the source knows of its topics and partitions: plain state, read by status and metrics, written by the files beside this one. */

export type PartitionState = {
  readonly topic: string;
  /** `kafka:<topic>`. */
  readonly source: string;
  readonly partition: number;
  assigned: boolean;
  /** Its position is being looked up or doubted: nothing is read meanwhile. */
  held: boolean;
  /** The position after what was handed over; NaN while it is looked up. */
  next: number;
  /** The end of the log by the last answer; NaN before the first. */
  end: number;
  /** The end of what may be read (open transactions are held back); NaN before the first answer. */
  readable: number;
  /** The handler has been told the position with a chunk. */
  announced: boolean;
  /** The broker said that the position is outside the log. */
  outOfRange: boolean;
  /** Monotonic ms of the last progress, or of the last time there was nothing to make progress with. */
  progressMs: number;
  /** Transport time of the last record, epoch ms; NaN before the first. */
  timestampMs: number;
};

export type TopicState = {
  readonly topic: string;
  readonly source: string;
  readonly partitions: Map<number, PartitionState>;
  /** By the last metadata. */
  all: readonly number[];
  assigned: readonly number[];
  foreign: boolean;
  /** Since the last flush of the metrics. */
  records: number;
  bytes: number;
};

/** The state of all topics of one source. */
export function createTopicStates(topics: readonly string[]): ReadonlyMap<string, TopicState> {
  return new Map(
    topics.map((topic) => [
      topic,
      { topic, source: `kafka:${topic}`, partitions: new Map(), all: [], assigned: [], foreign: false, records: 0, bytes: 0 },
    ]),
  );
}

/** The partition's state, made when it is not there yet. */
export function partitionOf(topic: TopicState, partition: number): PartitionState {
  let state = topic.partitions.get(partition);
  if (state === undefined) {
    state = {
      topic: topic.topic,
      source: topic.source,
      partition,
      assigned: false,
      held: false,
      next: Number.NaN,
      end: Number.NaN,
      readable: Number.NaN,
      announced: false,
      outOfRange: false,
      progressMs: 0,
      timestampMs: Number.NaN,
    };
    topic.partitions.set(partition, state);
  }
  return state;
}

/** Every partition of every topic that is assigned to us. */
export function* assignedPartitions(topics: ReadonlyMap<string, TopicState>): Generator<PartitionState> {
  for (const topic of topics.values()) for (const state of topic.partitions.values()) if (state.assigned) yield state;
}
