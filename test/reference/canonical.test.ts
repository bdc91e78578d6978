import fc from "fast-check";
import { expect, it } from "vitest";
import { digestInTurns, digestOf, jsonInTurns } from "../../src/reference/canonical.ts";

const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }));

it("the digest made in turns is the digest (property)", async () => {
  await fc.assert(
    fc.asyncProperty(json, async (content) => {
      expect(await digestInTurns(content)).toBe(digestOf(content));
    }),
  );
});

it("the text made in turns is that of JSON.stringify (property)", async () => {
  await fc.assert(
    fc.asyncProperty(json, async (content) => {
      expect((await jsonInTurns(content)).toString("utf8")).toBe(JSON.stringify(content));
    }),
  );
});

it("members that are undefined are left out of both", async () => {
  const content = { a: undefined, b: { c: undefined, d: [{ e: undefined }] }, digest: "x" };
  expect(await digestInTurns(content)).toBe(digestOf(content));
  expect((await jsonInTurns(content)).toString("utf8")).toBe(JSON.stringify(content));
});
