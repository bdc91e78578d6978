import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { isOpen, messageIds, moved, REPORTS, REQUEST_STATUSES, type RequestStatus, reported } from "../../src/decide/record.ts";
import { request, T0 } from "../store/rows.ts";

const NOW = T0 + 1000;

describe("a pipeline's report", () => {
  /** Each cell of the table in `record.ts`: what comes of a report, or that it cannot be. */
  const cells: Readonly<Record<RequestStatus, readonly RequestStatus[]>> = {
    awaiting_approval: [],
    requested: ["running", "succeeded", "failed"],
    running: ["running", "succeeded", "failed"],
    timed_out: ["running", "succeeded", "failed"],
    failed: ["failed", "succeeded"],
    succeeded: ["succeeded"],
    rejected: [],
    cancelled: [],
  };
  test.each(REQUEST_STATUSES.flatMap((from) => REPORTS.map((status) => [from, status] as const)))("%s → %s", (from, status) => {
    const next = reported(request({ status: from }), { status }, NOW);
    expect(next?.status).toBe(cells[from].includes(status) ? status : undefined);
  });

  test("said twice changes nothing", () => {
    const done = reported(request(), { status: "succeeded", version: "2", detail: "d" }, NOW)!;
    expect(done).toEqual({ ...request(), status: "succeeded", newVersion: "2", detail: "d", updatedAtMs: NOW });
    expect(reported(done, { status: "succeeded", version: "2" }, NOW + 5)).toBe(done);
    expect(reported(done, { status: "succeeded" }, NOW + 5)).toBe(done);
  });

  test("`running` said again is a sign of life", () => {
    const running = reported(request(), { status: "running" }, NOW)!;
    expect(reported(running, { status: "running" }, NOW + 5)).toEqual({ ...running, updatedAtMs: NOW + 5 });
  });

  test("a version may be told later, and not be another one then", () => {
    const done = reported(request(), { status: "succeeded" }, NOW)!;
    const named = reported(done, { status: "succeeded", version: "2" }, NOW)!;
    expect(named.newVersion).toBe("2");
    expect(reported(named, { status: "succeeded", version: "3" }, NOW)).toBe(undefined);
  });

  test("in any order, repeated as often as you like: a success and its version are never taken back, an end is left by no `running`", () => {
    const report = fc.record({
      status: fc.constantFrom(...REPORTS),
      version: fc.option(fc.constantFrom("2", "3"), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.constantFrom(...REQUEST_STATUSES), fc.array(report), (from, reports) => {
        let record = request({ status: from });
        for (const one of reports) {
          const next = reported(record, one, NOW);
          const same = next === undefined ? undefined : reported(next, one, NOW);
          expect(same).toEqual(next);
          if (next === undefined) continue;
          if (record.status === "succeeded") expect(next.status).toBe("succeeded");
          if (record.newVersion !== null) expect(next.newVersion).toBe(record.newVersion);
          if (next.status === "running") expect(["requested", "running", "timed_out"]).toContain(record.status);
          record = next;
        }
      }),
    );
  });
});

test("the messages of a request have its own id, then the outputs' names behind it", () => {
  expect(messageIds({ id: "msg_1", outputs: ["a", "b"] })).toEqual(["msg_1", "msg_1-b"]);
});

test("a request that has moved keeps what was known of it", () => {
  const known = request({ detail: "d", newVersion: "2" });
  expect(moved(known, "timed_out", NOW)).toEqual({ ...known, status: "timed_out", updatedAtMs: NOW });
  expect(REQUEST_STATUSES.filter((status) => isOpen({ status }))).toEqual(["awaiting_approval", "requested", "running"]);
});
