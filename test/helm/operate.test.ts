/** What docs/operate.md tells people to type about the chart, the store and its backup, typed. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { chartFolder } from "../../scripts/chart.ts";
import { migrations } from "../../src/store/migrations.ts";
import { openDatabase } from "../../src/store/sqlite-database.ts";
import { driftd } from "../support/daemon.ts";
import { objectsOf } from "./chart.ts";
import { describeWith, helmPath, helmReleases, root, run } from "./tools.ts";

const page = readFileSync(join(root, "docs", "operate.md"), "utf8");
const section = (title: string) => new RegExp(`## ${title}\n([^]*?)(?=\n## |$)`).exec(page)?.[1] ?? "";
const block = (text: string, language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)?.[1] ?? "";

const folder = mkdtempSync(join(tmpdir(), "driftd-operate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeWith(helmReleases.map(helmPath))("Install by Helm", () => {
  it("shows values that both releases render, and a configuration that driftd accepts", async () => {
    const values = join(folder, "values.yaml");
    writeFileSync(values, block(section("Install by Helm"), "yaml"));
    for (const release of helmReleases) {
      const { code, stdout, stderr } = run(helmPath(release), ["template", "driftd", chartFolder, "--values", values]);
      expect(code, stderr).toBe(0);
      const holder = objectsOf(stdout).find(({ metadata }) => metadata.name === "driftd-config");
      writeFileSync(join(folder, "driftd.yaml"), holder?.["data"]["driftd.yaml"]);
    }
    const checked = await driftd(["check-config", "--no-files", join(folder, "driftd.yaml")]);
    expect(checked.code, checked.stdout + checked.stderr).toBe(0);
  });

  it("shows values in the chart's README that are the least", () => {
    const values = join(folder, "least.yaml");
    writeFileSync(values, block(readFileSync(join(chartFolder, "README.md"), "utf8"), "yaml"));
    for (const release of helmReleases) {
      const { code, stderr } = run(helmPath(release), ["template", "driftd", chartFolder, "--values", values]);
      expect(code, stderr).toBe(0);
    }
  });
});

describe("Upgrade and rollback", () => {
  const text = section("Upgrade and rollback");

  it("says the format that this version writes", () => {
    expect(text).toContain(`this version writes ${migrations.length})`);
  });

  it("makes a backup beside a store that is open, which opens as a store", () => {
    const path = join(folder, "driftd.db");
    const open = openDatabase({ path, access: "own", driftd: "test" });
    const [, script = ""] = /--eval '([^']*)'/.exec(text) ?? [];
    expect(script).toContain("/var/lib/driftd/driftd.db");
    const { code, stderr } = run(process.execPath, ["--eval", script.replace("/var/lib/driftd/driftd.db", path)]);
    expect(code, stderr).toBe(0);
    open.close();
    const backup = openDatabase({ path: `${path}.backup`, access: "own", driftd: "test" });
    expect(backup.sizeBytes()).toBeGreaterThan(0);
    backup.close();
  });

  it("is right that an older driftd leaves a newer store alone", () => {
    const path = join(folder, "newer.db");
    openDatabase({ path, access: "own", driftd: "test" }).close();
    const raise = `new (require("node:sqlite").DatabaseSync)(process.argv[1]).exec("PRAGMA user_version = ${migrations.length + 1}")`;
    expect(run(process.execPath, ["--eval", raise, path]).code).toBe(0);
    const before = readFileSync(path);
    expect(() => openDatabase({ path, access: "own", driftd: "test" })).toThrow(expect.objectContaining({ code: "STORE_TOO_NEW" }));
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});
