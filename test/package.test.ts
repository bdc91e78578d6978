/** What `npm pack` would publish: built here into a folder of its own, unpacked, and used as a stranger would. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PARTS = [
  "package.json",
  "tsconfig.json",
  "tsconfig.base.json",
  "src",
  "detectors",
  "scripts",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
  "driftd.example.yaml",
];

describe("the published package", () => {
  const folder = mkdtempSync(join(tmpdir(), "driftd-package-"));
  const unpacked = join(folder, "unpacked", "package");
  let files: string[] = [];

  beforeAll(() => {
    const clone = join(folder, "clone");
    for (const part of PARTS) cpSync(join(ROOT, part), join(clone, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
    execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: clone, stdio: ["ignore", "ignore", "inherit"] });
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
    execFileSync("mkdir", ["-p", join(folder, "unpacked")]);
    execFileSync("tar", ["xzf", join(folder, tarball), "-C", join(folder, "unpacked")]);
    files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(unpacked.length + 1));
    symlinkSync(join(ROOT, "node_modules"), join(unpacked, "node_modules"));
  }, 120_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("holds the built daemon, the detectors with their types, the schema and the documents, and nothing else", () => {
    const strangers = files.filter(
      (file) =>
        !/^dist\/src\/.*\.js$/.test(file) &&
        !/^dist\/detectors\/.*\.(js|d\.ts)$/.test(file) &&
        !["package.json", "README.md", "CHANGELOG.md", "LICENSE", "driftd.example.yaml", "dist/driftd.schema.json"].includes(file),
    );
    expect(strangers).toEqual([]);
    expect(files.filter((file) => file.includes("/demo/"))).toEqual([]);
    expect(files).toContain("dist/src/main.js");
    expect(files).toContain("dist/driftd.schema.json");
  });

  test("runs its command", () => {
    const out = execFileSync(process.execPath, [join(unpacked, "dist/src/main.js"), "version", "--json"], { encoding: "utf8" });
    expect(JSON.parse(out)).toMatchObject({ version: "0.1.0" });
  });

  test("loads its store worker and its tables from the build", () => {
    const csv = "x\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    const table = join(folder, "t.csv");
    execFileSync("tee", [table], { input: csv, stdio: ["pipe", "ignore", "inherit"] });
    const main = join(unpacked, "dist/src/main.js");
    execFileSync(process.execPath, [main, "reference", "build", "--input", table, "--output", join(folder, "t.json")], { stdio: "ignore" });
    const shown = execFileSync(process.execPath, [main, "reference", "inspect", join(folder, "t.json")], { encoding: "utf8" });
    expect(shown).toContain("12");
  });

  test("exports the detectors and nothing internal", async () => {
    const program = 'import("driftd/detectors").then(({ psi }) => console.log(psi([5, 3, 2], [4, 3, 3])))';
    const out = execFileSync(process.execPath, ["-e", program], { cwd: unpacked, encoding: "utf8" });
    expect(Number(out)).toBeGreaterThan(0.04);
    const inner = 'import("driftd/dist/src/app.js").then(() => console.log("reached"), (error) => console.log(error.code))';
    expect(execFileSync(process.execPath, ["-e", inner], { cwd: unpacked, encoding: "utf8" }).trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });
});
