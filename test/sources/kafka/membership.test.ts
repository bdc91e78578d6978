import type { Admin } from "kafkajs";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { noMetrics } from "../../../src/metrics/metrics.ts";
import { createMembership } from "../../../src/sources/kafka/membership.ts";
import { withDefaults } from "../../../src/sources/kafka/options.ts";
import { createTopicStates } from "../../../src/sources/kafka/partitions.ts";
import type { SourceHandler } from "../../../src/sources/source.ts";

/** A topic with `partitions` and a group with `members`, both as the test changes them; NaN members: the group may not be described. */
function setUp() {
  const world = { partitions: 4, members: 1, generation: 1 };
  const foreign: boolean[] = [];
  const told: string[] = [];
  const handler = {
    onPartitions: (_source: string, all: readonly number[], assigned: readonly number[]) =>
      told.push(`${assigned.join()} of ${all.join()}`),
    onForeignMember: (_source: string, present: boolean) => foreign.push(present),
  } as unknown as SourceHandler;
  const admin = {
    fetchTopicMetadata: async () => ({
      topics: [{ name: "t", partitions: Array.from({ length: world.partitions }, (_, partitionId) => ({ partitionId })) }],
    }),
    describeGroups: async () => {
      if (Number.isNaN(world.members)) throw new Error("not authorized");
      return { groups: [{ members: Array.from({ length: world.members }) }] };
    },
  } as unknown as Admin;
  const settings = withDefaults({
    brokers: [],
    clientId: "c",
    topics: ["t"],
    groupId: "g",
    clock: systemClock,
    log: silentLog,
    metrics: noMetrics,
  });
  const topics = createTopicStates(["t"]);
  const membership = createMembership({ settings, topics, handler, admin, generation: () => world.generation });
  return { world, foreign, told, membership, topic: topics.get("t")! };
}

describe("membership", () => {
  it("tells all partitions of the topic and which are ours", async () => {
    const { membership, told, foreign } = setUp();
    await membership.refresh(false);
    membership.joined({ t: [2, 0, 3, 1] });
    await membership.refresh(true);
    expect(told).toEqual([" of 0,1,2,3", "0,1,2,3 of 0,1,2,3", "0,1,2,3 of 0,1,2,3"]);
    expect(foreign).toEqual([]);
  });

  it("tells of a foreign member at once when partitions are missing, and of its leaving with fresh metadata only", async () => {
    const { membership, foreign, world } = setUp();
    await membership.refresh(false);
    membership.joined({ t: [0, 1, 2, 3] });
    world.members = 2;
    membership.joined({ t: [0, 2] });
    expect(foreign).toEqual([true]);
    await membership.refresh(true);
    membership.joined({ t: [0, 1, 2, 3] });
    expect(foreign).toEqual([true]);
    world.members = 1;
    await membership.refresh(true);
    expect(foreign).toEqual([true, false]);
  });

  it("takes new partitions that nobody has yet for new, not for foreign", async () => {
    const { membership, foreign, world } = setUp();
    await membership.refresh(false);
    membership.joined({ t: [0, 1, 2, 3] });
    world.partitions = 6;
    await membership.refresh(true);
    expect(foreign).toEqual([]);
  });

  it("takes missing partitions for foreign when the group may not be described", async () => {
    const { membership, foreign, world } = setUp();
    world.members = Number.NaN;
    await membership.refresh(false);
    membership.joined({ t: [0, 1] });
    await membership.refresh(true);
    expect(foreign).toEqual([true]);
  });

  it("forgets an answer that belongs to an older membership", async () => {
    const { membership, foreign, world } = setUp();
    await membership.refresh(false);
    membership.joined({ t: [0, 2] });
    const late = membership.refresh(true);
    world.generation++;
    await late;
    expect(foreign).toEqual([true]);
  });
});
