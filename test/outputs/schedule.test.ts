import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { AttemptResult } from "../../src/outputs/output.ts";
import { MAX_RETRY_AFTER_MS, nextStep, SCHEDULE_MS } from "../../src/outputs/schedule.ts";

const NOW = Date.UTC(2026, 0, 10);
const failed: AttemptResult = { ok: false, failure: "http_5xx", retry: true, excerpt: "" };
const late = () => 0.999_999;

describe("after a failed attempt", () => {
  test("each wait is the longest of the schedule at most, and a dead letter follows the tenth", () => {
    const waits = SCHEDULE_MS.map((_, attempts) => nextStep(failed, { attempts, createdAtMs: NOW }, {}, NOW, late));
    expect(waits.slice(0, -1).map((step) => (step.status === "pending" ? Math.round((step.atMs - NOW) / 1000) : step.status))).toEqual([
      5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    expect(waits.at(-1)).toEqual({ status: "dead" });
  });

  test("waits have full jitter", () => {
    fc.assert(
      fc.property(fc.nat(8), fc.double({ min: 0, max: 0.999999, noNaN: true }), (attempts, chance) => {
        const step = nextStep(failed, { attempts, createdAtMs: NOW }, {}, NOW, () => chance);
        expect(step).toEqual({ status: "pending", atMs: NOW + Math.floor(chance * SCHEDULE_MS[attempts + 1]!) });
      }),
    );
  });

  test("Retry-After is a lower bound", () => {
    const asked = { ...failed, retryAfterMs: 60_000 };
    expect(nextStep(asked, { attempts: 0, createdAtMs: NOW }, {}, NOW, late)).toEqual({ status: "pending", atMs: NOW + 60_000 });
    expect(nextStep({ ...failed, retryAfterMs: 10 }, { attempts: 0, createdAtMs: NOW }, {}, NOW, late)).toEqual({
      status: "pending",
      atMs: NOW + 4999,
    });
  });

  test("Retry-After is capped at a day", () => {
    const asked = { ...failed, retryAfterMs: 365 * MAX_RETRY_AFTER_MS };
    expect(nextStep(asked, { attempts: 0, createdAtMs: NOW }, {}, NOW, late)).toEqual({
      status: "pending",
      atMs: NOW + MAX_RETRY_AFTER_MS,
    });
  });

  test("what cannot be helped is a dead letter at once", () => {
    expect(nextStep({ ...failed, retry: false }, { attempts: 0, createdAtMs: NOW }, {}, NOW, late)).toEqual({ status: "dead" });
  });

  test("an output may allow more attempts: the last wait goes on", () => {
    const step = nextStep(failed, { attempts: 14, createdAtMs: NOW }, { maxAttempts: 20 }, NOW, () => 0.5);
    expect(step).toEqual({ status: "pending", atMs: NOW + 12 * 3_600_000 });
    expect(nextStep(failed, { attempts: 19, createdAtMs: NOW }, { maxAttempts: 20 }, NOW, late)).toEqual({ status: "dead" });
  });

  test("an attempt that would come after the expiry is not waited for", () => {
    const row = { attempts: 1, createdAtMs: NOW - 60_000 };
    expect(nextStep(failed, row, { expiryMs: 120_000 }, NOW, late)).toEqual({ status: "dead" });
    expect(nextStep(failed, row, { expiryMs: 120_000 }, NOW, () => 0.1)).toEqual({ status: "pending", atMs: NOW + 30_000 });
  });
});

test("after a success the message is delivered", () => {
  expect(nextStep({ ok: true, status: 204, excerpt: "" }, { attempts: 9, createdAtMs: 0 }, { expiryMs: 1 }, NOW, late)).toEqual({
    status: "delivered",
  });
});
