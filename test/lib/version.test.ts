import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { checkNode, readVersion } from "../../src/lib/version.ts";

const { version, engines } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));

test("the version is that of package.json, the revision that of the environment", () => {
  expect(readVersion({ DRIFTD_REVISION: "abc123" })).toEqual({ version, revision: "abc123", nodejs: process.version });
});

test("without a revision in the environment it is unknown", () => {
  expect(readVersion({}).revision).toBe("unknown");
});

test.each(["v24.12.0", "v24.21.3", "v25.0.0", "v26.1.0"])("Node.js %s is new enough", (running) => {
  expect(() => checkNode(running)).not.toThrow();
});

test.each(["v20.20.2", "v22.22.0", "v24.11.9"])("Node.js %s is refused in words", (running) => {
  expect(() => checkNode(running)).toThrow(`driftd needs Node.js 24.12.0 or newer; this is ${running}`);
});

test("the Node.js that is asked for is the one of package.json", () => {
  const least = engines.node.replace(">=", "");
  expect(() => checkNode(`v${least}.0`)).not.toThrow();
  expect(() => checkNode("v20.0.0")).toThrow(least);
});
