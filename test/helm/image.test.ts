/** The Dockerfile, as far as it can be checked without building it. How it was built and run once: docs/operate.md. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { healthRoutes } from "../../src/http/health.ts";
import { checkNode } from "../../src/lib/version.ts";
import { chartTool, describeWith, root, run } from "./tools.ts";

const text = readFileSync(join(root, "Dockerfile"), "utf8").replaceAll(/\\\n\s*/g, "");
const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
const stages = text.split(/^FROM /m).slice(1);
const last = stages.at(-1) ?? "";
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const argument = (name: string): string => {
  const value = lines.map((line) => new RegExp(`^ARG ${name}=(.*)$`).exec(line)?.[1]).find((found) => found !== undefined);
  if (value === undefined) throw new Error(`no ARG ${name}`);
  return value;
};

describeWith([chartTool("hadolint")])("hadolint", () => {
  it("finds nothing in the Dockerfile", () => {
    const { code, stdout } = run(chartTool("hadolint"), ["--failure-threshold", "style", join(root, "Dockerfile")]);
    expect(stdout).toBe("");
    expect(code).toBe(0);
  });
});

describe("the image", () => {
  it("stands on a pinned Node.js that driftd runs on, slim and with glibc", () => {
    const [, version = "", flavour] = /^node:([\d.]+)-(.+)$/.exec(argument("NODE_IMAGE")) ?? [];
    expect(() => checkNode(`v${version}`)).not.toThrow();
    expect(version).toBe(manifest.devDependencies.node);
    expect(flavour).toMatch(/slim$/);
    for (const stage of stages) expect(stage).toMatch(/^(\$\{NODE_IMAGE\}|build)( AS \w+)?\n/);
  });

  it("is of the version that stands in package.json", () => {
    expect(argument("VERSION")).toBe(manifest.version);
  });

  it("runs the command of the package, as nobody that the host knows", () => {
    expect(last).toContain(`ENTRYPOINT ["node", "/app/${manifest.bin.driftd}"]`);
    expect(last).toContain("USER 65532:65532");
    expect(last.indexOf("USER ")).toBeGreaterThan(last.lastIndexOf("RUN "));
  });

  it("checks its health at a path that the server has", () => {
    const [, path] = /HEALTHCHECK[^\n]*127\.0\.0\.1:9465(\/[^']*)'/.exec(last) ?? [];
    expect(healthRoutes.map((route) => route.path)).toContain(path);
  });

  it("holds no development dependency, no demonstration and no package manager", () => {
    expect(stages[0]).toContain("npm ci --omit=dev --ignore-scripts");
    expect(last).toContain("COPY --from=packages /app/node_modules");
    expect(last).toContain("rm -rf /usr/local/lib/node_modules");
    expect(text).toContain("rm -rf dist/src/demo");
  });

  it("copies only what is there, and what .dockerignore lets through", () => {
    const let_ = readFileSync(join(root, ".dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const copied = lines
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(
        let_.some((allowed) => source === allowed || source.startsWith(`${allowed}/`)),
        source,
      ).toBe(true);
    }
  });
});
