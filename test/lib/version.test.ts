import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { readVersion } from "../../src/lib/version.ts";

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));

test("the version is that of package.json, the revision that of the environment", () => {
  expect(readVersion({ DRIFTD_REVISION: "abc123" })).toEqual({ version, revision: "abc123", nodejs: process.version });
});

test("without a revision in the environment it is unknown", () => {
  expect(readVersion({}).revision).toBe("unknown");
});
