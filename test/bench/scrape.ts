/**
 * The page of `/metrics` at 20,000 series: how long its rendering holds the event loop at once. Against prom-client's own registry with the same
 * series, which renders in one turn. A page of the daemon also has its own and Node's families; both sides are without them.
 */

import { Gauge, Registry } from "prom-client";
import { systemClock } from "../../src/lib/clock.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { median, report } from "./figure.ts";
import { longestTurn } from "./loop-watch.ts";

const SERIES = 20_000;
const STATISTICS = ["psi", "psi_excess", "kl", "ks"];
const WINDOWS = ["1h", "6h", "24h"];
const ROUNDS = 15;

const metrics = createMetrics({ buildInfo: { version: "0", revision: "0" }, clock: systemClock, maxSeries: SERIES, nodeMetrics: false });
const registry = new Registry();
const labelNames = ["model", "version", "feature", "statistic", "window"];
const gauge = new Gauge({
  name: "driftd_drift_score",
  help: "Distance of the window from the reference.",
  labelNames,
  registers: [registry],
});
let series = 0;
for (let feature = 0; series < SERIES; feature++) {
  for (const statistic of STATISTICS) {
    for (const window of WINDOWS) {
      if (series++ >= SERIES) break;
      const labels = { model: "fraud", version: "3", feature: `merchant_embedding_${feature}`, statistic, window };
      metrics.set("driftd_drift_score", labels, Math.sin(series) ** 2);
      gauge.set(labels, Math.sin(series) ** 2);
    }
  }
}

const own: { readonly heldMs: number; readonly tookMs: number }[] = [];
const stock: { readonly heldMs: number; readonly tookMs: number }[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const ofOwn = await longestTurn(() => metrics.render());
  const ofStock = await longestTurn(() => registry.metrics());
  if (round === 0) continue;
  own.push(ofOwn);
  stock.push(ofStock);
}
const lines = (await metrics.render()).split("\n").filter((line) => line.startsWith("driftd_drift_score{")).length;
if (lines !== SERIES) throw new Error(`${lines} series on the page`);
report([
  {
    figure: "scrape of 20,000 series: event loop held",
    unit: "ms of CPU",
    value: median(own.map(({ heldMs }) => heldMs)),
    baseline: { what: "prom-client's registry", value: median(stock.map(({ heldMs }) => heldMs)) },
    target: { of: "value", most: 20 },
    note: `worst of ${ROUNDS}: ${Math.max(...own.map(({ heldMs }) => heldMs)).toFixed(1)} ms`,
  },
  {
    figure: "the same: time to the whole page",
    unit: "ms",
    value: median(own.map(({ tookMs }) => tookMs)),
    baseline: { what: "prom-client's registry", value: median(stock.map(({ tookMs }) => tookMs)) },
  },
]);
