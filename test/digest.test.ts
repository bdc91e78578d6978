import { expect, test } from "vitest";
import type { Episode } from "../src/decide/alert.ts";
import type { RetrainRecord } from "../src/decide/record.ts";
import { MAX_BODY_BYTES } from "../src/decide/request.ts";
import { type DigestInput, digestBody } from "../src/digest.ts";
import type { Evaluation } from "../src/evaluate/evaluation.ts";
import type { ModelFacts, VersionFacts } from "../src/http/view.ts";

const T0 = Date.parse("2026-01-15T12:00:00Z");
const HOUR = 3_600_000;

const evaluation = (model: string, window: string, verdict: Evaluation["verdict"], reason: Evaluation["reason"]): Evaluation => ({
  ...{ model, version: "1", window, startMs: T0 - HOUR, endMs: T0, records: 10, verdict, reason },
  ...{ policy: "", referenceDigest: null, features: [], offsets: [] },
});
const version = (more: Partial<VersionFacts>): VersionFacts => ({
  version: "1",
  snapshot: undefined,
  evaluations: [],
  alert: undefined,
  ...more,
});
const episode = (more: Partial<Episode> = {}): Episode => ({
  ...{ id: "ep_1", model: "flights", version: "1", severity: "critical", features: ["dep_delay", "distance"] },
  ...{ pendingAtMs: T0 - 2 * HOUR, firingAtMs: T0 - HOUR, resolvedAtMs: null },
  ...more,
});
const request: RetrainRecord = {
  ...{ id: "msg_1", model: "flights", version: "1", reason: "drift", severity: "critical", episode: "ep_1", status: "succeeded" },
  ...{ createdAtMs: T0 - HOUR, updatedAtMs: T0, outputs: ["hook"], newVersion: "2", detail: null, dedupKey: null, body: "{}" },
};
const models: readonly ModelFacts[] = [
  { model: "calm", windows: ["1h"], versions: [version({ evaluations: [evaluation("calm", "1h", "no_drift", "within_noise")] })] },
  {
    model: "flights",
    windows: ["1h"],
    versions: [
      version({
        evaluations: [evaluation("flights", "1h", "drift", "shift")],
        alert: {
          ...{ model: "flights", version: "1", phase: "firing", episode: episode(), features: [] },
          quality: { phase: "inactive", episode: null, checks: [] },
        },
      }),
    ],
  },
  {
    model: "fraud",
    windows: ["1h"],
    versions: [version({ evaluations: [evaluation("fraud", "1h", "insufficient_data", "no_reference")] })],
  },
  { model: "quiet", windows: ["1h"], versions: [] },
];
const input: DigestInput = {
  ...{ name: "monday", dueMs: T0, sinceMs: T0 - 24 * HOUR, nowMs: T0 + 1_000, models, episodes: [episode()], requests: [request] },
  addresses: [
    {
      model: "fraud",
      version: undefined,
      address: "s3://b/k",
      waiting: true,
      fromCache: false,
      problem: "s3://b/k: is not there (404 NoSuchKey)",
    },
  ],
  old: ["calm: its reference is 200 days old"],
  link: "http://localhost:9465",
};

test("a digest says what drifts, what cannot be judged and why, and what became of requests", () => {
  const { type, timestamp, data } = JSON.parse(digestBody(input));
  expect([type, timestamp]).toEqual(["driftd.digest", "2026-01-15T12:00:01Z"]);
  expect(data).toMatchObject({
    ...{ calendar: "monday", due: "2026-01-15T12:00:00Z", since: "2026-01-14T12:00:00Z" },
    counts: { models: 4, drift: 1, quality: 0, cannot_tell: 2 },
    models: [
      { model: "flights", state: "drift", severity: "critical", features: ["dep_delay", "distance"], windows: { "1h": "drift" } },
      { model: "fraud", state: "cannot_tell", because: ["no reference: s3://b/k: is not there (404 NoSuchKey)", "1h: no_reference"] },
      { model: "quiet", state: "cannot_tell", because: ["no records yet"] },
      { model: "calm", state: "fine", windows: { "1h": "no_drift" } },
    ],
    ...{ models_total: 4, episodes_total: 1, requests_total: 1 },
    episodes: [{ episode: "ep_1", kind: "drift", resolved_at: null }],
    requests: [{ request_id: "msg_1", status: "succeeded", new_version: "2" }],
  });
  expect(data.text).toBe(`driftd: 4 models, 1 drift, 2 cannot be judged

- flights 1: drift, critical: dep_delay, distance
- fraud 1: cannot be judged (no reference: s3://b/k: is not there (404 NoSuchKey); 1h: no_reference)
- quiet: cannot be judged (no records yet)
- calm 1: no drift in 1h

Since 2026-01-14T12:00:00Z: 1 episode, 1 request
- flights 1: drift (critical) from 2026-01-15T10:00:00Z on
- flights 1: retraining for drift succeeded, version 2

- calm: its reference is 200 days old

http://localhost:9465`);
});

test("a digest of very many models stays a message that any receiver takes, and says how many there are", () => {
  const many = Array.from({ length: 3_000 }, (_, i) => ({ ...models[0]!, model: `model-with-a-long-name-${i}` }));
  const body = digestBody({ ...input, models: many, episodes: Array.from({ length: 500 }, () => episode()) });
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MAX_BODY_BYTES);
  const { data } = JSON.parse(body);
  expect([data.models_total, data.episodes_total]).toEqual([3_000, 500]);
  expect(data.text).toMatch(/… and \d+ more lines$/);
  expect(data.episodes.length).toBeGreaterThan(0);
});

test("a digest of nothing is a digest", () => {
  const { data } = JSON.parse(digestBody({ ...input, models: [], episodes: [], requests: [], addresses: [], old: [] }));
  expect(data.text).toContain("driftd: 0 models, nothing drifts");
  expect(data.text).toContain("no episode, no request for retraining");
});
