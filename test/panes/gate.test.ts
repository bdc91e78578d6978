import { describe, expect, it } from "vitest";
import { chunkOf, commit, createHandClock, createMapStore, MINUTE, message, openIngest, timing } from "./harness.ts";

const T0 = Date.UTC(2001, 0, 15, 10);
const SECOND = 1000;

/** Two partitions of one topic, read up to the given minutes after T0 (undefined: nothing came). */
function read(minutes: readonly (number | undefined)[], rest: Parameters<typeof openIngest>[1] = {}) {
  const clock = createHandClock();
  const store = createMapStore();
  const ingest = openIngest(store, { clock, ...rest });
  const partitions = minutes.map((_, partition) => partition);
  ingest.handler.onPartitions("kafka:t", partitions, partitions);
  const next = minutes.map(() => 0);
  const more = (partition: number, minute: number) => {
    // Ten records, so that the rule of ten believes the first of them.
    const from = next[partition] as number;
    const messages = Array.from({ length: 10 }, (_, i) => message(from + i, T0 + minute * MINUTE));
    ingest.handler.onChunk(chunkOf(messages, { partition }));
    next[partition] = from + 10;
  };
  const end = (partition: number) => ingest.handler.onEnd({ source: "kafka:t", partition }, next[partition] as number);
  minutes.forEach((minute, partition) => {
    if (minute !== undefined) more(partition, minute);
  });
  return { clock, store, ingest, more, end };
}

describe("a window ending at E may be evaluated", () => {
  it("when every partition has closed through E: the slowest decides, and is named", () => {
    const { ingest } = read([60, 30]);
    expect(ingest.gate()).toEqual({ throughMs: T0 + 20 * MINUTE, largestMs: T0 + 60 * MINUTE, blockedBy: ["kafka:t/1: behind"] });
  });

  it("never before the source has named its partitions", () => {
    const ingest = openIngest(createMapStore(), { sources: ["kafka:t"] });
    ingest.handler.onChunk(chunkOf(Array.from({ length: 10 }, (_, i) => message(i, T0))));
    expect(ingest.gate()).toMatchObject({ throughMs: undefined, blockedBy: ["kafka:t: no_partitions"] });
  });

  it("not while a partition of the topic is unread, assigned to us or not", () => {
    const { ingest } = read([60]);
    expect(ingest.gate().throughMs).toBe(T0 + 50 * MINUTE);
    ingest.handler.onPartitions("kafka:t", [0, 1], [0]);
    expect(ingest.gate()).toMatchObject({ throughMs: undefined, blockedBy: ["kafka:t/1: unread"] });
  });

  it("not while a foreign member is in the group, and again when it has left", () => {
    const { ingest } = read([60]);
    ingest.handler.onForeignMember("kafka:t", true);
    expect(ingest.gate()).toMatchObject({ throughMs: undefined, blockedBy: ["kafka:t: foreign_member"] });
    expect(ingest.foreignMembers()).toEqual(["kafka:t"]);
    ingest.handler.onForeignMember("kafka:t", false);
    expect(ingest.gate().throughMs).toBe(T0 + 50 * MINUTE);
  });

  it("as far as the store knows after the batch is stored", () => {
    const { ingest, store } = read([60]);
    expect(ingest.takeBatch()?.gate.throughMs).toBe(T0 + 50 * MINUTE);
    commit(ingest, store);
  });
});

describe("an idle partition", () => {
  it("leaves the gate once it is proven to be at its end and no record came for idle_timeout", () => {
    const { ingest, clock, end } = read([60, 30]);
    clock.move(2 * MINUTE);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE); // no proof: it may be lagging
    end(1);
    expect(ingest.gate()).toEqual({ throughMs: T0 + 50 * MINUTE, largestMs: T0 + 60 * MINUTE });
  });

  it("is not idle before idle_timeout", () => {
    const { ingest, clock, end } = read([60, 30]);
    clock.move(2 * MINUTE - 1);
    end(1);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE);
  });

  it("is not idle when its log has more: lagging never is", () => {
    const { ingest, clock } = read([60, 30]);
    clock.move(3 * MINUTE);
    ingest.handler.onEnd({ source: "kafka:t", partition: 1 }, 11);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE);
  });

  it("is not idle on an old proof: the broker may be down", () => {
    const { ingest, clock, end } = read([60, 30]);
    clock.move(2 * MINUTE);
    end(1);
    clock.move(31 * SECOND);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE);
  });

  it("is not idle on a proof that is older than its last record", () => {
    const { ingest, clock, end, more } = read([60, 30], { timing: { ...timing, idleTimeoutMs: 10 * SECOND } });
    end(1);
    clock.move(5 * SECOND);
    more(1, 31);
    clock.move(10 * SECOND);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE);
    end(1);
    expect(ingest.gate().throughMs).toBe(T0 + 50 * MINUTE);
  });

  it("is not idle when it is no longer ours", () => {
    const { ingest, clock, end } = read([60, 30]);
    clock.move(2 * MINUTE);
    end(1);
    ingest.handler.onPartitions("kafka:t", [0, 1], [0]);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE);
  });

  it("comes back with its next record", () => {
    const { ingest, clock, end, more } = read([60, 30]);
    clock.move(2 * MINUTE);
    end(1);
    more(1, 31);
    expect(ingest.gate().throughMs).toBe(T0 + 20 * MINUTE);
  });

  it("that never held a record does not hold the others back for ever", () => {
    const { ingest, clock, end } = read([60, undefined]);
    expect(ingest.gate().throughMs).toBeUndefined();
    clock.move(2 * MINUTE);
    end(1);
    expect(ingest.gate().throughMs).toBe(T0 + 50 * MINUTE);
  });

  it("when all are idle time stands at the largest event time", () => {
    const { ingest, clock, end } = read([60, 30]);
    clock.move(2 * MINUTE);
    end(0);
    end(1);
    expect(ingest.gate()).toEqual({ throughMs: T0 + 60 * MINUTE, largestMs: T0 + 60 * MINUTE });
    clock.move(10 * SECOND);
    expect(ingest.gate().throughMs).toBe(T0 + 60 * MINUTE);
  });
});

describe("a stall", () => {
  it("is the time since the gate last moved", () => {
    const { ingest, clock, more } = read([60, 30]);
    ingest.gate();
    clock.move(7 * MINUTE);
    expect(ingest.stalledForMs()).toBe(7 * MINUTE);
    more(1, 60);
    expect(ingest.stalledForMs()).toBe(0);
  });

  it("is none while every partition is idle", () => {
    const { ingest, clock, end } = read([60]);
    clock.move(20 * MINUTE);
    end(0);
    expect(ingest.stalledForMs()).toBe(0);
  });

  it("begins at the start when nothing can be read", () => {
    const { ingest, clock } = read([undefined]);
    clock.move(16 * MINUTE);
    expect(ingest.stalledForMs()).toBe(16 * MINUTE);
  });
});
