import { defineConfig } from "vitest/config";

// Unit tests run side by side; the end-to-end tests share one broker and the machine's two cores, so they go file by file.
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/e2e/**", "test/bench/**"], testTimeout: 30_000 } },
      { test: { name: "e2e", include: ["test/e2e/**/*.test.ts"], fileParallelism: false, testTimeout: 240_000, hookTimeout: 240_000 } },
    ],
  },
});
