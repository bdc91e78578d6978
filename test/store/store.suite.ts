/** What every store must do. An implementation calls this with a way to open one, and to open the same one again. */

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { OPEN_STATUSES, REQUEST_STATUSES } from "../../src/decide/record.ts";
import type { Pane } from "../../src/panes/pane.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { RecordCount, Store } from "../../src/store/store.ts";
import { layoutOf } from "../panes/layouts.ts";
import { cursor, decision, episode, evaluation, layout, MINUTE, outboxMessage, pane, request, T0 } from "./rows.ts";

/** A place for one store: `open` opens it (again, after a close). */
export type StorePlace = { readonly open: () => Promise<Store>; readonly remove: () => Promise<void> };

/** Defines the tests. */
export function storeSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`a store: ${name}`, () => {
    let cleanUp: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const step of cleanUp.reverse()) await step();
      cleanUp = [];
    });

    async function place(): Promise<StorePlace> {
      const made = await makePlace();
      cleanUp.push(made.remove);
      return made;
    }

    async function opened(from?: StorePlace): Promise<Store> {
      const store = await (from ?? (await place())).open();
      cleanUp.push(store.close);
      return store;
    }

    async function with_(panes: readonly Pane[], layouts = [layout.row]): Promise<Store> {
      const store = await opened();
      await store.commit({ panes, layouts, cursors: [] });
      return store;
    }

    describe("panes", () => {
      it("come back bit for bit", async () => {
        const counts = fc.array(fc.constantFrom(0, 0, 0, 1, 127, 128, 16_384, 2 ** 31, 2 ** 32 - 1), {
          minLength: layout.row.slots,
          maxLength: layout.row.slots,
        });
        const moments = fc.array(fc.double(), { minLength: 10, maxLength: 10 }).map((list) => [1, ...list.slice(1)]);
        const store = await opened();
        let startMs = T0;
        await fc.assert(
          fc.asyncProperty(counts, fc.option(moments), fc.boolean(), async (row, values, flag) => {
            startMs += 5 * MINUTE;
            const put = pane({
              startMs,
              counts: Uint32Array.from(row),
              ...(values === null ? {} : { moments: Float64Array.from(values) }),
              final: flag,
              incomplete: !flag,
              ...(flag ? { ids: { checked: row[0]! + row[1]!, repeated: row[1]! } } : {}),
            });
            await store.commit({ panes: [put], layouts: [layout.row], cursors: [] });
            expect(await store.panes({ model: "m", fromMs: startMs, toMs: startMs + 1 })).toEqual([put]);
          }),
          { numRuns: 60 },
        );
      });

      it("keep names that are not words, and times before 1970", async () => {
        const odd = ["", 'a"b', "a'b; --", "a\nb\u0000c", "🦆", "__proto__", "%_"];
        const panes = odd.map((text, i) => pane({ model: text, version: text, source: `kafka:${text}`, startMs: -5 * MINUTE * (i + 1) }));
        const store = await with_(panes);
        for (const put of panes) expect(await store.panes({ model: put.key.model, version: put.key.version })).toEqual([put]);
        expect((await store.versions()).map(({ model }) => model).sort()).toEqual([...odd].sort());
      });

      it("are replaced by a put of a later position, not by one of an earlier", async () => {
        const store = await with_([pane({ upto: 20, records: 2, final: false })]);
        const put = (upto: number, records: number) =>
          store.commit({ panes: [pane({ upto, records, final: false })], layouts: [], cursors: [] });
        await put(19, 1);
        expect(await store.panes({})).toMatchObject([{ upto: 20, records: 2 }]);
        await put(20, 3);
        expect(await store.panes({})).toMatchObject([{ upto: 20, records: 3 }]);
        await put(21, 4);
        expect(await store.panes({})).toMatchObject([{ upto: 21, records: 4 }]);
      });

      it("that are final stay final", async () => {
        const store = await with_([pane({ final: true, upto: 20, records: 2 })]);
        await store.commit({ panes: [pane({ final: false, upto: 30, records: 9 })], layouts: [], cursors: [] });
        expect(await store.panes({})).toMatchObject([{ final: true, upto: 20, records: 2 }]);
      });

      it("put twice are the same pane", async () => {
        const put = pane({ counts: Uint32Array.from({ length: layout.row.slots }, (_, i) => i) });
        const store = await with_([put]);
        await store.commit({ panes: [put], layouts: [layout.row], cursors: [] });
        expect(await store.panes({})).toEqual([put]);
      });

      it("differ in every part of their key", async () => {
        const other = layoutOf({ x: { edges: [7] } });
        const panes = [
          ...[{}, { model: "n" }, { version: "2" }, { segment: "s" }, { source: "kafka:u" }, { partition: 1 }, { epoch: 1 }],
          ...[{ of: other }, { paneMs: MINUTE }, { startMs: T0 + MINUTE }],
        ].map(pane);
        const store = await with_(panes, [layout.row, other.row]);
        expect(await store.panes({})).toHaveLength(panes.length);
      });

      it("are found by model, version, time and finality, in canonical order", async () => {
        const sketches = [
          ...[
            { partition: 1 },
            { partition: 0, startMs: T0 + 5 * MINUTE },
            { source: "kafka:a", partition: 9 },
            { partition: 0, epoch: 1 },
            { partition: 0 },
          ],
          ...[{ model: "n" }, { version: "2", startMs: T0 - 5 * MINUTE, final: false }],
        ];
        const store = await with_(sketches.map(pane));
        const found = async (query: Parameters<Store["panes"]>[0]) =>
          (await store.panes(query)).map(
            ({ key }) => `${key.model}${key.version} ${(key.startMs - T0) / MINUTE} ${key.source} ${key.partition}.${key.epoch}`,
          );
        expect(await found({ model: "m", version: "1" })).toEqual([
          "m1 0 kafka:a 9.0",
          "m1 0 kafka:t 0.0",
          "m1 0 kafka:t 0.1",
          "m1 0 kafka:t 1.0",
          "m1 5 kafka:t 0.0",
        ]);
        expect(await found({ model: "n" })).toEqual(["n1 0 kafka:t 0.0"]);
        expect(await found({ model: "m", fromMs: T0 + 1, toMs: T0 + 5 * MINUTE + 1 })).toEqual(["m1 5 kafka:t 0.0"]);
        expect(await found({ model: "m", fromMs: T0, toMs: T0 + 5 * MINUTE })).toHaveLength(4);
        expect(await found({ version: "2" })).toEqual(["m2 -5 kafka:t 0.0"]);
        expect(await found({ version: "2", finalOnly: true })).toEqual([]);
      });

      it("that are open are what an ingest loads", async () => {
        const store = await with_([pane({ final: false }), pane({ startMs: T0 + 5 * MINUTE })]);
        expect(await store.openPanes()).toEqual([pane({ final: false })]);
      });

      it("tell the first start, also from a time on", async () => {
        const store = await with_([
          pane({ startMs: T0 + 5 * MINUTE, partition: 1 }),
          pane({ startMs: T0 }),
          pane({ startMs: T0 + 50 * MINUTE }),
        ]);
        expect(await store.firstPane("m", "1")).toBe(T0);
        expect(await store.firstPane("m", "1", T0)).toBe(T0);
        expect(await store.firstPane("m", "1", T0 + 1)).toBe(T0 + 5 * MINUTE);
        expect(await store.firstPane("m", "1", T0 + 51 * MINUTE)).toBeUndefined();
        expect(await store.firstPane("m", "2")).toBeUndefined();
      });

      it("give their records by start, version and partition, as the panes themselves do", async () => {
        const sketch = fc.record({
          model: fc.constantFrom("m", "m", "n"),
          version: fc.constantFrom("", "1"),
          source: fc.constantFrom("kafka:t", "kafka:u"),
          partition: fc.nat(2),
          epoch: fc.nat(1),
          slot: fc.integer({ min: -3, max: 6 }),
          records: fc.nat(3),
          final: fc.boolean(),
        });
        await fc.assert(
          fc.asyncProperty(fc.array(sketch, { maxLength: 30 }), async (sketches) => {
            const store = await opened();
            const panes = sketches.map(({ slot, ...rest }) => pane({ ...rest, startMs: T0 + slot * 5 * MINUTE }));
            await store.commit({ panes, layouts: [layout.row], cursors: [] });
            const sums = new Map<string, RecordCount>();
            for (const { key, records } of await store.panes({ model: "m", fromMs: T0, toMs: T0 + 20 * MINUTE })) {
              const { startMs, version, source, partition } = key;
              const at = JSON.stringify([startMs, version, source, partition]);
              sums.set(at, { startMs, version, source, partition, records: (sums.get(at)?.records ?? 0) + records });
            }
            const expected = [...sums].filter(([, { records }]) => records > 0).sort(([a], [b]) => (a < b ? -1 : 1));
            expect(await store.recordCounts("m", T0, T0 + 20 * MINUTE)).toEqual(expected.map(([, row]) => row));
          }),
          { numRuns: 25 },
        );
      });

      it("can be walked page by page, each once", async () => {
        // Rows wide enough for many pages.
        const wide = layoutOf({ x: { edges: Array.from({ length: 60_000 }, (_, i) => i) } });
        const panes = Array.from({ length: 60 }, (_, i) =>
          pane({ of: wide, partition: i % 3, startMs: T0 + i * 5 * MINUTE, model: i < 50 ? "m" : "n" }),
        );
        const store = await with_(panes, [wide.row]);
        const pages: number[] = [];
        const starts: number[] = [];
        await store.eachPane({ model: "m" }, async (page) => {
          pages.push(page.length);
          for (const { key } of page) starts.push(key.startMs);
        });
        expect(pages.length).toBeGreaterThan(2);
        expect(starts.sort((a, b) => a - b)).toEqual(panes.slice(0, 50).map(({ key }) => key.startMs));
      });

      it("of a layout that was never given are refused whole", async () => {
        const store = await opened();
        const stranger = layoutOf({ z: { edges: [1] } });
        await expect(store.commit({ panes: [pane(), pane({ of: stranger })], layouts: [layout.row], cursors: [cursor()] })).rejects.toThrow(
          stranger.row.hash,
        );
        expect(await store.panes({})).toEqual([]);
        expect(await store.cursors()).toEqual([]);
        // And the store goes on as if nothing had been said.
        await store.commit({ panes: [pane()], layouts: [layout.row], cursors: [cursor()] });
        expect(await store.panes({})).toHaveLength(1);
      });
    });

    it("keeps cursors with the panes that they stand for, also over a restart", async () => {
      const at = await place();
      const store = await opened(at);
      const full = cursor({
        partition: 1,
        epoch: 2,
        closedThroughMs: T0,
        maxEventTimeMs: T0 + 0.5,
        aheadMs: [T0 * 2],
        finished: true,
        processedThrough: 2 ** 53 - 1,
      });
      await store.commit({ panes: [pane()], layouts: [layout.row], cursors: [cursor(), full] });
      await store.commit({ panes: [], layouts: [], cursors: [cursor({ processedThrough: 11, replayFrom: 11 })] });
      await store.close();
      const again = await opened(at);
      expect(await again.cursors()).toEqual([cursor({ processedThrough: 11, replayFrom: 11 }), full]);
      expect(await again.panes({})).toEqual([pane()]);
      expect(await again.layouts()).toEqual([layout.row]);
    });

    it("copies what it is given before the call returns", async () => {
      const store = await opened();
      const put = pane();
      const done = store.commit({ panes: [put], layouts: [layout.row], cursors: [] });
      put.counts.fill(9);
      await done;
      expect((await store.panes({}))[0]?.counts).toEqual(new Uint32Array(layout.row.slots));
    });

    describe("decisions", () => {
      it("are stored whole: progress, evaluation, alert state, episode, outbox and event", async () => {
        const at = await place();
        const store = await opened(at);
        const through = { model: "m", version: "1", window: "1h", throughMs: T0 };
        const event = { atMs: T0, type: "firing", model: "m", version: "1", body: "{}" };
        await store.commitDecision(
          decision({
            ...{ evaluatedThrough: [through], evaluations: [evaluation()], alertState: [{ model: "m", version: "1", state: "s" }] },
            ...{ episodes: [episode()], outbox: [outboxMessage()], events: [event], facts: [{ name: "renewal", value: "1" }] },
          }),
        );
        await store.close();
        const again = await opened(at);
        expect(await again.evaluatedThrough()).toEqual([through]);
        expect(await again.lastEvaluations()).toEqual([evaluation()]);
        expect(await again.alertStates()).toEqual([{ model: "m", version: "1", state: "s" }]);
        expect(await again.episodes({})).toEqual([episode()]);
        expect(await again.deliveries({})).toEqual([
          { ...outboxMessage(), status: "pending", attempts: 0, nextAttemptAtMs: T0, updatedAtMs: T0 },
        ]);
        expect(await again.events({ after: 0, limit: 10 })).toEqual([{ ...event, number: 1 }]);
        expect(await again.getFact("renewal")).toBe("1");
      });

      it("are stored whole or not at all", async () => {
        const store = await opened();
        await store.commitDecision(decision({ outbox: [outboxMessage()] }));
        const clash = decision({
          ...{ evaluatedThrough: [{ model: "m", version: "1", window: "1h", throughMs: T0 }], evaluations: [evaluation()] },
          ...{
            alertState: [{ model: "m", version: "1", state: "s" }],
            outbox: [outboxMessage({ id: "msg_2" }), outboxMessage({ output: "other" })],
            facts: [{ name: "renewal", value: "1" }],
          },
        });
        await expect(store.commitDecision(clash)).rejects.toMatchObject({ code: "STORE_MESSAGE_ID_TAKEN" });
        expect(await store.evaluatedThrough()).toEqual([]);
        expect(await store.lastEvaluations()).toEqual([]);
        expect(await store.alertStates()).toEqual([]);
        expect(await store.getFact("renewal")).toBeUndefined();
        expect(await store.deliveries({})).toHaveLength(1);
      });

      it("made again after a crash send nothing twice", async () => {
        const store = await opened();
        await store.commitDecision(decision({ outbox: [outboxMessage()] }));
        await store.recordAttempt(attempt(), { status: "delivered", nextAttemptAtMs: 0 });
        await store.commitDecision(decision({ outbox: [outboxMessage()] }));
        expect(await store.deliveries({})).toMatchObject([{ status: "delivered", attempts: 1 }]);
      });

      it("progress never goes back; alert states, episodes and evaluations are the last ones given", async () => {
        const store = await opened();
        const through = (throughMs: number) => ({ model: "m", version: "1", window: "1h", throughMs });
        const give = (ms: number, state: string, resolvedAtMs: number | null) =>
          store.commitDecision(
            decision({
              evaluatedThrough: [through(ms)],
              alertState: [{ model: "m", version: "1", state }],
              episodes: [episode({ resolvedAtMs })],
              evaluations: [evaluation({ records: ms })],
            }),
          );
        await give(20, "a", null);
        await give(10, "b", T0);
        expect(await store.evaluatedThrough()).toEqual([through(20)]);
        expect(await store.alertStates()).toEqual([{ model: "m", version: "1", state: "b" }]);
        expect(await store.episodes({})).toEqual([episode({ resolvedAtMs: T0 })]);
        expect(await store.evaluations({ model: "m" })).toEqual([evaluation({ records: 10 })]);
      });

      it("evaluations come newest first, and the newest of each window at once", async () => {
        const store = await opened();
        const ends = [1, 3, 2].map((i) => evaluation({ endMs: T0 + i * MINUTE }));
        const others = [evaluation({ window: "6h" }), evaluation({ version: "2", endMs: T0 }), evaluation({ model: "n", endMs: T0 })];
        await store.commitDecision(decision({ evaluations: [...ends, ...others] }));
        expect((await store.evaluations({ model: "m", version: "1", window: "1h" })).map(({ endMs }) => (endMs - T0) / MINUTE)).toEqual([
          3, 2, 1,
        ]);
        expect(await store.evaluations({ model: "m", version: "1", window: "1h", limit: 1 })).toEqual([ends[1]]);
        expect((await store.evaluations({ model: "m" })).length).toBe(5);
        expect(await store.lastEvaluations()).toEqual([ends[1], others[0], others[1], others[2]]);
      });

      it("episodes come newest first, by model", async () => {
        const store = await opened();
        const list = [
          episode({ id: "e1" }),
          episode({ id: "e2", pendingAtMs: T0 + 1 }),
          episode({ id: "e3", model: "n", pendingAtMs: T0 + 2 }),
        ];
        await store.commitDecision(decision({ episodes: list }));
        expect((await store.episodes({})).map(({ id }) => id)).toEqual(["e3", "e2", "e1"]);
        expect((await store.episodes({ model: "m", limit: 1 })).map(({ id }) => id)).toEqual(["e2"]);
      });

      it("episodes come by kind; one without a kind is of drift", async () => {
        const store = await opened();
        const quality = { kind: "quality" as const, features: ["origin"], checks: ["missing origin"], pendingAtMs: T0 + 1 };
        const list = [episode({ id: "e1" }), episode({ id: "e2", ...quality }), episode({ id: "e3", model: "n", kind: "drift" })];
        await store.commitDecision(decision({ episodes: list }));
        const idsOf = async (query: Parameters<typeof store.episodes>[0]) => (await store.episodes(query)).map(({ id }) => id).sort();
        expect(await idsOf({})).toEqual(["e1", "e2", "e3"]);
        expect(await idsOf({ kind: "drift" })).toEqual(["e1", "e3"]);
        expect(await idsOf({ kind: "quality" })).toEqual(["e2"]);
        expect(await store.episodes({ kind: "quality", model: "m" })).toEqual([list[1]]);
        expect(await idsOf({ kind: "quality", model: "n" })).toEqual([]);
      });
    });

    describe("requests for retraining", () => {
      it("come newest first, whole, by id, model, status, what asked, and those that are open; also over a restart", async () => {
        const at = await place();
        const store = await opened(at);
        const list = [
          request({ id: "a", status: "succeeded", newVersion: "2", detail: "done", severity: null, episode: null, reason: "manual" }),
          request({ id: "b", createdAtMs: T0 + 1, outputs: ["hook", "mirror"], dedupKey: "alert:1" }),
          request({ id: "c", createdAtMs: T0 + 1, status: "awaiting_approval" }),
          request({ id: "d", createdAtMs: T0 + 2, model: "n", status: "running" }),
          request({ id: "e", createdAtMs: T0 + 3, status: "timed_out" }),
        ];
        await store.commitDecision(decision({ requests: list }));
        await store.close();
        const again = await opened(at);
        expect(await again.retrainRequests({})).toEqual([list[4], list[3], list[2], list[1], list[0]]);
        const ids = async (query: Parameters<Store["retrainRequests"]>[0]) => (await again.retrainRequests(query)).map(({ id }) => id);
        expect(await ids({ limit: 2 })).toEqual(["e", "d"]);
        expect(await ids({ id: "a" })).toEqual(["a"]);
        expect(await ids({ model: "m", open: true })).toEqual(["c", "b"]);
        expect(await ids({ open: true })).toEqual(["d", "c", "b"]);
        expect(await ids({ status: "succeeded" })).toEqual(["a"]);
        expect(await ids({ dedupKey: "alert:1" })).toEqual(["b"]);
        expect(await ids({ dedupKey: "alert:2" })).toEqual([]);
      });

      it("are put under their id, and keep their place", async () => {
        const store = await opened();
        await store.commitDecision(decision({ requests: [request({ id: "a" }), request({ id: "b" })] }));
        const moved = request({ id: "a", status: "succeeded", newVersion: "2", detail: "d", updatedAtMs: T0 + 9 });
        await store.commitDecision(decision({ requests: [moved] }));
        expect(await store.retrainRequests({})).toEqual([request({ id: "b" }), moved]);
      });

      it("stand in the store with the rest of their decision, or not at all", async () => {
        const store = await opened();
        await store.commitDecision(decision({ outbox: [outboxMessage()] }));
        const clash = decision({ requests: [request({ id: "a" })], outbox: [outboxMessage({ output: "other" })] });
        await expect(store.commitDecision(clash)).rejects.toMatchObject({ code: "STORE_MESSAGE_ID_TAKEN" });
        expect(await store.retrainRequests({})).toEqual([]);
      });

      it("are asked by one thing once", async () => {
        const store = await opened();
        await store.commitDecision(decision({ requests: [request({ id: "a", dedupKey: "k" })] }));
        await store.commitDecision(decision({ requests: [request({ id: "a", dedupKey: "k", status: "running" })] }));
        const second = decision({ requests: [request({ id: "b", dedupKey: "k" })], outbox: [outboxMessage({ id: "b" })] });
        await expect(store.commitDecision(second)).rejects.toMatchObject({ code: "STORE_REQUEST_KEY_TAKEN" });
        expect(await store.deliveries({})).toEqual([]);
      });

      it("are pruned by their age, never while they are open", async () => {
        const store = await opened();
        const old = T0 - 1;
        const list = REQUEST_STATUSES.map((status) => request({ id: status, status, updatedAtMs: old }));
        const kept = [request({ id: "young", status: "failed" }), request({ id: "other", model: "n", status: "failed", updatedAtMs: old })];
        await store.commitDecision(decision({ requests: [...list, ...kept] }));
        await store.prune("m", T0);
        expect((await store.retrainRequests({})).map(({ id }) => id).sort()).toEqual([...OPEN_STATUSES, "other", "young"].sort());
      });
    });

    describe("the outbox", () => {
      it("gives what is due of an output, oldest first", async () => {
        const store = await opened();
        const messages = [
          ...[
            outboxMessage({ id: "late", createdAtMs: T0 + 5 }),
            outboxMessage({ id: "b" }),
            outboxMessage({ id: "a", createdAtMs: T0 - 1 }),
          ],
          outboxMessage({ id: "other", output: "second" }),
        ];
        await store.commitDecision(decision({ outbox: messages }));
        expect((await store.due("hook", T0, 10)).map(({ id }) => id)).toEqual(["a", "b"]);
        expect((await store.due("hook", T0, 1)).map(({ id }) => id)).toEqual(["a"]);
        expect((await store.due("second", T0, 10)).map(({ id }) => id)).toEqual(["other"]);
      });

      it("logs an attempt and moves the row in one step", async () => {
        const store = await opened();
        await store.commitDecision(decision({ outbox: [outboxMessage()] }));
        await store.recordAttempt(attempt({ ok: false, status: null, failure: "timeout", atMs: T0 + 1 }), {
          status: "pending",
          nextAttemptAtMs: T0 + 50,
        });
        expect(await store.due("hook", T0 + 49, 10)).toEqual([]);
        expect(await store.due("hook", T0 + 50, 10)).toMatchObject([{ id: "msg_1", attempts: 1, updatedAtMs: T0 + 1 }]);
        await store.recordAttempt(attempt({ atMs: T0 + 60, latencyMs: 0.25 }), { status: "delivered", nextAttemptAtMs: T0 + 60 });
        expect(await store.due("hook", T0 + 1000, 10)).toEqual([]);
        expect(await store.attempts("msg_1")).toEqual([
          attempt({ ok: false, status: null, failure: "timeout", atMs: T0 + 1 }),
          attempt({ atMs: T0 + 60, latencyMs: 0.25 }),
        ]);
        expect(await store.attempts("msg_2")).toEqual([]);
      });

      it("lists deliveries newest first, by id, status and output", async () => {
        const store = await opened();
        await store.commitDecision(
          decision({
            outbox: [
              outboxMessage({ id: "a" }),
              outboxMessage({ id: "b", createdAtMs: T0 + 1 }),
              outboxMessage({ id: "c", output: "second" }),
            ],
          }),
        );
        await store.setDelivery("a", "dead", T0, T0 + 9);
        const ids = async (query: Parameters<Store["deliveries"]>[0]) => (await store.deliveries(query)).map(({ id }) => id);
        expect(await ids({})).toEqual(["b", "c", "a"]);
        expect(await ids({ limit: 1 })).toEqual(["b"]);
        expect(await ids({ id: "a" })).toEqual(["a"]);
        expect(await ids({ status: "pending", output: "hook" })).toEqual(["b"]);
      });

      it("a delivery is set by hand, and says whether there is one", async () => {
        const store = await opened();
        await store.commitDecision(decision({ outbox: [outboxMessage()] }));
        expect(await store.setDelivery("msg_1", "cancelled", T0 + 3, T0 + 4)).toBe(true);
        expect(await store.deliveries({})).toMatchObject([{ status: "cancelled", nextAttemptAtMs: T0 + 3, updatedAtMs: T0 + 4 }]);
        expect(await store.setDelivery("nobody", "pending", T0, T0)).toBe(false);
      });
    });

    it("keeps facts until they are taken back", async () => {
      const at = await place();
      const store = await opened(at);
      expect(await store.getFact("paused.m")).toBeUndefined();
      await store.setFact("paused.m", "yes");
      await store.setFact("paused.m", "no");
      await store.close();
      const again = await opened(at);
      expect(await again.getFact("paused.m")).toBe("no");
      await again.setFact("paused.m", undefined);
      expect(await again.getFact("paused.m")).toBeUndefined();
    });

    it("prunes what lies before a time, of one model, and leaves what is still needed", async () => {
      const store = await opened();
      const sketches = [
        { startMs: T0 - 10 * MINUTE },
        { startMs: T0 - 5 * MINUTE },
        { startMs: T0 - 4 * MINUTE },
        { startMs: T0 - 60 * MINUTE, final: false },
      ];
      await store.commit({ panes: [...sketches, { startMs: T0 - 10 * MINUTE, model: "n" }].map(pane), layouts: [layout.row], cursors: [] });
      await store.commitDecision(
        decision({
          evaluations: [evaluation({ endMs: T0 - 2 }), evaluation({ endMs: T0 - 1 }), evaluation({ endMs: T0 - 2, model: "n" })],
          episodes: [episode({ id: "old", resolvedAtMs: T0 - 1 }), episode({ id: "running" })],
          outbox: [outboxMessage({ id: "sent", createdAtMs: T0 - 9 }), outboxMessage({ id: "waiting", createdAtMs: T0 - 9 })],
          events: [{ atMs: T0 - 1, type: "t", model: "m", version: "1", body: "" }],
        }),
      );
      await store.recordAttempt(attempt({ id: "sent", atMs: T0 - 3 }), { status: "delivered", nextAttemptAtMs: 0 });
      expect(await store.prune("m", T0)).toBe(2);
      expect((await store.panes({})).map(({ key }) => `${key.model} ${(key.startMs - T0) / MINUTE}`)).toEqual(["m -60", "n -10", "m -4"]);
      expect((await store.evaluations({ model: "m" })).map(({ endMs }) => endMs - T0)).toEqual([-1]);
      expect(await store.evaluations({ model: "n" })).toHaveLength(1);
      expect((await store.episodes({})).map(({ id }) => id)).toEqual(["running"]);
      expect((await store.deliveries({})).map(({ id }) => id)).toEqual(["waiting"]);
      expect(await store.attempts("sent")).toEqual([]);
      expect(await store.events({ after: 0, limit: 9 })).toEqual([]);
    });

    it("a model whose panes are all gone is no longer among the versions", async () => {
      const store = await with_([pane(), pane({ version: "2", startMs: T0 + 60 * MINUTE })]);
      await store.prune("m", T0 + 30 * MINUTE);
      expect(await store.versions()).toEqual([{ model: "m", version: "2" }]);
    });

    it("tells its size", async () => {
      expect(await (await with_([pane()])).sizeBytes()).toBeGreaterThan(0);
    });

    it("answers calls that were made before the close, refuses later ones, and may be closed twice", async () => {
      const store = await opened();
      const done = store.commit({ panes: [pane()], layouts: [layout.row], cursors: [] });
      const closed = store.close();
      await expect(done).resolves.toBeUndefined();
      await closed;
      await store.close();
      await expect(store.cursors()).rejects.toMatchObject({ code: "STORE_CLOSED" });
    });

    it("has the special counters where the layout says", async () => {
      const feature = layout.row.features[1]!;
      const counts = new Uint32Array(layout.row.slots);
      counts[feature.offset + feature.bins + SPECIAL_SLOTS.indexOf("unseen")] = 7;
      const [found] = await (await with_([pane({ counts })])).panes({});
      expect(found?.counts).toEqual(counts);
    });
  });
}

function attempt(rest: object = {}) {
  return { id: "msg_1", atMs: T0, ok: true, status: 200, failure: null, latencyMs: 12, excerpt: "ok", ...rest };
}
