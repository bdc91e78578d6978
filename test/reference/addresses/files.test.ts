import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCandidates } from "../../../src/reference/addresses/read.ts";
import type { Snapshot } from "../../../src/reference/snapshot.ts";
import { failure, fetchOf, signal, snapshotAt } from "./serving.ts";

let folder: string;
beforeEach(async () => {
  folder = `${await mkdtemp(join(tmpdir(), "driftd-files-"))}/`;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const wanted = { model: "m", version: undefined, outliers: false };
const write = (name: string, snapshot: Snapshot | string) =>
  writeFile(join(folder, name), typeof snapshot === "string" ? snapshot : JSON.stringify(snapshot));

async function read(previous?: string, want: Parameters<typeof readCandidates>[1] = wanted) {
  const fetched = await fetchOf(folder)(previous, signal);
  if (fetched.kind === "unchanged") return fetched;
  const { found, failures } = await readCandidates(fetched.candidates, want, folder);
  return {
    identity: fetched.identity,
    found: found.map(({ version, reference }) => [version ?? "", reference.snapshot.provenance.created_at]),
    failures: failures.map(({ reason }) => reason),
  };
}

const JAN = "2026-01-01T00:00:00Z";
const FEB = "2026-02-01T00:00:00Z";

test("the newest of a directory is taken by the time that it was built, whatever its name and its file's time", async () => {
  await write("z.json", snapshotAt(JAN));
  await writeFile(join(folder, "a.json.gz"), gzipSync(JSON.stringify(snapshotAt(FEB))));
  await utimes(join(folder, "a.json.gz"), 1, 1);
  await write("notes.txt", "no");
  await write(".hidden.json", snapshotAt("2027-01-01T00:00:00Z"));
  expect(await read()).toMatchObject({ found: [["", FEB]], failures: [] });
});

test("each version has its own newest", async () => {
  await write("1-old.json", snapshotAt(JAN, { version: "1" }));
  await write("1-new.json", snapshotAt(FEB, { version: "1" }));
  await write("2.json", snapshotAt(JAN, { version: "2" }));
  await write("any.json", snapshotAt(JAN));
  expect(await read()).toMatchObject({
    found: [
      ["1", FEB],
      ["2", JAN],
      ["", JAN],
    ],
  });
  expect(await read(undefined, { ...wanted, version: "2" })).toMatchObject({
    found: [["2", JAN]],
    failures: ["wrong_version", "wrong_version"],
  });
});

test("a half-written file is told and takes nothing away from the others; other models' are passed over", async () => {
  await write("a.json", snapshotAt(JAN));
  await write("b.json", JSON.stringify(snapshotAt(FEB)).slice(0, 500));
  await write("c.json", snapshotAt(FEB, {}, "other"));
  expect(await read()).toMatchObject({ found: [["", JAN]], failures: ["unreadable"] });
});

test("nothing that changed is nothing that is read", async () => {
  await write("a.json", snapshotAt(JAN));
  const first = await read();
  const identity = "identity" in first ? first.identity : undefined;
  expect(await read(identity)).toEqual({ kind: "unchanged" });
  await write("a.json", snapshotAt(FEB));
  expect(await read(identity)).toMatchObject({ found: [["", FEB]] });
});

test("a link that is turned, as Kubernetes does with ConfigMaps, is a change of all files behind it", async () => {
  for (const [name, createdAt] of [
    ["..2026_01", JAN],
    ["..2026_02", FEB],
  ] as const) {
    await mkdir(join(folder, name));
    await write(`${name}/reference.json`, snapshotAt(createdAt));
  }
  await symlink("..2026_01", join(folder, "..data"));
  await symlink("..data/reference.json", join(folder, "reference.json"));
  const first = await read();
  expect(first).toMatchObject({ found: [["", JAN]] });
  const file = await fetchOf(join(folder, "reference.json"))(undefined, signal);
  await symlink("..2026_02", join(folder, "..data_tmp"));
  await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  expect(await read("identity" in first ? first.identity : undefined)).toMatchObject({ found: [["", FEB]] });
  expect(await fetchOf(join(folder, "reference.json"))(file.kind === "changed" ? file.identity : undefined, signal)).toMatchObject({
    kind: "changed",
  });
});

test("a directory that is gone or empty, and one without a snapshot of the model, is a failure", async () => {
  expect(await failure(read())).toMatchObject({ reason: "not_found" });
  await write("a.json", snapshotAt(JAN, {}, "other"));
  await write("b.json", snapshotAt(JAN, {}, "another"));
  expect(await failure(read())).toMatchObject({ reason: "wrong_model", message: `${folder}: none of its 2 snapshots is of model m` });
  await rm(folder, { recursive: true });
  expect(await failure(read())).toMatchObject({ reason: "not_found" });
});
