import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson, digestOf } from "../../src/reference/canonical.ts";
import { isSnapshotFile, loadSnapshot, saveSnapshot } from "../../src/reference/load.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "./snapshots.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-load-"));
});
afterAll(() => rm(folder, { recursive: true }));

const snapshot = snapshotOf([numericFeature("x", [1, 2, 2, 0.1, 5e-324, 1e150]), categoricalFeature("c", { a: 2, "é\n😀": 1 })], {
  version: "7",
  calibration: { days: 1, time_zone: "UTC", slot_seconds: 1800, from: "2026-01-01T00:00:00Z", slots: { x: [[1, 2], []] } },
});

async function file(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

/** The snapshot with a field changed, and a digest that is right for it. */
function changed(change: (draft: Record<string, unknown>, first: Record<string, unknown>) => void): string {
  const draft = structuredClone(snapshot) as unknown as Record<string, unknown> & { features: Record<string, unknown>[] };
  change(draft, draft.features[0]!);
  return JSON.stringify({ ...draft, digest: digestOf(draft) });
}

describe("a snapshot file", () => {
  it.each(["a.json", "b.json.gz"])("comes back as it was saved: %s", async (name) => {
    const path = join(folder, name);
    await saveSnapshot(snapshot, path);
    expect(await loadSnapshot(path)).toEqual(snapshot);
    expect(await isSnapshotFile(path)).toBe(true);
  });

  it("is replaced whole, and leaves nothing beside it", async () => {
    const path = join(folder, "twice.json");
    await saveSnapshot(snapshot, path);
    await saveSnapshot({ ...snapshot, digest: "sha256:other" }, path);
    expect(JSON.parse(await readFile(path, "utf8")).digest).toBe("sha256:other");
    expect((await readdir(folder)).filter((name) => name.startsWith("twice"))).toEqual(["twice.json"]);
  });

  it("keeps fields that this version does not know, under the digest", async () => {
    const path = await file(
      "extra.json",
      changed((draft) => Object.assign(draft, { future: { a: 1 } })),
    );
    expect(await loadSnapshot(path)).toMatchObject({ future: { a: 1 } });
  });

  it("is not saved into a folder that is not there", async () => {
    await expect(saveSnapshot(snapshot, join(folder, "none", "a.json"))).rejects.toMatchObject({ code: "REFERENCE_UNWRITABLE" });
  });
});

describe("a bad snapshot file", () => {
  it("that is not there is REFERENCE_NOT_FOUND, with the command that builds it", async () => {
    await expect(loadSnapshot(join(folder, "nope.json"))).rejects.toMatchObject({
      code: "REFERENCE_NOT_FOUND",
      message: expect.stringContaining("nope.json"),
      hint: expect.stringContaining("driftd reference build"),
    });
  });

  it.each<[string, string | Buffer]>([
    ["empty.json", ""],
    ["half.json", JSON.stringify(snapshot).slice(0, 500)],
    ["text.json.gz", "no gzip"],
    ["cut.json.gz", gzipSync(JSON.stringify(snapshot)).subarray(0, 100)],
  ])("is REFERENCE_UNREADABLE with its name: %s", async (name, content) => {
    await expect(loadSnapshot(await file(name, content))).rejects.toMatchObject({
      code: "REFERENCE_UNREADABLE",
      message: expect.stringContaining(name),
    });
  });

  it("that was changed by hand does not have its digest", async () => {
    const path = await file("edited.json", JSON.stringify({ ...snapshot, records: 101 }));
    await expect(loadSnapshot(path)).rejects.toMatchObject({
      code: "REFERENCE_DIGEST_MISMATCH",
      message: expect.stringContaining(snapshot.digest),
    });
  });

  it("of a later format asks for the driftd that built it", async () => {
    const path = await file(
      "v2.json",
      changed((draft) => Object.assign(draft, { schema: "driftd/reference/v2" })),
    );
    await expect(loadSnapshot(path)).rejects.toMatchObject({ code: "REFERENCE_VERSION_UNKNOWN" });
  });

  it.each<[string, Parameters<typeof changed>[0], string]>([
    ["no schema", (draft) => Object.assign(draft, { schema: undefined }), "schema"],
    ["no model", (draft) => Object.assign(draft, { model: "" }), "model"],
    ["a renewal of nothing", (draft) => Object.assign(draft, { renewal: { ordinal: 1, previous: "sha256:a" } }), "renewal.first"],
    ["features that are no list", (draft) => Object.assign(draft, { features: {} }), "features"],
    ["a name twice", (_, first) => Object.assign(first, { feature: "c" }), "features[1].feature"],
    ["an unknown kind", (_, first) => Object.assign(first, { kind: "text" }), "features[0].kind"],
    ["edges out of order", (_, first) => (first["edges"] as number[]).reverse(), "features[0].edges"],
    ["a count too few", (_, first) => (first["counts"] as number[]).pop(), "features[0].coarse"],
    ["a negative count", (_, first) => Object.assign(first["counts"] as number[], { 1: -1 }), "features[0].counts"],
    ["a coarse bin without fine ones", (_, first) => Object.assign(first["coarse"] as number[], { 1: 19 }), "features[0].coarse"],
    ["bins that its layout does not name", (_, first) => Object.assign(first, { layout: "0123456789abcdef" }), "features[0].layout"],
    ["an unknown rounding", (_, first) => Object.assign(first, { round: "float16" }), "features[0].round"],
    [
      "calibration without slots",
      (draft) => Object.assign(draft, { calibration: { days: 1, slot_seconds: 1800, from: "2026-01-01T00:00:00Z" } }),
      "calibration.slots",
    ],
  ])("with %s is REFERENCE_INVALID and says where", async (_, change, field) => {
    await expect(loadSnapshot(await file("invalid.json", changed(change)))).rejects.toMatchObject({
      code: "REFERENCE_INVALID",
      message: expect.stringContaining(`invalid.json: ${field} `),
    });
  });

  it("is not taken for a snapshot when it is data", async () => {
    expect(await isSnapshotFile(await file("data.json", '[{"schema":1}]'))).toBe(false);
    expect(await isSnapshotFile(await file("rows.json", '{"a":{"schema":"driftd/reference/v1"}}\n'))).toBe(false);
    expect(await isSnapshotFile(join(folder, "nothing.json"))).toBe(false);
  });
});

describe("canonicalJson", () => {
  it("does not depend on the order of keys and leaves undefined members out", () => {
    expect(canonicalJson({ b: [1, { d: null, c: "x" }], a: undefined, é: -0 })).toBe('{"b":[1,{"c":"x","d":null}],"é":0}');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses %s, which JSON cannot hold", (x) => {
    expect(() => canonicalJson({ x })).toThrow(TypeError);
  });
});
