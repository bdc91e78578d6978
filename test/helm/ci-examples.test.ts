/** The pipelines in examples/ci: parsed, and their shell lines run against the real command with small tables. */

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "./tools.ts";

const folder = mkdtempSync(join(tmpdir(), "driftd-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const github = parse(readFileSync(join(root, "examples", "ci", "github-actions.yaml"), "utf8"));
const gitlab = parse(readFileSync(join(root, "examples", "ci", "gitlab-ci.yaml"), "utf8"));
const githubLines: string = github.jobs["drift-gate"].steps.find(({ run }: { run?: string }) => run !== undefined).run;
const gitlabLines: string = gitlab["drift-gate"].script.join("\n");

/** Values that follow one another without a pattern that matters. */
function table(rows: number, scale: number): string {
  const lines = Array.from(
    { length: rows },
    (_, i) => `${(((i * 7919) % 10_007) / 100) * scale},${["red", "green", "blue"][(i * 31) % 3]}`,
  );
  return `amount,colour\n${lines.join("\n")}\n`;
}

beforeAll(() => {
  writeFileSync(join(folder, "driftd"), `#!/bin/sh\nexec "${process.execPath}" "${join(root, "src", "main.ts")}" "$@"\n`);
  chmodSync(join(folder, "driftd"), 0o755);
  writeFileSync(join(folder, "reference.csv"), table(5_000, 1));
  writeFileSync(join(folder, "same.csv"), table(3_000, 1));
  writeFileSync(join(folder, "moved.csv"), table(3_000, 3));
  writeFileSync(join(folder, "few.csv"), table(3, 1));
});

/** Runs lines as the runner does; returns what it would see. */
function gate(lines: string, current: string, more: Readonly<Record<string, string>> = {}) {
  const summary = join(folder, "summary.md");
  rmSync(summary, { force: true });
  rmSync(join(folder, "drift.html"), { force: true });
  const { status, stdout, stderr } = spawnSync("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", lines], {
    cwd: folder,
    encoding: "utf8",
    env: {
      PATH: `${folder}:${process.env["PATH"]}`,
      REFERENCE: "reference.csv",
      CURRENT: current,
      FAIL_ON: "critical",
      CANNOT_TELL: "fail",
      GITHUB_STEP_SUMMARY: summary,
      ...more,
    },
  });
  return { status, said: stdout + stderr, report: readFileSync(join(folder, "drift.html"), "utf8") };
}

describe.each([
  ["github-actions.yaml", githubLines],
  ["gitlab-ci.yaml", gitlabLines],
])("%s", (_, lines) => {
  it("lets data like the reference's pass, with a report", () => {
    const { status, said, report } = gate(lines, "same.csv");
    expect(status, said).toBe(0);
    expect(report).toContain("<html");
  });

  it("stops at drift, and still has the report", () => {
    const { status, said, report } = gate(lines, "moved.csv");
    expect(status, said).toBe(1);
    expect(report).toContain("amount");
  });

  it("says that a few rows cannot tell, by a code of its own", () => {
    expect(gate(lines, "few.csv").status).toBe(3);
  });

  it("fails when a file is missing, and names it", () => {
    const { status, said } = gate(lines, "nowhere.csv");
    expect(status).toBe(2);
    expect(said).toContain("nowhere.csv");
  });
});

describe("the pipelines", () => {
  it("can let pass what cannot be told", () => {
    expect(gate(githubLines, "few.csv", { CANNOT_TELL: "pass" }).status).toBe(0);
    expect(gitlab["drift-gate"].allow_failure.exit_codes).toEqual([3]);
  });

  it("keep the report of a run that failed", () => {
    const steps: { uses?: string; if?: string; with?: { path: string } }[] = github.jobs["drift-gate"].steps;
    const kept = steps.find(({ uses }) => uses?.startsWith("actions/upload-artifact@"));
    expect(kept).toMatchObject({ if: expect.stringContaining("always()"), with: { path: expect.stringContaining("drift.html") } });
    expect(gitlab["drift-gate"].artifacts).toMatchObject({ when: "always", paths: ["drift.html"] });
  });
});
