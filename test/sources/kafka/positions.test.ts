import type { Admin, Consumer } from "kafkajs";
import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { noMetrics } from "../../../src/metrics/metrics.ts";
import { withDefaults } from "../../../src/sources/kafka/options.ts";
import { createTopicStates, partitionOf } from "../../../src/sources/kafka/partitions.ts";
import { createPositions } from "../../../src/sources/kafka/positions.ts";
import type { SourceHandler, Start } from "../../../src/sources/source.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const settle = async () => {
  for (let i = 0; i < 5; i++) await turn();
};

/** Two partitions of a topic; the log's ends, the handler's answers and the client's calls as the test wants them. */
function setUp(starts: readonly Start[]) {
  const world = { low: [5, 6], high: [50, 60], generation: 1, paused: false, failing: false, recreatedAt: "earliest" as Start };
  const calls: string[] = [];
  const slept: number[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => 1,
    sleep: async (ms) => {
      slept.push(ms);
      await turn();
    },
  };
  const on = (name: string) => (where: readonly { partitions?: readonly number[] }[]) => calls.push(`${name} ${where[0]?.partitions}`);
  const consumer = {
    pause: on("pause"),
    resume: on("resume"),
    seek: ({ partition, offset }: { partition: number; offset: string }) => calls.push(`seek ${partition} ${offset}`),
  } as unknown as Consumer;
  const offsets = () => [0, 1].map((partition) => ({ partition, low: String(world.low[partition]), high: String(world.high[partition]) }));
  const admin = {
    fetchTopicOffsets: async () => {
      calls.push("ask ends");
      if (world.failing) throw new Error("away");
      return offsets();
    },
    fetchTopicOffsetsByTimestamp: async (_topic: string, timestampMs: number) => {
      calls.push(`ask ${timestampMs}`);
      return [0, 1].map((partition) => ({ partition, offset: String(20 + partition) }));
    },
  } as unknown as Admin;
  const handler = {
    onAssign: ({ partition }: { partition: number }) => starts[partition],
    onRecreated: ({ partition }: { partition: number }) => {
      calls.push(`recreated ${partition}`);
      return world.recreatedAt;
    },
  } as unknown as SourceHandler;
  const topics = createTopicStates(["t"]);
  const states = [0, 1].map((partition) => Object.assign(partitionOf(topics.get("t")!, partition), { assigned: true }));
  const dropped = new AbortController();
  const positions = createPositions({
    settings: withDefaults({ brokers: [], clientId: "c", topics: ["t"], groupId: "g", clock, log: silentLog, metrics: noMetrics }),
    topics,
    handler,
    consumer,
    admin,
    paused: () => world.paused,
    dropped: dropped.signal,
    generation: () => world.generation,
    onTrouble: (error) => calls.push(`trouble ${error.message}`),
  });
  return { world, calls, slept, states, positions };
}

describe("positions", () => {
  it("seeks at once to positions that are known", () => {
    const { positions, states, calls } = setUp([{ offset: 7 }, { offset: 9 }]);
    positions.begin(states);
    expect(calls.slice(0, 4)).toEqual(["seek 0 7", "resume 0", "seek 1 9", "resume 1"]);
    expect(states.map(({ next, held }) => [next, held])).toEqual([[7, false], [9, false]]); // biome-ignore format: pairs
  });

  it.each<[string, Start, number[], string]>([
    ["earliest", "earliest", [5, 6], "ask ends"],
    ["latest", "latest", [50, 60], "ask ends"],
    ["a time", { timestampMs: 1_000 }, [20, 21], "ask 1000"],
  ])("holds partitions that begin at %s until one question is answered", async (_name, start, expected, question) => {
    const { positions, states, calls } = setUp([start, start]);
    positions.begin(states);
    expect(states.map(({ held }) => held)).toEqual([true, true]);
    await settle();
    expect(states.map(({ next, held }) => [next, held])).toEqual(expected.map((offset) => [offset, false]));
    expect(calls.filter((call) => call.startsWith("ask"))).toEqual([question]);
    expect(calls.slice(-4)).toEqual([`seek 0 ${expected[0]}`, "resume 0", `seek 1 ${expected[1]}`, "resume 1"]);
  });

  it("asks again when the brokers do not answer", async () => {
    const { positions, states, calls, world } = setUp(["earliest", { offset: 1 }]);
    world.failing = true;
    positions.begin(states);
    await settle();
    expect(calls).toContain("trouble away");
    expect(states[0]!.held).toBe(true);
    world.failing = false;
    await settle();
    expect(states[0]).toMatchObject({ next: 5, held: false });
  });

  it("drops an answer that comes after another join", async () => {
    const { positions, states, calls, world } = setUp(["earliest", { offset: 1 }]);
    positions.begin(states);
    world.generation++;
    await settle();
    expect(calls).not.toContain("seek 0 5");
  });

  it("keeps partitions paused that are assigned while the source is paused", () => {
    const { positions, states, calls, world } = setUp([{ offset: 7 }, { offset: 9 }]);
    world.paused = true;
    positions.begin(states);
    expect(calls).toEqual(["seek 0 7", "seek 1 9", "pause 0", "pause 1"]);
  });

  it("believes that a topic was recreated only when its end lies below the position twice", async () => {
    const { positions, states, calls, slept, world } = setUp([{ offset: 40 }, { offset: 40 }]);
    positions.begin(states);
    calls.length = 0;
    world.high = [3, 60];
    positions.doubt(states[0]!);
    await settle();
    expect(slept).toEqual([10_000]);
    expect(calls).toEqual(["pause 0", "ask ends", "ask ends", "recreated 0", "pause 0", "ask ends", "seek 0 5", "resume 0"]);
  });

  it("goes on at the position when the end was only late", async () => {
    const { positions, states, calls } = setUp([{ offset: 40 }, { offset: 40 }]);
    positions.begin(states);
    calls.length = 0;
    positions.doubt(states[0]!);
    await settle();
    expect(calls).toEqual(["pause 0", "ask ends", "seek 0 40", "resume 0"]);
  });

  it("believes it also when the new log has already grown past the position that the broker called out of range", async () => {
    const { positions, states, calls } = setUp([{ offset: 40 }, { offset: 40 }]);
    positions.begin(states);
    states[0]!.outOfRange = true;
    positions.doubt(states[0]!);
    await settle();
    expect(calls).toContain("recreated 0");
  });
});
