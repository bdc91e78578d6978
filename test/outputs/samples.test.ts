/** The samples that templates are checked against have the shape of what is really sent. */

import { expect, test } from "vitest";

import { createDecider } from "../../src/decide/decider.ts";
import { retrainBody } from "../../src/decide/request.ts";
import { hashParts } from "../../src/outputs/identity.ts";
import { MESSAGE_TYPES } from "../../src/outputs/output.ts";
import { samplesOf, testData } from "../../src/outputs/samples.ts";
import { evaluation, feature, HOUR } from "../decide/evaluations.ts";

const END = Date.UTC(2001, 1, 5, 2);
const request = {
  ...{ id: "msg_1", ordinal: 1, model: "flights", version: "1", reason: "drift" as const, episode: "e", severity: "critical" as const },
  ...{
    dryRun: false,
    atMs: END,
    evaluation: evaluation(END, []),
    referenceRecords: 230_000,
    features: [feature("delay", "c", { excess: 1.1 })],
  },
  links: { driftd: "http://localhost:9465/", callback: "http://localhost:9465/api/v1/retrain/msg_1/status" },
};
const dataOf = (body: string) => (JSON.parse(body) as { data: Record<string, unknown> }).data;
const keysOf = (value: unknown) => Object.keys(value as object).sort();

test("a request for drift", () => {
  const real = dataOf(retrainBody(request));
  const sample = samplesOf(["driftd.retrain.requested"])[0]?.root["data"] as Record<string, unknown>;
  expect(keysOf(sample)).toEqual(keysOf(real));
  for (const part of ["window", "reference", "links"]) expect(keysOf(sample[part])).toEqual(keysOf(real[part]));
});

test("a request that somebody made before any window was evaluated", () => {
  const bare = {
    reason: "manual" as const,
    detail: "why",
    episode: null,
    severity: null,
    evaluation: undefined,
    features: [],
    referenceRecords: undefined,
  };
  const real = dataOf(retrainBody({ ...request, ...bare }));
  expect(keysOf(samplesOf(["driftd.retrain.requested"])[1]?.root["data"])).toEqual(keysOf(real));
});

test("notices of drift and of quality", () => {
  const decider = createDecider({
    ruleOf: () => ({
      alert: { forMs: 0, keepFiringForMs: HOUR, windows: ["1h"] },
      retrain: undefined,
      notify: { to: ["chat"], severity: "warning", quality: true },
      links: request.links,
    }),
    hash: hashParts,
    restored: [],
    referenceRecords: () => undefined,
  });
  const broken = { feature: "origin", check: "missing", verdict: "drift", severity: "warning", value: 0.6, limit: 0.02 } as const;
  const sent = Array.from({ length: 8 }, (_, i) => {
    const endMs = END + i * 300_000;
    const decision = decider.decide([evaluation(endMs, [feature("delay", "c"), feature("origin", "n")], { findings: [broken] })], endMs);
    decider.accept(decision);
    return decision.outbox;
  }).flat();
  expect(sent.map(({ type }) => type).sort()).toEqual(["driftd.drift.firing", "driftd.quality.firing"]);
  for (const { type, body } of sent) {
    const real = dataOf(body);
    const sample = samplesOf([type as "driftd.drift.firing"])[0]?.root["data"] as Record<string, unknown>;
    expect(keysOf(sample)).toEqual(keysOf(real));
    expect(keysOf(sample["window"])).toEqual(keysOf(real["window"]));
  }
});

test("every type has a sample, but for the test message, which is a request", () => {
  for (const type of MESSAGE_TYPES) expect(samplesOf([type]).length > 0).toBe(type !== "driftd.test");
  expect(keysOf(testData("a", "b", "c", "1"))).toEqual(
    expect.arrayContaining(keysOf(samplesOf(["driftd.retrain.requested"])[0]?.root["data"])),
  );
});
