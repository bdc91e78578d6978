import { defineConfig } from "vitest/config";

const inCi = process.env["CI"] !== undefined && process.env["CI"] !== "";

// Unit tests run side by side; the end-to-end tests share one broker and the machine's cores, so they go file by file, after the unit tests.
export default defineConfig({
  test: {
    reporters: inCi ? ["default", ["json", { outputFile: ".cache/vitest-report.json" }]] : ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/bench/**"],
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
