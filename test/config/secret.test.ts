import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

import { fileSecret, inlineSecret } from "../../src/config/secret.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-secret-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["text", (secret: unknown) => `${secret}`],
  ["joined text", (secret: unknown) => `x${String(secret)}`],
  ["JSON", (secret: unknown) => JSON.stringify({ secret })],
  ["inspect", (secret: unknown) => inspect({ secret }, { showHidden: true, depth: 10 })],
  ["a list of its values", (secret: unknown) => JSON.stringify(Object.values(secret as object))],
])("a secret shows itself nowhere: %s", (_, show) => {
  expect(show(inlineSecret("hunter2"))).not.toContain("hunter2");
});

test("a secret's text is <secret>", () => {
  expect(`${inlineSecret("hunter2")}`).toBe("<secret>");
});

test("an inline secret is revealed as it was given", async () => {
  expect(await inlineSecret(" a\n").reveal()).toBe(" a\n");
});

test("a secret file is read at each use, without its last line ends", async () => {
  const file = join(folder, "rotated");
  const secret = fileSecret(file);
  await writeFile(file, "one\n");
  const before = await secret.reveal();
  await writeFile(file, "two\nthree\r\n\n");
  expect([before, await secret.reveal()]).toEqual(["one", "two\nthree"]);
});

test("a secret file that is not there says which", async () => {
  await expect(fileSecret(join(folder, "none")).reveal()).rejects.toMatchObject({
    code: "SECRET_UNREADABLE",
    message: expect.stringContaining(join(folder, "none")),
  });
});

test("an empty secret file is no secret", async () => {
  await writeFile(join(folder, "empty"), "\n");
  await expect(fileSecret(join(folder, "empty")).reveal()).rejects.toMatchObject({ code: "SECRET_EMPTY" });
});
