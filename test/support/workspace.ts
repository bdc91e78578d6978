/** A folder with a reference, records and configurations, and the daemon started from it in this process. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type AppOptions, startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import { readVersion } from "../../src/lib/version.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "../reference/snapshots.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const T0 = Date.parse("2024-01-15T00:00:00Z");
/** Never to be seen in a log, a metric or an answer. */
export const SECRET = "whsec_c2VlbWluZ2x5LXNlY3JldC1zZWNyZXQta2V5";

export type TestApp = App & {
  readonly log: () => string;
  readonly metrics: () => Promise<string>;
  readonly get: (path: string, init?: RequestInit) => Promise<{ readonly status: number; readonly text: string }>;
};

export type Workspace = {
  readonly folder: string;
  readonly path: (name: string) => string;
  readonly write: (name: string, text: string | Buffer) => Promise<string>;
  readonly writeReference: (name: string, snapshot: Snapshot) => Promise<string>;
  /** Starts the daemon from a configuration; it is stopped by `close` at the latest. */
  readonly start: (yaml: string, options?: Partial<AppOptions>) => Promise<TestApp>;
  readonly close: () => Promise<void>;
};

/** A folder of its own under the system's temporary one. */
export async function createWorkspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-test-"));
  const path = (name: string) => join(folder, name);
  const apps: App[] = [];
  const write = async (name: string, text: string | Buffer) => {
    await writeFile(path(name), text);
    return path(name);
  };
  return {
    folder,
    path,
    write,
    writeReference: async (name, snapshot) => {
      await saveSnapshot(snapshot, path(name));
      return path(name);
    },
    start: async (yaml, options = {}) => {
      const file = await write("driftd.yaml", yaml);
      const lines: string[] = [];
      const load = () => loadConfig(file, {});
      const loaded = await load();
      const metrics = createMetrics({ buildInfo: { version: "test", revision: "test" }, clock: systemClock, nodeMetrics: false });
      const log = createLogger({ level: "debug", format: "json", stderr: (line) => void lines.push(line) });
      const app = await startApp({ loaded, load, version: readVersion({}), metrics, clock: systemClock, log, ...options });
      apps.push(app);
      return {
        ...app,
        log: () => lines.join(""),
        metrics: metrics.render,
        get: async (at, init) => {
          const answer = await fetch(`${app.url}${at}`, { signal: AbortSignal.timeout(10_000), ...init });
          return { status: answer.status, text: await answer.text() };
        },
      };
    },
    close: async () => {
      await Promise.allSettled(apps.map((app) => app.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ten thousand values of a numeric feature `x`, uniform in [0, 100), and a categorical one `c`: no time, so judged by fixed thresholds. */
export function smallSnapshot(model: string, more: Partial<Snapshot> = {}, scale = 1): Snapshot {
  const values = Array.from({ length: 10_000 }, (_, i) => ((i * 7919) % 10_000) / (100 / scale));
  return snapshotOf([numericFeature("x", values, 64), categoricalFeature("c", { red: 4_000, green: 3_000, blue: 3_000 })], {
    model,
    records: 10_000,
    ...more,
  });
}

export type Traffic = {
  readonly model?: string;
  readonly version?: string;
  readonly fromMs?: number;
  readonly hours?: number;
  readonly perMinute?: number;
  /** From here on `x` is shifted out of the reference. */
  readonly faultMs?: number;
};

/** Records as lines, in event time. */
export function traffic({ model, version, fromMs = T0, hours = 2, perMinute = 4, faultMs }: Traffic = {}): string[] {
  const colours = ["red", "green", "blue", "red", "green", "blue", "red", "green", "blue", "red"];
  return Array.from({ length: hours * 60 * perMinute }, (_, i) => {
    const timeMs = fromMs + (i * MINUTE) / perMinute;
    const x = ((i * 7919) % 10_000) / 100;
    return JSON.stringify({
      id: String(i),
      ...(model === undefined ? {} : { model }),
      ...(version === undefined ? {} : { version }),
      timestamp: new Date(timeMs).toISOString(),
      features: { x: faultMs !== undefined && timeMs >= faultMs ? x / 10 : x, c: colours[i % 10] },
    });
  });
}

/** Lines as a file. */
export function ndjson(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
