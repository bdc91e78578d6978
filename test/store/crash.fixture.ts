/** A child process that commits without end until it is killed: pane number n, a cursor at n and an outbox row n in step. */

import { silentLog } from "../../src/lib/log.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { cursor, decision, layout, MINUTE, outboxMessage, pane, T0 } from "./rows.ts";

const store = await openSqliteStore({ path: process.argv[2] as string, log: silentLog, driftdVersion: "0.0.0" });
const [last] = await store.cursors();
for (let n = (last?.processedThrough ?? 0) + 1; ; n++) {
  const panes = [0, 1, 2].map((partition) =>
    pane({ partition, startMs: T0 + n * 5 * MINUTE, upto: n, counts: new Uint32Array(layout.row.slots).fill(n) }),
  );
  await store.commit({ panes, layouts: [layout.row], cursors: [cursor({ processedThrough: n, replayFrom: n })] });
  const through = { model: "m", version: "1", window: "1h", throughMs: n };
  await store.commitDecision(
    decision({
      evaluatedThrough: [through],
      alertState: [{ model: "m", version: "1", state: String(n) }],
      outbox: [outboxMessage({ id: `msg_${n}` })],
    }),
  );
  process.stdout.write(`${n}\n`);
}
