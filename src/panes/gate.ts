/**
 * How far windows may be evaluated: a window ending at E is ready when every partition of every source has closed through E or is idle.
 * It moves no time: the largest event time of all partitions bounds it, so when all are idle, time stands still.
 */

import type { Clock } from "../lib/clock.ts";
import type { Partition } from "./partition.ts";
import type { Timing } from "./watermark.ts";

/** A proof that a log has no more records is this long worth something; a consumer gets a new one with every empty fetch. */
const PROOF_LASTS_MS = 30_000;

export type Gate = {
  /** Windows that end at or before this may be evaluated; undefined: none may. */
  readonly throughMs: number | undefined;
  /** What holds it back, as `source/partition: reason`; absent when nothing does. Reasons: unread, behind, no_partitions, foreign_member. */
  readonly blockedBy?: readonly string[];
  /** The largest event time of all partitions (of a finished one: the end of its last pane); −Infinity before the first record. */
  readonly largestMs: number;
};

type At = { readonly source: string; readonly partition: number };
type Seen = { recordMs: number; endMs: number };

export type GateKeeper = {
  readonly now: () => Gate;
  readonly stalledForMs: () => number;
  readonly foreignMembers: () => readonly string[];
  readonly setPartitions: (source: string, all: readonly number[], assigned: readonly number[]) => void;
  readonly setForeignMember: (source: string, present: boolean) => void;
  /** Records came for the partition. */
  readonly sawRecords: (at: At, monotonicMs: number) => void;
  /** The source proved that our position is the end of the partition's log. */
  readonly sawEnd: (at: At, monotonicMs: number) => void;
};

/** Keeps what is needed to answer; `partitions` are those with a state, read at each question. */
export function createGate(options: {
  readonly sources: readonly string[];
  readonly timing: Timing;
  readonly clock: Clock;
  readonly partitions: () => Iterable<Partition>;
}): GateKeeper {
  const { timing, clock } = options;
  /** By the topic's metadata; a source that is expected and has not spoken yet has no entry. */
  const known = new Map<string, { readonly all: readonly number[]; readonly assigned: ReadonlySet<number> }>();
  const seen = new Map<string, Seen>();
  const foreign = new Set<string>();
  let furthestMs = Number.NEGATIVE_INFINITY;
  let movedAtMs = clock.monotonicMs();

  function seenAt({ source, partition }: At): Seen {
    const key = `${partition} ${source}`;
    let entry = seen.get(key);
    if (entry === undefined) {
      // Idleness is measured from when we first heard of the partition.
      entry = { recordMs: clock.monotonicMs(), endMs: Number.NEGATIVE_INFINITY };
      seen.set(key, entry);
    }
    return entry;
  }

  function isIdle(at: At, assigned: ReadonlySet<number>, nowMs: number): boolean {
    if (!assigned.has(at.partition)) return false;
    const { recordMs, endMs } = seenAt(at);
    return nowMs - recordMs >= timing.idleTimeoutMs && nowMs - endMs <= PROOF_LASTS_MS && endMs >= recordMs;
  }

  function look(): Gate & { readonly waiting: boolean } {
    const nowMs = clock.monotonicMs();
    const states = new Map<string, Partition>();
    for (const state of options.partitions()) states.set(`${state.partition} ${state.source}`, state);
    let largestMs = Number.NEGATIVE_INFINITY;
    let closedMs = Number.POSITIVE_INFINITY;
    const blockedBy: string[] = [...foreign].map((source) => `${source}: foreign_member`);
    const behind: { name: string; throughMs: number }[] = [];
    for (const source of options.sources) if (!known.has(source)) blockedBy.push(`${source}: no_partitions`);
    for (const [source, { all, assigned }] of known) {
      for (const partition of all) {
        const state = states.get(`${partition} ${source}`);
        if (state !== undefined) largestMs = Math.max(largestMs, reachOf(state, timing.paneMs));
        if (state?.finished() || isIdle({ source, partition }, assigned, nowMs)) continue;
        const throughMs = state?.closedThroughMs() ?? Number.NEGATIVE_INFINITY;
        if (throughMs === Number.NEGATIVE_INFINITY) blockedBy.push(`${source}/${partition}: unread`);
        else behind.push({ name: `${source}/${partition}: behind`, throughMs });
        closedMs = Math.min(closedMs, throughMs);
      }
    }
    const blocked = blockedBy.length > 0 || known.size === 0;
    const throughMs = Math.min(closedMs, largestMs);
    // A partition holds the others back when some of them have closed more than it has.
    const aheadMs = Math.max(...behind.map((entry) => entry.throughMs));
    for (const entry of behind) if (entry.throughMs === closedMs && closedMs < aheadMs) blockedBy.push(entry.name);
    return {
      throughMs: blocked || throughMs === Number.NEGATIVE_INFINITY ? undefined : throughMs,
      ...(blockedBy.length === 0 ? {} : { blockedBy }),
      largestMs,
      waiting: blocked || behind.length > 0,
    };
  }

  function now(): Gate {
    const { waiting, ...gate } = look();
    const throughMs = gate.throughMs ?? Number.NEGATIVE_INFINITY;
    if (throughMs > furthestMs || !waiting) {
      furthestMs = Math.max(furthestMs, throughMs);
      movedAtMs = clock.monotonicMs();
    }
    return gate;
  }

  return {
    now,
    stalledForMs: () => {
      now();
      return clock.monotonicMs() - movedAtMs;
    },
    foreignMembers: () => [...foreign],
    setPartitions: (source, all, assigned) => {
      known.set(source, { all, assigned: new Set(assigned) });
      for (const partition of all) seenAt({ source, partition });
    },
    setForeignMember: (source, present) => {
      if (present) foreign.add(source);
      else foreign.delete(source);
    },
    sawRecords: (at, monotonicMs) => {
      seenAt(at).recordMs = monotonicMs;
    },
    sawEnd: (at, monotonicMs) => {
      seenAt(at).endMs = monotonicMs;
    },
  };
}

/** How far a partition lets time go: its maximum, or, when it has ended, the end of the pane of its maximum. */
function reachOf(state: Partition, paneMs: number): number {
  const maxMs = state.maxEventTimeMs();
  return state.finished() && maxMs !== Number.NEGATIVE_INFINITY ? (Math.floor(maxMs / paneMs) + 1) * paneMs : maxMs;
}
