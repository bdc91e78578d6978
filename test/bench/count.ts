/**
 * The path of a record without Kafka: decode, route, count into its pane, through the handler that every source calls, from bytes in memory.
 * Against `JSON.parse` of the same bytes.
 */

import { DEFAULT_PATHS } from "../../src/decode/fields.ts";
import { createJsonDecoder } from "../../src/decode/json.ts";
import { createRowDecoder } from "../../src/decode/row.ts";
import { createIngest } from "../../src/ingest.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/metrics/metrics.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { cpuSeconds, median, report } from "./figure.ts";
import { withFolder } from "./folder.ts";
import { MODEL, TRAFFIC_FROM_MS, VERSION } from "./model.ts";
import { buildReference, createRecords } from "./records.ts";

/** 17 MB: more than the processor's caches hold, as in a stream. */
const RECORDS = 20_000;
const PASSES = 10;
const ROUNDS = 7;
const SLICE = 500;

const snapshot = await withFolder((folder) => buildReference(folder, 20_000));
const values = Array.from(
  { length: RECORDS },
  (
    (next) => (_: unknown, i: number) =>
      Buffer.from(next(TRAFFIC_FROM_MS + i * 10))
  )(createRecords(1)),
);
const bytes = Buffer.concat(values);
const starts = new Int32Array(RECORDS + 1);
for (let i = 0; i < RECORDS; i++) starts[i + 1] = starts[i]! + values[i]!.length;

const route = { model: MODEL, version: VERSION, layout: compileLayout(snapshot), ids: process.env["IDS"] !== "off" };
const ingest = createIngest({
  decoders: {
    bytes: createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: false, maxBytes: 1 << 20 }),
    row: createRowDecoder(DEFAULT_PATHS),
  },
  route: () => route,
  timing: { paneMs: 300_000, allowedLatenessMs: 600_000, maxStepMs: 3_600_000, futureMs: 300_000, idleTimeoutMs: 120_000 },
  cursors: [],
  openPanes: [],
  layouts: [],
  start: () => "earliest",
  driftd: "bench",
  metrics: noMetrics,
  clock: systemClock,
  log: silentLog,
  onFatal: (error) => {
    throw error;
  },
});
let offset = 0;

function count(): void {
  for (let pass = 0; pass < PASSES; pass++) {
    for (let from = 0; from < RECORDS; from += SLICE) {
      const first = offset;
      offset += SLICE;
      ingest.handler.onChunk({
        source: "kafka:bench",
        partition: 0,
        asked: first,
        next: offset,
        end: Number.NaN,
        kind: "bytes",
        format: "json",
        forEach: (visit) => {
          for (let i = 0; i < SLICE; i++) visit(first + i, Number.NaN, bytes, starts[from + i]!, starts[from + i + 1]!);
        },
      });
    }
  }
}

let parsed = 0;
function parse(): void {
  for (let pass = 0; pass < PASSES; pass++) {
    for (let i = 0; i < RECORDS; i++) {
      if ((JSON.parse(bytes.toString("utf8", starts[i], starts[i + 1])) as { model?: string }).model === MODEL) parsed++;
    }
  }
}

const counting: number[] = [];
const parsing: number[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  for (const [work, costs] of [
    [count, counting],
    [parse, parsing],
  ] as const) {
    const before = cpuSeconds();
    work();
    // The first round warms up.
    if (round > 0) costs.push(((cpuSeconds() - before) * 1e6) / (RECORDS * PASSES));
  }
}
const { counted } = ingest.stats();
if (counted !== offset || parsed !== offset) throw new Error(`${counted} counted, ${parsed} parsed of ${offset}`);
report([
  {
    figure: "decode and count a record, from memory",
    unit: "records/s of CPU",
    value: 1e6 / median(counting),
    baseline: { what: "JSON.parse", value: 1e6 / median(parsing) },
    note: `${snapshot.features.length} features, ${Math.round(bytes.length / RECORDS)} bytes; ${median(counting).toFixed(2)} against ${median(parsing).toFixed(2)} µs`,
  },
]);
