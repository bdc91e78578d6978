import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { MAX_FEATURES, type RetrainRequest, rankFeatures, retrainBody, utf8Length } from "../../src/decide/request.ts";
import { evaluation, feature } from "./evaluations.ts";

const END = Date.UTC(2001, 1, 5, 2);
const base: RetrainRequest = Object.freeze({
  id: "msg_1",
  ordinal: 1,
  model: "flights",
  version: "1",
  reason: "drift" as const,
  episode: "ep_1",
  severity: "critical" as const,
  dryRun: false,
  atMs: END + 1500,
  evaluation: evaluation(END, []),
  referenceRecords: 230_000,
  features: [feature("delay", "c", { excess: 1.1 })],
  links: { driftd: "http://localhost:9465/" },
});

test("a request that no window stands behind says so", () => {
  const asked = {
    ...base,
    reason: "manual" as const,
    detail: "new labels",
    episode: null,
    severity: null,
    ordinal: 0,
    evaluation: undefined,
    features: [],
  };
  const { data } = JSON.parse(retrainBody({ ...asked, referenceRecords: undefined })) as { data: Record<string, unknown> };
  expect(data).toEqual({
    ...{ request_id: "msg_1", ordinal: 0, model: "flights", version: "1", reason: "manual", detail: "new labels" },
    ...{ severity: null, episode: null, dry_run: false },
    ...{ evidence: "none: no window of the model has been evaluated yet", window: null, reference: { digest: null } },
    ...{ features: [], features_total: 0, links: { driftd: "http://localhost:9465/" } },
  });
});

test("the body is that of the public contract", () => {
  expect(JSON.parse(retrainBody(base))).toEqual({
    type: "driftd.retrain.requested",
    timestamp: "2001-02-05T02:00:01.500Z",
    data: {
      request_id: "msg_1",
      ordinal: 1,
      model: "flights",
      version: "1",
      reason: "drift",
      severity: "critical",
      episode: "ep_1",
      dry_run: false,
      window: {
        name: "1h",
        start: "2001-02-05T01:00:00Z",
        end: "2001-02-05T02:00:00Z",
        records: 660,
        offsets: [{ source: "kafka:inference-log", partition: 0, from: 100, to: 900 }],
        offsets_total: 1,
      },
      reference: { digest: "sha256:reference", records: 230_000 },
      policy: "sha256:policy",
      features: [
        {
          feature: "delay",
          severity: "critical",
          reason: "shift",
          reference_count: 4850,
          current_count: 660,
          calibrated: true,
          statistics: {
            psi: { value: 1.12, excess: 1.1, threshold: 0.1 },
            ks: { value: 0.21, upper: 0.2139, p_value: 1e-80, threshold: 0.04 },
            kl: { value: 0.123456789012345, direction: "current||reference" },
            g: { value: 400.1, p_value: 1e-70, degrees_of_freedom: 11 },
          },
        },
      ],
      features_total: 1,
      links: { driftd: "http://localhost:9465/" },
    },
  });
});

describe("features", () => {
  test("are ranked by severity, then by excess, then by name", () => {
    const ranked = rankFeatures([
      feature("w9", "w", { excess: 9 }),
      feature("b", "c"),
      feature("a", "c"),
      feature("c2", "c", { excess: 2 }),
    ]);
    expect(ranked.map(({ feature: name }) => name)).toEqual(["c2", "a", "b", "w9"]);
  });

  test("are cut at 50, the total says how many there were", () => {
    const features = Array.from({ length: 60 }, (_, i) => feature(`f${i}`, "c"));
    const { data } = JSON.parse(retrainBody({ ...base, features })) as { data: { features: unknown[]; features_total: number } };
    expect(data.features.length).toBeLessThanOrEqual(MAX_FEATURES);
    expect(data.features.length).toBeGreaterThan(40);
    expect(data.features_total).toBe(60);
  });

  test("with a number that JSON cannot carry lose that number alone", () => {
    const broken = feature("delay", "c");
    const statistics = {
      ...broken.statistics,
      psi: { value: Number.NaN, excess: 1 },
      ks: { value: 0.2, upper: Number.POSITIVE_INFINITY, p_value: 0 },
    };
    const { data } = JSON.parse(retrainBody({ ...base, features: [{ ...broken, statistics }] })) as {
      data: { features: { statistics: Record<string, unknown> }[] };
    };
    expect(data.features[0]?.statistics["psi"]).toBe(undefined);
    expect(data.features[0]?.statistics["ks"]).toEqual({ value: 0.2, p_value: 0 });
  });
});

test("a name longer than the whole body is passed over, and those after it stay", () => {
  const features = [feature("x".repeat(30_000), "c"), feature("delay", "c")];
  const { data } = JSON.parse(retrainBody({ ...base, features })) as { data: { features: { feature: string }[]; features_total: number } };
  expect(data.features.map(({ feature: name }) => name)).toEqual(["delay"]);
  expect(data.features_total).toBe(2);
});

test("stays under 20 kB with any names and a thousand partitions", () => {
  const offsets = Array.from({ length: 1000 }, (_, partition) => ({ source: "kafka:inference-log", partition, from: 1e15, to: 1e15 + 5 }));
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 300 }), { maxLength: 120 }), (names) => {
      const body = retrainBody({
        ...base,
        evaluation: evaluation(END, [], { offsets }),
        features: names.map((name) => feature(name, "c")),
      });
      expect(Buffer.byteLength(body)).toBeLessThan(20_000);
      expect(utf8Length(body)).toBe(Buffer.byteLength(body));
    }),
    { numRuns: 50 },
  );
});
