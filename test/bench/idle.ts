/** CPU of a daemon that waits on a real broker for records that do not come, as a share of one core. Against an idle stock kafkajs consumer. */

import { ask } from "./child.ts";
import { report } from "./figure.ts";
import { withTopic } from "./topic.ts";

const SECONDS = 20;
/** Some records, so that there are panes, windows and positions to keep. */
const RECORDS = 20_000;

type Idle = { readonly cpuSeconds: number };

await withTopic(RECORDS, 2, async ({ brokers, topic, configure }) => {
  const own = await ask<Idle>("daemon.ts", [await configure(), "idle", String(SECONDS)]);
  const stock = await ask<Idle>("stock-consumer.ts", [brokers.join(), topic, "stock-idle", "idle", String(SECONDS)]);
  report([
    {
      figure: "an idle daemon, share of a core",
      unit: "%",
      value: (own.cpuSeconds / SECONDS) * 100,
      baseline: { what: "an idle kafkajs consumer", value: (stock.cpuSeconds / SECONDS) * 100 },
      target: { of: "value", most: 1 },
      note: `over ${SECONDS} s, from 5 s after the start`,
    },
  ]);
});
