/**
 * Traffic for `docker compose up`: real US flights of 2001, moved to now. The reference is of the two weeks before; a day of sound records is
 * produced at once, and from three hours ago on the delay is in seconds instead of minutes, so that the first verdicts already show it.
 * After that each record is sent when its time has come.
 *
 *   node traffic.ts reference    writes the reference and when it all began, once
 *   node traffic.ts produce      into Kafka, until it is stopped; begins again where it stopped
 *   node traffic.ts print        the records up to now, as lines on standard output: for `driftd replay`
 *
 * Environment: DEMO_FOLDER (default /demo), KAFKA_BROKER (default kafka:9092).
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { FAULT_FROM, type FlightRecord, flightRecords, MODEL, VERSION } from "../../src/demo/flights.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { readVersion } from "../../src/lib/version.ts";
import { buildSnapshot } from "../../src/reference/build.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import { kafkajs } from "../../src/sources/kafka/kafkajs.ts";

const HOUR = 3_600_000;
const FAULT_AGE_MS = 3 * HOUR;
const BACKFILL_MS = 25 * HOUR;
const REFERENCE_MS = 14 * 24 * HOUR;
/** Hours of day keep their half hours: the reference has cells of that length. */
const STEP_MS = HOUR / 2;
/** A Monday noon: enough flights an hour for verdicts at once. */
const BEGIN = Date.parse("2001-01-29T12:00:00Z");
const LAST = "2001-07-01T00:00:00Z";
const TOPIC = "inference-log";
const BATCH = 500;

const folder = process.env["DEMO_FOLDER"] ?? "/demo";
const stateFile = join(folder, "traffic.json");

/** `shiftMs`: from 2001 to now. `producedToMs`: event time (of now) up to which everything is in Kafka. */
type State = { readonly shiftMs: number; readonly producedToMs: number };

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

const commands = { reference: writeReference, produce, print };
const command = process.argv[2] ?? "";
if (!Object.hasOwn(commands, command)) throw new Error(`usage: node traffic.ts ${Object.keys(commands).join(" | ")}`);
await commands[command as keyof typeof commands]().catch((error: unknown) => {
  if (!stop.signal.aborted) throw error;
});

async function readState(): Promise<State | undefined> {
  return await readFile(stateFile, "utf8").then(JSON.parse, () => undefined);
}

/** By a rename: a stop in between leaves the old one. */
async function writeState(state: State): Promise<void> {
  await writeFile(`${stateFile}.new`, JSON.stringify(state));
  await rename(`${stateFile}.new`, stateFile);
}

async function writeReference(): Promise<void> {
  if ((await readState()) !== undefined) return console.log("the reference is there");
  await mkdir(folder, { recursive: true });
  const faultMs = Math.floor((systemClock.nowMs() - FAULT_AGE_MS) / STEP_MS) * STEP_MS;
  const shiftMs = faultMs - BEGIN;
  const producedToMs = faultMs + FAULT_AGE_MS - BACKFILL_MS;
  const table = join(folder, "reference.ndjson");
  const out = createWriteStream(table);
  for await (const { timestamp, features } of shifted(shiftMs, producedToMs - REFERENCE_MS, producedToMs)) {
    if (!out.write(`${JSON.stringify({ timestamp, ...features })}\n`)) await once(out, "drain");
  }
  out.end();
  await finished(out);
  const { snapshot } = await buildSnapshot({
    input: table,
    model: MODEL,
    version: VERSION,
    timestamp: "timestamp",
    nowMs: systemClock.nowMs(),
    driftd: readVersion().version,
  });
  await saveSnapshot(snapshot, join(folder, "flights.reference.json"));
  await rm(table);
  await writeState({ shiftMs, producedToMs });
  console.log(`a reference of ${snapshot.records} flights; the fault begins at ${new Date(faultMs).toISOString()}`);
}

/** The flights of a stretch of now. */
async function* shifted(shiftMs: number, fromMs: number, toMs: number): AsyncGenerator<FlightRecord> {
  const from = new Date(fromMs - shiftMs).toISOString();
  const to = new Date(Math.min(toMs - shiftMs, Date.parse(LAST))).toISOString();
  for await (const record of flightRecords({ from, to })) {
    const timeMs = Date.parse(record.timestamp);
    // From its own moment on, a week later, the demonstration's records have the fault already.
    const inSeconds = timeMs >= BEGIN && timeMs < Date.parse(FAULT_FROM) && record.features.delay !== null;
    const features = inSeconds ? { ...record.features, delay: (record.features.delay ?? 0) * 60 } : record.features;
    // The number of a record in its stretch begins again with every start: with the time it is unique.
    const timestamp = new Date(timeMs + shiftMs).toISOString();
    yield { ...record, id: `${timestamp} ${record.id}`, timestamp, features };
  }
}

async function begun(): Promise<State> {
  const state = await readState();
  if (state === undefined) throw new Error(`${stateFile} is not there: run \`node traffic.ts reference\` first`);
  return state;
}

async function print(): Promise<void> {
  const { shiftMs, producedToMs } = await begun();
  for await (const record of shifted(shiftMs, producedToMs, systemClock.nowMs())) {
    if (!process.stdout.write(`${JSON.stringify(record)}\n`)) await once(process.stdout, "drain");
  }
}

async function produce(): Promise<void> {
  const { shiftMs, producedToMs } = await begun();
  const client = new kafkajs.Kafka({
    clientId: "traffic",
    brokers: [process.env["KAFKA_BROKER"] ?? "kafka:9092"],
    logLevel: kafkajs.logLevel.ERROR,
    retry: { retries: 20 },
  });
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: TOPIC, numPartitions: 2, replicationFactor: 1 }] });
  await admin.disconnect();
  const producer = client.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  let messages: { key: string; value: string }[] = [];
  let lastMs = producedToMs;
  let sent = 0;
  let isPast = true;
  const send = async () => {
    if (messages.length === 0) return;
    await producer.send({ topic: TOPIC, messages });
    sent += messages.length;
    messages = [];
    // What has the very time at which it stopped may be sent twice, never left out.
    await writeState({ shiftMs, producedToMs: lastMs });
  };
  for await (const record of shifted(shiftMs, producedToMs, Number.POSITIVE_INFINITY)) {
    if (stop.signal.aborted) break;
    const timeMs = Date.parse(record.timestamp);
    const earlyMs = timeMs - systemClock.nowMs();
    if (earlyMs > 0) {
      await send();
      if (isPast) console.log(`${sent} records of the past are in ${TOPIC}; from now on in real time`);
      isPast = false;
      await systemClock.sleep(earlyMs, stop.signal);
    }
    messages.push({ key: record.features.origin ?? "", value: JSON.stringify(record) });
    lastMs = timeMs;
    if (messages.length >= BATCH) await send();
  }
  await send();
  await producer.disconnect();
}
