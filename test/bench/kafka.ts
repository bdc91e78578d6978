/**
 * End to end from a real broker: source, decode, count, commit to SQLite, windows, verdicts, by the daemon itself, against stock kafkajs with
 * `eachBatch` and `JSON.parse` on the same topic, by turns.
 */

import { ask } from "./child.ts";
import type { DaemonRun } from "./daemon.ts";
import { median, report } from "./figure.ts";
import type { LoopReport } from "./loop-watch.ts";
import { TRAFFIC_FROM_MS } from "./model.ts";
import type { StockRun } from "./stock-consumer.ts";
import { withTopic } from "./topic.ts";

const RECORDS = Number(process.env["BENCH_RECORDS"] ?? 400_000);
const HOURS = 4;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
/** The watermark stands 10 minutes behind the last record, so the last full pane before that is judged. */
const LAST_END_MS = TRAFFIC_FROM_MS + HOURS * 3_600_000 - 15 * 60_000;

await withTopic(RECORDS, HOURS, async ({ brokers, topic, bytes, configure }) => {
  const stock: StockRun[] = [];
  const driftd: DaemonRun[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    stock.push(await ask<StockRun>("stock-consumer.ts", [brokers.join(), topic, `stock-${round}`, String(RECORDS)]));
    driftd.push(await ask<DaemonRun>("daemon.ts", [await configure(), String(RECORDS), String(LAST_END_MS)]));
    const [of, to] = [driftd.at(-1)!, stock.at(-1)!];
    if (of.counted !== RECORDS) throw new Error(`${of.counted} of ${RECORDS} records were counted`);
    process.stderr.write(
      `round ${round + 1}: ${(to.seconds / of.seconds).toFixed(2)} by the clock, ${(to.cpuSeconds / of.cpuSeconds).toFixed(2)} in CPU time, ${JSON.stringify(of.loop)}\n`,
    );
  }
  const rate = (runs: readonly { readonly seconds: number }[]) => median(runs.map(({ seconds }) => RECORDS / seconds));
  const cost = (runs: readonly { readonly cpuSeconds: number }[]) => median(runs.map((run) => (run.cpuSeconds / RECORDS) * 1e6));
  const loop = (of: (run: DaemonRun["loop"]) => number) => median(driftd.map((run) => of(run.loop)));
  const worst = (of: (loop: LoopReport) => number) => Math.max(...driftd.map(({ loop }) => of(loop)));
  const stocks = (of: (loop: LoopReport) => number) => ({
    what: "kafkajs + JSON.parse",
    value: Math.max(...stock.map(({ loop }) => of(loop))),
  });
  report([
    {
      figure: "Kafka to verdicts, by the clock",
      unit: "records/s",
      value: rate(driftd),
      baseline: { what: "kafkajs + JSON.parse", value: rate(stock) },
      ratio: median(driftd.map(({ seconds }, round) => stock[round]!.seconds / seconds)),
      target: { of: "ratio", least: 0.7 },
      note: `${RECORDS} records of ${Math.round(bytes)} bytes over ${HOURS} h of event time, median of ${ROUNDS}`,
    },
    {
      figure: "CPU per record, all threads",
      unit: "µs",
      value: cost(driftd),
      baseline: { what: "kafkajs + JSON.parse", value: cost(stock) },
      ratio: median(driftd.map((run, round) => run.cpuSeconds / stock[round]!.cpuSeconds)),
    },
    {
      figure: "event loop held by driftd, worst turn of all rounds",
      unit: "ms of CPU",
      value: worst(({ maxCpuMs }) => maxCpuMs),
      baseline: stocks(({ maxCpuMs }) => maxCpuMs),
      target: { of: "value", most: 20 },
      note: "CPU time of the daemon's main thread between two passes of the loop",
    },
    {
      figure: "the same by the clock, with what else runs on the cores",
      unit: "ms",
      value: worst(({ maxMs }) => maxMs),
      baseline: stocks(({ maxMs }) => maxMs),
      target: { of: "value", most: 20 },
      note: `99th percentile ${loop(({ p99Ms }) => p99Ms).toFixed(1)}; best round ${Math.min(...driftd.map((run) => run.loop.maxMs)).toFixed(1)}; longest collection ${worst(({ maxGcMs }) => maxGcMs).toFixed(1)}`,
    },
    {
      figure: "RSS while reading, worst of all rounds",
      unit: "MB",
      value: worst(({ maxRssBytes }) => maxRssBytes) / 1e6,
      baseline: { what: "kafkajs + JSON.parse", value: stocks(({ maxRssBytes }) => maxRssBytes).value / 1e6 },
      target: { of: "value", most: 300 },
    },
  ]);
});
