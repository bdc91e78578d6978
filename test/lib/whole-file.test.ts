import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeWhole } from "../../src/lib/whole-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-whole-"));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

test("replaces the file and leaves nothing beside it", async () => {
  const path = join(folder, "a");
  await writeFile(path, "old and longer");
  await writeWhole(path, Buffer.from("new"));
  expect(await readFile(path, "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["a"]);
});

test("what cannot be replaced stands as it was, and nothing is left beside it", async () => {
  const path = join(folder, "a");
  await mkdir(path);
  await writeFile(join(path, "inside"), "kept");
  await expect(writeWhole(path, Buffer.from("new"))).rejects.toMatchObject({ code: "EISDIR" });
  expect(await readdir(folder)).toEqual(["a"]);
  expect(await readFile(join(path, "inside"), "utf8")).toBe("kept");
});
