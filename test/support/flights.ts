/** The demo's flights for tests with a real broker: the reference that they are judged by. */

import { join } from "node:path";
import { flightsPath, REFERENCE } from "../../src/demo/flights.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { buildSnapshot } from "../../src/reference/build.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";

/** Builds the reference of model `flights`, version `1`, into `flights.reference.json` of a folder. */
export async function writeFlightsReference(folder: string): Promise<Snapshot> {
  const { snapshot } = await buildSnapshot({
    input: flightsPath(),
    model: "flights",
    version: "1",
    timestamp: "date",
    fromMs: Date.parse(REFERENCE.from),
    toMs: Date.parse(REFERENCE.to),
    nowMs: systemClock.nowMs(),
    driftd: "test",
  });
  await saveSnapshot(snapshot, join(folder, "flights.reference.json"));
  return snapshot;
}
