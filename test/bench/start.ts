/**
 * From the start of the process to `/-/ready`: a daemon whose store already holds panes, cursors and alert state, on a real broker. Against a
 * stock kafkajs consumer from its start until it has joined its group.
 */

import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { ask } from "./child.ts";
import { median, report } from "./figure.ts";
import { TRAFFIC_FROM_MS } from "./model.ts";
import { runDaemon } from "./run-daemon.ts";
import { withTopic } from "./topic.ts";

const ROUNDS = 5;
const RECORDS = 50_000;
const HOURS = 26;

await withTopic(RECORDS, HOURS, async ({ brokers, topic, configure }) => {
  const path = await configure();
  await ask("daemon.ts", [path, String(RECORDS), String(TRAFFIC_FROM_MS + (HOURS - 1) * 3_600_000)]);
  const url = `http://${/listen: "([^"]+)"/.exec(await readFile(path, "utf8"))![1]}/-/ready`;
  const own: number[] = [];
  const stock: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beganMs = performance.now();
    const daemon = runDaemon(path);
    while (!(await answers(url))) {
      if (performance.now() - beganMs > 60_000) throw new Error("the daemon is not ready after 60 s");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    own.push((performance.now() - beganMs) / 1000);
    await daemon.stop();
    const { seconds } = await ask<{ seconds: number }>("stock-consumer.ts", [brokers.join(), topic, `stock-start-${round}`, "join"]);
    stock.push(seconds);
  }
  report([
    {
      figure: "start to ready with a warm store",
      unit: "s",
      value: median(own),
      baseline: { what: "kafkajs to its group", value: median(stock) },
      target: { of: "value", most: 2 },
      note: `${HOURS} h of panes in four partitions; worst of ${ROUNDS}: ${Math.max(...own).toFixed(2)} s`,
    },
  ]);
});

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).status === 200;
  } catch {
    return false;
  }
}
