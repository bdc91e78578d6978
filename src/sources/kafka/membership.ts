/**
 * Which partitions exist, which are ours, and whether somebody else is in the group. Compared with fresh metadata and the group's own
 * list of members, so that partitions that have just been added do not look foreign.
 */
import type { Admin } from "kafkajs";
import type { SourceHandler } from "../source.ts";
import type { KafkaSettings } from "./options.ts";
import { partitionOf, type TopicState } from "./partitions.ts";

export type Membership = {
  /** After a join, synchronously. */
  readonly joined: (assignment: Readonly<Record<string, readonly number[]>>) => void;
  /** Asks for the metadata and tells the handler; `inGroup`: looks for foreign members too. Rejects with kafkajs's error. */
  readonly refresh: (inGroup: boolean) => Promise<void>;
};

export type MembershipOptions = {
  readonly settings: KafkaSettings;
  readonly topics: ReadonlyMap<string, TopicState>;
  readonly handler: SourceHandler;
  readonly admin: Admin;
  readonly generation: () => number;
};

export function createMembership({ settings, topics, handler, admin, generation }: MembershipOptions): Membership {
  const { log } = settings;
  const missing = (topic: TopicState) => topic.all.filter((partition) => !topic.assigned.includes(partition));
  const setForeign = (topic: TopicState, present: boolean) => {
    if (topic.foreign === present) return;
    topic.foreign = present;
    if (present)
      log.warn({ source: topic.source, group: settings.groupId, missing: missing(topic) }, "another member of the group holds partitions");
    else log.info({ source: topic.source, group: settings.groupId }, "all partitions are ours again");
    handler.onForeignMember(topic.source, present);
  };

  const joined: Membership["joined"] = (assignment) => {
    for (const topic of topics.values()) {
      topic.assigned = [...(assignment[topic.topic] ?? [])].sort((a, b) => a - b);
      topic.all = [...new Set([...topic.all, ...topic.assigned])].sort((a, b) => a - b);
      for (const partition of topic.assigned) partitionOf(topic, partition);
      for (const state of topic.partitions.values()) state.assigned = topic.assigned.includes(state.partition);
      // At once, for nothing may be judged meanwhile; the all-clear comes only with fresh metadata.
      if (missing(topic).length > 0) setForeign(topic, true);
      handler.onPartitions(topic.source, topic.all, topic.assigned);
    }
  };

  const refresh: Membership["refresh"] = async (inGroup) => {
    const mine = generation();
    const metadata = await admin.fetchTopicMetadata({ topics: [...topics.keys()] });
    if (mine !== generation()) return;
    for (const { name, partitions } of metadata.topics) {
      const topic = topics.get(name);
      if (topic === undefined) continue;
      topic.all = partitions.map(({ partitionId }) => partitionId).sort((a, b) => a - b);
      handler.onPartitions(topic.source, topic.all, topic.assigned);
    }
    if (!inGroup) return;
    const incomplete = [...topics.values()].some((topic) => missing(topic).length > 0);
    const alone = incomplete && (await countMembers()) === 1;
    if (mine !== generation()) return;
    for (const topic of topics.values()) setForeign(topic, missing(topic).length > 0 && !alone);
  };

  /** NaN when the group may not be described: what is missing is then taken for foreign, which judges nothing and loses nothing. */
  const countMembers = async (): Promise<number> => {
    try {
      const { groups } = await admin.describeGroups([settings.groupId]);
      return groups[0]?.members.length ?? Number.NaN;
    } catch {
      return Number.NaN;
    }
  };
  return { joined, refresh };
}
