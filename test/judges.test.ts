import { describe, expect, test } from "vitest";
import type { Policy } from "../src/evaluate/policy.ts";
import { createJudges } from "../src/judges.ts";
import { compileLayout } from "../src/reference/compile.ts";
import type { LoadedReference, ModelReferences } from "../src/reference/models.ts";
import { HOUR, smallSnapshot } from "./support/workspace.ts";

const policy = (psi = 0.2): Policy => ({
  mode: "monitor",
  thresholds: { psi: { warning: undefined, critical: psi } },
  falseAlarms: { budget: 1, perMs: 30 * 24 * HOUR },
  windows: [{ name: "1h", lengthMs: HOUR }],
  features: { include: undefined, exclude: [] },
});

function loaded(model: string, version?: string, scale = 1): LoadedReference {
  const snapshot = smallSnapshot(model, version === undefined ? {} : { version }, scale);
  return { path: `${model}-${version ?? "any"}-${scale}.json`, snapshot, compiled: compileLayout(snapshot) };
}

function referencesOf(...all: LoadedReference[]): ModelReferences {
  const of = (model: string, version: string | undefined) =>
    all.find(({ snapshot }) => snapshot.model === model && snapshot.version === version);
  return {
    find: (model, version) => of(model, version) ?? of(model, undefined),
    all: () => all.map((reference) => ({ model: reference.snapshot.model, version: reference.snapshot.version, reference })),
  };
}

const model = (name: string, maxVersions = 2) => ({ name, policy: policy(), maxVersions });

describe("the route of a record", () => {
  test("without a model's name it is the only model's; with several it is unknown", () => {
    expect(createJudges([model("m")], referencesOf(loaded("m"))).route(undefined, "1")).toMatchObject({ model: "m", version: "1" });
    const two = createJudges([model("m"), model("n")], referencesOf(loaded("m"), loaded("n")));
    expect(two.route(undefined, "1")).toBe("unknown_model");
  });

  test.each(["other", "__proto__", "constructor", ""])("of the model %j, which is not configured, is unknown", (name) => {
    expect(createJudges([model("m")], referencesOf(loaded("m"))).route(name, "")).toBe("unknown_model");
  });

  test("is the same object for the same version, so that counting may compare by identity", () => {
    const judges = createJudges([model("m")], referencesOf(loaded("m")));
    expect(judges.route("m", "1")).toBe(judges.route("m", "1"));
  });

  test("of a version beyond max_versions is refused, of one with a reference of its own never", () => {
    const judges = createJudges([model("m")], referencesOf(loaded("m", "9")));
    for (const version of ["1", "__proto__"]) expect(judges.route("m", version)).toMatchObject({ version });
    expect(judges.route("m", "3")).toBe("too_many_versions");
    expect(judges.route("m", "9")).toMatchObject({ version: "9" });
    expect(judges.subjects().map(({ version }) => version)).toEqual(["1", "9", "__proto__"]);
  });

  test("of a version without a reference counts records and no feature", () => {
    const judges = createJudges([model("m")], referencesOf(loaded("m", "1")));
    expect(judges.find("m", "2")).toBeUndefined();
    expect(judges.route("m", "2")).toMatchObject({ layout: { row: { slots: 0 }, features: [] } });
  });

  test("of a version with a lone surrogate is the one that comes back from the store", () => {
    const judges = createJudges([model("m")], referencesOf(loaded("m")));
    expect(judges.route("m", "\ud800")).toBe(judges.route("m", "\ufffd"));
  });
});

describe("the digest of a model", () => {
  const digest = (psi: number, ...references: LoadedReference[]) =>
    createJudges([{ name: "m", policy: policy(psi), maxVersions: 2 }], referencesOf(...references)).digest("m");

  test.each([
    ["a threshold", digest(0.3, loaded("m"))],
    ["a reference's content", digest(0.2, loaded("m", undefined, 2))],
    ["one reference more", digest(0.2, loaded("m"), loaded("m", "2"))],
  ])("changes with %s", (_, other) => {
    expect(other).not.toBe(digest(0.2, loaded("m")));
  });

  test("is the same for the same references and policy", () => {
    expect(digest(0.2, loaded("m"))).toBe(digest(0.2, loaded("m")));
  });
});
